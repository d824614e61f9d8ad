"""Bytes to lines in constant memory, however long a line is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE_BYTES = 16 * 1024 * 1024
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its end.

    Attributes:
        number: From 1.
        data: The bytes; only the first `MAX_LINE_BYTES` of a longer line.
        size: How long the line is in the file.
    """

    number: int
    data: bytes
    size: int

    @property
    def is_cut(self) -> bool:
        """Whether bytes are missing."""
        return self.size > len(self.data)


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Every line of a stream. LF and CRLF end a line; a missing end at the end of the stream is fine."""
    number = 0
    while True:
        data = stream.readline(MAX_LINE_BYTES)
        if not data:
            return
        number += 1
        size = len(data)
        if not data.endswith(b"\n") and size == MAX_LINE_BYTES:
            size += _skip_rest(stream)
        else:
            data = data.removesuffix(b"\n").removesuffix(b"\r")
            size = len(data)
        yield Line(number, data, size)


def _skip_rest(stream: BinaryIO) -> int:
    skipped = 0
    while True:
        rest = stream.readline(_CHUNK)
        skipped += len(rest)
        if not rest or rest.endswith(b"\n"):
            return skipped
