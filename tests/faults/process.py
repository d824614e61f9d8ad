"""Processes that tests kill, fork and starve: `python -m tests.faults.process NAME URL DIRECTORY NAMESPACE`.

Each prints a line when it has come to where the test wants it, and then waits for a line or its death.
"""

from __future__ import annotations

import itertools
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from dq_gate import Gate
from dq_gate.quarantine.spool import Spool
from tests.fakes import Reports, make_entry
from tests.faults.writing import WAIT, make_writer

if TYPE_CHECKING:
    from dq_gate.quarantine.writer import Writer

ROOT = Path(__file__).parents[2]


def start(name: str, url: str, directory: Path, namespace: str) -> subprocess.Popen[str]:
    """Start one of the functions below in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.process", name, url, str(directory), namespace],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def put(url: str, directory: Path, namespace: str) -> None:
    """Put 500 entries and wait to be killed."""
    writer = make_writer(url, directory, namespace, Reports())
    say(*sorted(set(submit(writer, namespace, "entry", 500))))
    sys.stdin.readline()


def put_and_tell(url: str, directory: Path, namespace: str) -> None:
    """Put from four threads until killed, and say each id once it is acknowledged."""
    writer = make_writer(url, directory, namespace, Reports())

    def put_on(thread: int) -> None:
        for n in itertools.count():
            entry = make_entry(f"{os.getpid()}-{thread}-{n}", namespace=namespace)
            os.write(1, f"{entry.id} begun\n".encode())
            os.write(1, f"{entry.id} {writer.submit(entry).result(WAIT).stored}\n".encode())

    for thread in range(4):
        threading.Thread(target=put_on, args=(thread,), daemon=True).start()
    sys.stdin.readline()


def drain(url: str, directory: Path, namespace: str) -> None:
    """Drain what dead processes left, until killed."""
    writer = make_writer(url, directory, namespace, Reports())
    submit(writer, namespace, f"{os.getpid()}", 1)
    say("begun")
    sys.stdin.readline()


def redrive(url: str, directory: Path, namespace: str) -> None:
    """Redrive what is released until killed, and say each id once its handler is done."""
    gate = Gate.load(
        directory / "small.yaml",
        quarantine=url,
        namespace=namespace,
        state_dir=directory / "state",
        log=os.devnull,
        redrive_lease_s=1.0,
    )

    def handle(record: dict[str, object], entry_id: str) -> None:
        os.write(1, f"{entry_id}\n".encode())

    say("begun")
    gate.redrive(handle)


def fork_while_writing(url: str, directory: Path, namespace: str) -> None:
    """Fork in the middle of writing; both go on, and the child ends first."""
    writer = make_writer(url, directory, namespace, Reports())
    stored: list[str] = []
    thread = threading.Thread(target=lambda: stored.extend(submit(writer, namespace, "parent", 500)))
    thread.start()
    submit(writer, namespace, "before", 20)
    child = os.fork()
    if child == 0:
        writer.abandon()
        own = make_writer(url, directory, namespace, Reports())
        assert set(submit(own, namespace, "child", 50)) <= {"store", "spool"}
        assert own.close(WAIT) == 0
        return  # through the interpreter's whole shutdown, which is what might harm the parent
    _, status = os.waitpid(child, 0)
    thread.join()
    stored += submit(writer, namespace, "after", 20)
    say(str(os.waitstatus_to_exitcode(status)), *sorted(set(stored)))
    sys.stdin.readline()
    say(str(writer.close(WAIT)))


def fork_and_wait(url: str, directory: Path, namespace: str) -> None:
    """Fork with a spool that is in use; the child lives on."""
    writer = make_writer(url, directory, namespace, Reports())
    submit(writer, namespace, "parent", 20)
    child = os.fork()
    if child == 0:
        writer.abandon()
        say("forked")
    sys.stdin.readline()


def fork_often(url: str, directory: Path, namespace: str) -> None:
    """Fork while threads are within SQLite; each child uses SQLite too."""
    spool = Spool(directory, "0" * 16)

    def use_sqlite() -> None:
        while True:
            spool.put([make_entry("parent")])
            spool.take(10)

    for _ in range(3):
        threading.Thread(target=use_sqlite, daemon=True).start()
    for _ in range(60):
        child = os.fork()
        if child == 0:
            signal.alarm(20)  # ends a child that hangs
            spool.abandon()
            own = Spool(directory, "1" * 16)
            own.put([make_entry("child")])
            own.close()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            break
    say(str(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def fill_the_disk(url: str, directory: Path, namespace: str) -> None:
    """Put until no file may grow any more, then with room again."""
    reports = Reports()
    writer = make_writer(url, directory, namespace, reports)
    submit(writer, namespace, "before", 5)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    full = submit(writer, namespace, "full", 200)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    after = submit(writer, namespace, "after", 5)
    say(full[-1], *sorted(set(after)), *(event.payload().get("store", "") for event in reports.events))
    sys.stdin.readline()
    writer.close(WAIT)


def may_not_write(url: str, directory: Path, namespace: str) -> None:
    """Put as a user who may not write to the state directory."""
    reports = Reports()
    writer = make_writer(url, directory, namespace, reports)
    if os.geteuid() == 0:
        os.seteuid(65534)
    stored = submit(writer, namespace, "entry", 5)
    say(*sorted(set(stored)), *(event.payload().get("store", "") for event in reports.events))


def submit(writer: Writer, namespace: str, prefix: str, count: int) -> list[str]:
    """Put entries one after the other; where each went."""
    entries = (make_entry(f"{prefix}-{n}", namespace=namespace) for n in range(count))
    return [writer.submit(entry).result(WAIT).stored for entry in entries]


def say(*words: str) -> None:
    """Tell the test."""
    print(*words, flush=True)


if __name__ == "__main__":
    function, address, spool_directory, name_space = sys.argv[1:]
    globals()[function](address, Path(spool_directory), name_space)
