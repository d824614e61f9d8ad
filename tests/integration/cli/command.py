"""Ways to run `dq-gate` as users meet it: as a process, on a terminal, or quickly in this process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = (sys.executable, "-m", "dq_gate")
WAIT = 60


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        """The objects of JSON lines on standard output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line on standard error."""
        (line,) = self.err.splitlines()
        return line


def dq_gate(*arguments: object, cwd: Path, stdin: bytes | BinaryIO = b"", **options: Any) -> Result:
    """Run the command as a process of its own."""
    given: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    given |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": environment()} | options
    done = subprocess.run([*PROGRAM, *map(str, arguments)], cwd=cwd, timeout=WAIT, check=False, **given)
    return Result(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())


def start(*arguments: object, cwd: Path, **options: Any) -> subprocess.Popen[bytes]:
    """Start the command with pipes to its three streams."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([*PROGRAM, *map(str, arguments)], cwd=cwd, **({"env": environment()} | streams | options))


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of dq_gate and of terminals, and with some variables."""
    unwanted = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DQ_GATE_")}
    return {name: value for name, value in kept.items() if name not in unwanted} | {"TERM": "xterm"} | variables


class Terminal:
    """A terminal of some width, and what appears on it, as text and as the bytes that were sent to it."""

    def __init__(self, columns: int) -> None:
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.text = ""
        self.data = b""

    def read(self) -> bool:
        """Wait for more to appear; False at the end."""
        try:
            data = os.read(self.ours, 65_536)
        except OSError as error:
            if error.errno != errno.EIO:  # what a terminal says when its last user is gone
                raise
            data = b""
        self.data += data
        self.text += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)

    def leave_to(self, process: subprocess.Popen[bytes]) -> int:
        """Read until the process ends; its exit code."""
        while self.read():
            pass
        return process.wait(WAIT)


@contextlib.contextmanager
def terminal(columns: int = 120) -> Iterator[Terminal]:
    """A terminal that is closed at the end."""
    made = Terminal(columns)
    yield made
    os.close(made.ours)


def on_terminal(*arguments: object, cwd: Path, columns: int = 120, env: dict[str, str] | None = None) -> Result:
    """Run the command with all three streams on a terminal."""
    with terminal(columns) as screen:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.theirs)
        process = start(*arguments, cwd=cwd, env=env or environment(), **streams)
        os.close(screen.theirs)
        return Result(screen.leave_to(process), screen.text, "")


def write_lines(path: Path, *records: object) -> Path:
    """Write a JSON Lines file; bytes are written as they are."""
    lines = [record if isinstance(record, bytes) else json.dumps(record).encode() for record in records]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path
