"""Bytes to lines in constant memory, however long a line is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE_BYTES = 16 * 1024 * 1024
_LONGEST_END = 2
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        number: From 1.
        data: The bytes without the end; only the first `MAX_LINE_BYTES` of a longer line.
        size: How long the line is in the file, without its end.
        end: What ends it: LF, CRLF, or nothing at the end of the stream.
    """

    number: int
    data: bytes
    size: int
    end: bytes

    @property
    def is_cut(self) -> bool:
        """Whether bytes are missing."""
        return self.size > len(self.data)


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Every line of a stream. LF and CRLF end a line; a missing end at the end of the stream is fine."""
    number = 0
    while data := stream.readline(MAX_LINE_BYTES + _LONGEST_END):
        number += 1
        end = _end_of(data)
        size = len(data) - len(end)
        if not end:
            size += _skip_rest(stream, data[-1:])
        yield Line(number, data[: min(size, MAX_LINE_BYTES)], size, end)


def _end_of(data: bytes) -> bytes:
    if data.endswith(b"\r\n"):
        return b"\r\n"
    return b"\n" if data.endswith(b"\n") else b""


def _skip_rest(stream: BinaryIO, last: bytes) -> int:
    """Read up to the line's end, keeping nothing but the last byte; how many bytes that adds, without the end."""
    skipped = 0
    while rest := stream.readline(_CHUNK):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            return skipped - len(_end_of(last + rest))
        last = rest[-1:]
    return skipped
