"""A log file: in the page cache before the call returns, shared by processes, rotated by size."""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class FileSink:
    """A `Sink` that appends each line in one write, so that several processes may share the file.

    Once the file has grown to `max_bytes`, the next line goes into a new one: `events.jsonl` becomes `events.jsonl.1`,
    that `.2`, and so on. One process does it, under a lock file; the others notice before their next line.

    Args:
        path: The file; its directory is made.
        max_bytes: Size at which the file is rotated; 0 for never.
        backups: How many rotated files are kept.
    """

    def __init__(self, path: Path, *, max_bytes: int = 0, backups: int = 5) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._backups = backups
        self._lock = threading.RLock()  # a closed descriptor's number may be another file's; signal handlers emit too
        self._fd: int | None = self._open()
        self._is_torn = False
        self._is_rotating = False

    def write(self, line: bytes) -> None:
        """See `Sink`.

        Raises:
            OSError: it was not written, or not whole.
        """
        with self._lock:
            if self._fd is None:
                raise OSError("the log file is closed")
            if self._max_bytes and not self._is_rotating:
                self._rotate_if_full()
            if self._is_torn:
                line = b"\n" + line
            written = os.write(self._fd, line)
            self._is_torn = written < len(line)
            if self._is_torn:
                raise OSError("the disk took only part of a line")

    def flush(self, within: float) -> bool:  # noqa: ARG002 - nothing is held back
        """See `Sink`."""
        return True

    def follow_rotation(self) -> None:
        """Open the file anew when its name was given to another one, or to none."""
        with self._lock:
            if self._fd is not None and not self._is_in_place(self._fd):
                self._reopen()

    def close(self, within: float = 0.0) -> None:  # noqa: ARG002 - nothing is held back
        """Let go of the file; lines that come later are refused."""
        with self._lock:
            fd, self._fd = self._fd, None
            if fd is not None:
                os.close(fd)

    def abandon(self) -> None:
        """In a forked child: let go of the file, whoever held the lock in the parent."""
        self._lock = threading.RLock()
        self.close()

    def _open(self) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _reopen(self) -> None:
        stale, self._fd, self._is_torn = self._fd, self._open(), False
        if stale is not None:
            os.close(stale)

    def _is_in_place(self, fd: int) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(fd))
        except FileNotFoundError:
            return False

    def _rotate_if_full(self) -> None:
        """Begin a new file where this one is full, unless another process has: then go on in that one."""
        assert self._fd is not None
        found = os.fstat(self._fd)
        if found.st_size < self._max_bytes and found.st_nlink:
            return
        self._is_rotating = True  # whoever interrupts this thread would wait for its lock file for ever
        try:
            if found.st_nlink:
                with self._rotating():
                    if self._is_in_place(self._fd):
                        self._shift()
            self._reopen()
        finally:
            self._is_rotating = False

    @contextmanager
    def _rotating(self) -> Iterator[None]:
        """Alone among all processes. Held for a few renames only."""
        lock = os.open(f"{self._path}.lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _shift(self) -> None:
        """Give every file the next one's name; the oldest is overwritten."""
        names = [self._path, *(self._path.with_name(f"{self._path.name}.{n}") for n in range(1, self._backups + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            if newer.exists():
                newer.replace(older)
