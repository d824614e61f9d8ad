"""Lines of a stream that is read once, to its end: a pipe, a terminal, a FIFO, or a file as it is now."""

from __future__ import annotations

import os
import select
import stat
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.sources.base import CHUNK_BYTES, Chunk
from dq_gate.alerts.sources.lines import LineCutter

if TYPE_CHECKING:
    from pathlib import Path


class StreamSource:
    """Reads a descriptor to its end. It cannot go back, and so has no position.

    Args:
        descriptor: An open file descriptor; closed by `close`.
        name: What it is called.
    """

    lost = 0

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self.ended = False
        self._descriptor = descriptor
        self._cutter = LineCutter()
        self._read = 0

    @property
    def overlong(self) -> int:
        """See `Source`."""
        return self._cutter.overlong

    @property
    def descriptor(self) -> int | None:
        """See `Source`."""
        return self._descriptor

    def go_on(self, position: Any) -> None:
        """What was read of a stream is gone; it goes on by itself."""

    def progress(self) -> tuple[int, int]:
        """See `Source`."""
        found = os.fstat(self._descriptor)
        return (self._read, found.st_size) if stat.S_ISREG(found.st_mode) else (0, 0)

    def poll(self) -> Chunk | None:
        """See `Source`."""
        if not select.select([self._descriptor], [], [], 0)[0]:
            return None
        try:
            piece = os.read(self._descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return None
        self._read += len(piece)
        self.ended = not piece
        return Chunk(self._cutter.cut(piece) if piece else self._cutter.flush(), _nowhere)

    def close(self) -> None:
        """See `Source`."""
        os.close(self._descriptor)


def open_stream(path: Path, *, follow: bool) -> int:
    """Open what is to be read as a stream.

    Args:
        path: A file's path.
        follow: Whether a FIFO goes on when its writer has left: another may come.

    Raises:
        OSError: it cannot be opened, or is a directory.
    """
    if follow and path.is_fifo():
        # Being a writer oneself is how a reader never sees the end.
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(None, "is a directory")
    return descriptor


def _nowhere(_taken: int) -> None:
    return None
