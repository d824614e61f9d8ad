"""The SQLite store on real files: several processes, forks, kills, and disks and files that do not play along."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from dq_gate.core.lifecycle import CLAIM
from dq_gate.errors import BackendUnavailableError, UnreadableEntryError
from dq_gate.quarantine.entry import Filter, Lease
from dq_gate.quarantine.sqlite import SqliteStore
from tests.store_model import make_act, make_entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "quarantine.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path, "n", timeout=10.0)
    yield store
    store.close()


def refused(path: Path) -> str:
    """Why a store at a path cannot be used."""
    store = SqliteStore(path, "n", timeout=0.05)
    with pytest.raises(BackendUnavailableError) as caught:
        store.put([make_entry("e1", "n")])
    store.close()
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_only_the_owner_may_read_what_is_quarantined(store, path):
    umask = os.umask(0)
    try:
        store.put([make_entry("e1", "n")])
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {"quarantine.db", "quarantine.db-wal", "quarantine.db.lock"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_every_commit_is_synced(store):
    store.put([make_entry("e1", "n")])
    with store._file.read() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_relative_path_stays_where_it_was_first_meant(tmp_path, monkeypatch):
    from pathlib import Path

    monkeypatch.chdir(tmp_path)
    store = SqliteStore(Path("q.db"), "n", timeout=10.0)
    monkeypatch.chdir("/")
    store.put([make_entry("e1", "n")])
    store.close()
    assert (tmp_path / "q.db").exists()


def test_a_directory_that_cannot_be_made_is_named_with_the_way_out(tmp_path):
    (tmp_path / "file").touch()
    assert "DQ_GATE_QUARANTINE" in refused(tmp_path / "file" / "quarantine.db")


def test_a_path_that_is_a_directory_is_refused(tmp_path):
    assert "DQ_GATE_QUARANTINE" in refused(tmp_path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    path.parent.mkdir()
    path.write_bytes(b"secret " * 1_000)
    message = refused(path)
    assert "no SQLite file" in message
    assert "secret" not in message
    assert path.read_bytes() == b"secret " * 1_000


def test_another_programs_database_is_refused_and_left_alone(path):
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    assert "another program's database" in refused(path)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    db.close()


def test_a_file_of_a_newer_release_is_refused(store, path):
    store.put([make_entry("e1", "n")])
    with store._file.write() as db:
        db.execute("PRAGMA user_version = 3")
    store.close()
    assert "format 3" in refused(path)


def test_a_damaged_file_is_refused_and_a_new_one_made_once_it_is_moved_away(store, path):
    store.put([make_entry(f"e{n}", "n", payload=b'{"v":1,"value":"' + b"x" * 9_000 + b'"}') for n in range(50)])
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(b"\xff" * (size - 4_096))
    with pytest.raises(BackendUnavailableError, match="damaged"):
        store.put([make_entry("new", "n")])

    path.rename(path.with_name("damaged.db"))
    assert store.put([make_entry("new", "n")]) == ["created"]


def test_a_damaged_entry_is_refused_without_quoting_it(store):
    store.put([make_entry("e1", "n")])
    with store._file.write() as db:
        db.execute("UPDATE bodies SET body = ?", (b'{"schema_version":1,"payload":"secret"',))
    with pytest.raises(UnreadableEntryError, match="damaged") as caught:
        store.get("e1")
    assert "secret" not in str(caught.value)


def test_a_full_disk_refuses_the_put_and_keeps_what_was_there(store):
    store.put([make_entry("e1", "n")])
    with store._file.write() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
    large = make_entry("e2", "n", payload=b'{"v":1,"value":"' + b"x" * 200_000 + b'"}')

    with pytest.raises(BackendUnavailableError, match="disk is full"):
        store.put([large])
    assert store.get("e1") is not None
    assert store.get("e2") is None

    with store._file.write() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    assert store.put([large]) == ["created"]


def test_a_put_waits_for_another_process_only_so_long(store, path):
    store.ping()
    with path.with_name("quarantine.db.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another process held it" in refused(path)
        assert store.get("e1") is None  # reading waits for nobody
    assert store.put([make_entry("e1", "n")]) == ["created"]


def test_a_program_that_holds_the_file_without_our_lock_is_waited_for_only_so_long(store, path):
    store.ping()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert "another program held it" in refused(path)
    other.execute("COMMIT")
    other.close()
    assert store.put([make_entry("e1", "n")]) == ["created"]


def put_and_claim(path: Path, number: int, claimed: multiprocessing.Queue) -> None:
    store = SqliteStore(path, "n", timeout=30.0)
    results = []
    for n in range(0, 60, 6):
        entries = [make_entry(f"e{i:02}", "n") for i in range(n, n + 6)]
        results += store.put(entries)
        ids = [entry.id for entry in entries]
        act = make_act(CLAIM, lease=Lease(f"t{number}", f"owner-{number}", 3_000.0))
        results += zip(ids, store.act(ids, act), strict=True)
    store.close()
    claimed.put(results)


def test_processes_share_a_file_and_every_entry_has_one_put_and_one_owner(path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=put_and_claim, args=(path, n, queue)) for n in range(3)]
    for worker in workers:
        worker.start()
    results = [result for _ in workers for result in queue.get(timeout=60)]
    for worker in workers:
        worker.join()
    queue.close()

    ids = [f"e{n:02}" for n in range(60)]
    assert results.count("created") == 60
    assert results.count("seen") == 120
    assert sorted(result[0] for result in results if result[1] == "done") == ids
    store = SqliteStore(path, "n", timeout=10.0)
    assert store.stats().by_state["leased"] == 60
    store.close()


def in_child(check) -> bool:
    """Whether a check holds in a forked child."""
    process = os.fork()
    if process == 0:
        try:
            os._exit(0 if check() else 1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def test_a_child_forked_amid_a_write_undoes_nothing_of_it(store):
    store.put([make_entry("e1", "n")])

    def close() -> bool:
        store.close()
        return True

    with store._file.write() as db:
        db.execute("UPDATE entries SET seen = 50")
        assert in_child(close)
    assert store.get("e1").seen == 50
    assert store.put([make_entry("e2", "n")]) == ["created"]


def test_a_forked_child_opens_the_file_anew(store):
    store.put([make_entry("e1", "n")])
    assert in_child(
        lambda: store.put([make_entry("e1", "n", created_at=1_001.0), make_entry("e2", "n")]) == ["seen", "created"]
    )
    assert store.put([make_entry("e2", "n")]) == ["seen"]
    assert store.get("e1").seen == 2


FORK_AND_WAIT = """
import os, signal, sys
from pathlib import Path
from dq_gate.quarantine.sqlite import SqliteStore

store = SqliteStore(Path(sys.argv[1]), "n", timeout=10.0)
with store._file.write():
    child = os.fork()
    if child:
        print(child, flush=True)
    signal.pause()
"""


def test_a_lock_dies_with_its_owner_though_a_forked_child_lives_on(store, path):
    with subprocess.Popen([sys.executable, "-c", FORK_AND_WAIT, str(path)], stdout=subprocess.PIPE, text=True) as owner:
        child = int(owner.stdout.readline())
        owner.kill()
        owner.wait()
        try:
            store.ping()
        finally:
            os.kill(child, signal.SIGKILL)


PUT_FOR_EVER = """
import sys
from pathlib import Path
from dq_gate.quarantine.sqlite import SqliteStore
from tests.store_model import make_entry

store = SqliteStore(Path(sys.argv[1]), "n", timeout=10.0)
for n in range(1_000_000):
    store.put([make_entry(f"e{n}-{i}", "n") for i in range(5)])
    print(n, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill_and_nothing_is_there_in_part(store, path):
    with subprocess.Popen(
        [sys.executable, "-c", PUT_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        for _ in range(20):
            process.stdout.readline()
        process.kill()
        acknowledged = 20 + len(process.stdout.read().splitlines())

    kept = store.stats().by_state["pending"]
    assert kept % 5 == 0
    assert kept // 5 in (acknowledged, acknowledged + 1)
    assert store.groups()[0].count == kept
    first = store.find(Filter(), limit=100)
    assert all(store.get(entry.id) == entry for entry in first.entries)


def test_health_names_the_file_and_the_library(store, path):
    health = store.health()
    assert health.unsafe == ()
    assert health.detail == {
        "kind": "sqlite",
        "address": f"sqlite:///{path}",
        "version": sqlite3.sqlite_version,
    }
