"""Where event lines go: a stream or a file. Sinks take whole lines as bytes."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Literal


class StreamSink:
    """Standard output or error, looked up at each write: tests, notebooks and daemons replace them."""

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self._name = name

    def write(self, line: bytes) -> None:
        """Write one line."""
        stream = getattr(sys, self._name)
        if stream is None:
            raise OSError(f"{self._name} is closed")
        binary = getattr(stream, "buffer", None)
        if binary is not None:
            binary.write(line)
        else:
            stream.write(line.decode())

    def flush(self) -> None:
        """Hand over what the stream holds back."""
        getattr(sys, self._name).flush()

    def follow_rotation(self) -> None:
        """Streams do not rotate."""

    def close(self) -> None:
        """Streams belong to the process."""

    def abandon(self) -> None:
        """Streams belong to the process."""


class FileSink:
    """A file that lines are appended to, each in one write, so that several processes may share it. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()  # a number that was closed may be another file's the next moment
        self._fd: int | None = self._open()
        self._is_torn = False

    def _open(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def write(self, line: bytes) -> None:
        """Append one line.

        Raises:
            OSError: it was not written, or not whole.
        """
        with self._lock:
            if self._fd is None:
                raise OSError("the log file is closed")
            if self._is_torn:
                line = b"\n" + line
            written = os.write(self._fd, line)
            self._is_torn = written < len(line)
            if self._is_torn:
                raise OSError("the disk took only part of a line")

    def flush(self) -> None:
        """Nothing is held back."""

    def follow_rotation(self) -> None:
        """Open the file anew when its name was given to another one, or to none."""
        with self._lock:
            if self._fd is None or self._is_in_place(self._fd):
                return
            fresh = self._open()
            os.close(self._fd)
            self._fd, self._is_torn = fresh, False

    def _is_in_place(self, fd: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(fd))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Let go of the file; lines that come later are refused."""
        with self._lock:
            fd, self._fd = self._fd, None
            if fd is not None:
                os.close(fd)

    def abandon(self) -> None:
        """In a forked child: let go of the file, whoever held the lock in the parent."""
        self._lock = threading.Lock()
        self.close()


Sink = StreamSink | FileSink


def open_sink(log: str) -> Sink:
    """Open a sink: `stdout`, `stderr`, or a file's path; a file that cannot be opened gives way to stderr, loudly."""
    if log == "stdout":
        return StreamSink("stdout")
    if log == "stderr":
        return StreamSink("stderr")
    try:
        return FileSink(Path(log))
    except OSError as error:
        sys.stderr.write(f"dq_gate: events cannot be written to {log}: {error.strerror}; they go to stderr\n")
        return StreamSink("stderr")
