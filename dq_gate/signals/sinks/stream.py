"""Outlets into pipes and terminals: standard output and error, and named pipes."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Any, Literal

from dq_gate.signals.sinks.base import NOT_NOW, Sent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CHUNK_BYTES = select.PIPE_BUF
"""Lines are written so many bytes at once: a pipe that several processes share takes that much as one piece."""
POLL_MS = 100


class StreamOutlet:
    """Standard output or error, looked up at each write: tests, notebooks and daemons replace them.

    The process's own stream is written to below Python's buffers. Their lock, held by a thread that a full pipe
    stops, would stop every `print` and abort the interpreter's exit.
    """

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self._name = name

    def send(self, lines: Sequence[bytes]) -> Sent:
        """See `Outlet`."""
        count, chunk = _first_chunk(lines)
        stream = getattr(sys, self._name)
        try:
            descriptor = self._descriptor(stream)
            if descriptor is None:
                _write_text(stream, chunk)
            elif not _write(descriptor, chunk):
                return NOT_NOW
        except (OSError, ValueError, AttributeError):  # the reader went, the stream was closed, or there is none
            return Sent(lost=count)
        return Sent(written=count)

    def close(self) -> None:
        """Streams belong to the process."""

    def _descriptor(self, stream: Any) -> int | None:
        """The descriptor of the process's own stream; None of one that took its place."""
        if stream is None or stream is not getattr(sys, f"__{self._name}__"):
            return None
        return int(stream.fileno())


class PipeOutlet:
    """A named pipe. While nobody reads from it, nothing is sent.

    Args:
        path: The pipe.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def send(self, lines: Sequence[bytes]) -> Sent:
        """See `Outlet`."""
        count, chunk = _first_chunk(lines)
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            return Sent(written=count) if _write(self._descriptor, chunk) else NOT_NOW
        except OSError:  # nobody reads yet, or no more: another reader may come
            self.close()
            return NOT_NOW

    def close(self) -> None:
        """See `Outlet`."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _first_chunk(lines: Sequence[bytes]) -> tuple[int, bytes]:
    """As many of the first lines as one write takes, at least one."""
    size = count = 0
    for line in lines:
        size += len(line)
        if count and size > CHUNK_BYTES:
            break
        count += 1
    return count, b"".join(lines[:count])


def _write(descriptor: int, chunk: bytes) -> bool:
    """Write all of a chunk; False when there is no room for its beginning."""
    if not _is_writable(descriptor, POLL_MS):
        return False
    rest = memoryview(chunk)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest[:CHUNK_BYTES]) :]
        except BlockingIOError:  # the application made it so
            if len(rest) == len(chunk):
                return False
        if rest:
            _is_writable(descriptor, POLL_MS)
    return True


def _is_writable(descriptor: int, within_ms: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(within_ms))


def _write_text(stream: Any, chunk: bytes) -> None:
    binary = getattr(stream, "buffer", None)
    if binary is not None:
        binary.write(chunk)
    else:
        stream.write(chunk.decode())
    stream.flush()
