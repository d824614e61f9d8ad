"""Where log lines come from: a stream until its end, or a file that is followed through its rotations.

A source yields lists of whole lines. An empty list says that all there is has been read, and that it waited for more.
Nothing here takes more memory than one chunk and one line.
"""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dq_gate.alerts.lines import LineCutter
from dq_gate.errors import UnreadableInputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

CHUNK_BYTES = 256 * 1024
POLL_SECONDS = 0.25
LINGER_SECONDS = 60.0
"""A file that was renamed away is read until it was quiet for this long: its writer may not have noticed yet, but a
gate writes a window every 10 s."""

_MAX_RENAMED = 8
_HEAD_BYTES = 128

Batch = list[bytes]


class Source(Protocol):
    """Where lines come from."""

    @property
    def overlong(self) -> int:
        """Lines that were too long and skipped."""
        ...

    def batches(self, stop: Event) -> Iterator[Batch]:
        """Lines, until the end or until told to stop."""
        ...


def open_source(path: str, *, follow: bool) -> Source:
    """Open an input.

    Args:
        path: A file's path, or `-` for standard input. What is no regular file is read as a stream.
        follow: Whether to go on at a file's end; one that is not there yet is then waited for.

    Raises:
        UnreadableInputError: it cannot be opened.
    """
    try:
        if path == "-":
            return StreamSource(os.dup(0))
        is_regular = stat.S_ISREG(Path(path).stat().st_mode)
        if follow and is_regular:
            return FollowedFile(Path(path))
        return StreamSource(_open(path))
    except FileNotFoundError:
        if follow:
            return FollowedFile(Path(path))
        raise UnreadableInputError(f"{path}: no such file; name the event log with --input") from None
    except OSError as error:
        raise UnreadableInputError(f"{path}: cannot be read: {error.strerror}") from None


def _open(path: str | Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(None, "is a directory")
    return descriptor


class StreamSource:
    """Reads a pipe, a terminal or a file to its end.

    Args:
        descriptor: An open file descriptor; it is closed at the end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._cutter = LineCutter()

    @property
    def overlong(self) -> int:
        """See `Source`."""
        return self._cutter.overlong

    def batches(self, stop: Event) -> Iterator[Batch]:
        """See `Source`."""
        try:
            yield from self._batches(stop)
        finally:
            os.close(self._descriptor)

    def _batches(self, stop: Event) -> Iterator[Batch]:
        while not stop.is_set():
            ready, _, _ = select.select([self._descriptor], [], [], POLL_SECONDS)
            if not ready:
                yield []
                continue
            chunk = os.read(self._descriptor, CHUNK_BYTES)
            if not chunk:
                yield self._cutter.flush()
                return
            if lines := self._cutter.cut(chunk):
                yield lines


class _OpenFile:
    """A file being read. It notices when its content was replaced under its name (copy and truncate)."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path)
        self._position = 0
        self._head = b""
        self.cutter = LineCutter()
        self.quiet_since = time.monotonic()

    def read(self) -> Batch | None:
        """The next whole lines, possibly none; None at the end."""
        cut_short = self.cutter.flush() if self._was_replaced() else []
        chunk = os.read(self._descriptor, CHUNK_BYTES)
        if not chunk:
            return cut_short or None
        self._position += len(chunk)
        self.quiet_since = time.monotonic()
        return cut_short + self.cutter.cut(chunk)

    def is_at(self, path: Path) -> bool | None:
        """Whether the path still names this file; None when it names nothing."""
        try:
            return os.path.samestat(path.stat(), os.fstat(self._descriptor))
        except FileNotFoundError:
            return None

    def close(self) -> Batch:
        """Let go of it; returns the last line, when it has no end."""
        os.close(self._descriptor)
        return self.cutter.flush()

    def _was_replaced(self) -> bool:
        """Whether it shrank, or begins differently: then start over."""
        head = os.pread(self._descriptor, _HEAD_BYTES, 0)
        shrank = os.fstat(self._descriptor).st_size < self._position
        replaced = shrank or not head.startswith(self._head)
        if replaced:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            self._position = 0
        self._head = head
        return replaced


class FollowedFile:
    """Reads a file from its start, and goes on as it grows, is truncated, or is replaced by another of its name.

    Args:
        path: The file; it need not exist yet.
        linger: Seconds that a renamed file must be quiet before it is let go.
    """

    def __init__(self, path: Path, *, linger: float = LINGER_SECONDS) -> None:
        self._path = path
        self._linger = linger
        self._current: _OpenFile | None = None
        self._renamed: list[_OpenFile] = []
        self._overlong_of_closed = 0

    @property
    def overlong(self) -> int:
        """See `Source`."""
        return self._overlong_of_closed + sum(file.cutter.overlong for file in self._files())

    def batches(self, stop: Event) -> Iterator[Batch]:
        """See `Source`.

        Raises:
            UnreadableInputError: the file is there and cannot be opened.
        """
        try:
            while not stop.is_set():
                lines = self._poll()
                if lines is None:
                    yield []
                    stop.wait(POLL_SECONDS)
                elif lines:
                    yield lines
        finally:
            for file in self._files():
                file.close()

    def _files(self) -> list[_OpenFile]:
        return [*self._renamed, self._current] if self._current is not None else self._renamed

    def _poll(self) -> Batch | None:
        """The next lines of the oldest file that has some; None when there are none and no file was opened."""
        for file in self._files():
            lines = file.read()
            if lines is not None:
                return lines
        return self._let_go() or ([] if self._open_current() else None)

    def _open_current(self) -> bool:
        """Open what the path names, if it is not open yet."""
        if self._current is not None and self._current.is_at(self._path) is not False:
            return False
        try:
            fresh = _OpenFile(self._path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UnreadableInputError(f"{self._path}: cannot be read: {error.strerror}") from None
        if self._current is not None:
            self._renamed.append(self._current)
        self._current = fresh
        return True

    def _let_go(self) -> Batch:
        """Close renamed files that have been quiet for long, or are too many."""
        now = time.monotonic()
        last_lines: Batch = []
        for position, file in enumerate(list(self._renamed)):
            too_many = len(self._renamed) - position > _MAX_RENAMED
            if too_many or now - file.quiet_since > self._linger:
                self._renamed.remove(file)
                self._overlong_of_closed += file.cutter.overlong
                last_lines += file.close()
        return last_lines
