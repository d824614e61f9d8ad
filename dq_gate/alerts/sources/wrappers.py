r"""What container runtimes put around a line of a program, and how they split a long one. Pure.

CRI (containerd, CRI-O):  2016-10-06T00:17:09.669794202Z stdout P The first part, and later one with F, the last.
Docker's json-file:       {"log":"A line, with its end unless it goes on\n","stream":"stdout","time":"2016-10-06T…"}
"""

from __future__ import annotations

from typing import Any, NamedTuple

_STREAMS = frozenset({"stdout", "stderr"})
_CRI_PARTS = 4


class Piece(NamedTuple):
    """A wrapped line, or a part of one.

    Attributes:
        stream: stdout or stderr; parts of one line come in the same.
        text: The program's own.
        is_last: Whether the line ends here.
    """

    stream: str
    text: bytes
    is_last: bool


def cri_piece(line: bytes) -> Piece | None:
    """What a line wraps, when it is one of CRI's."""
    parts = line.split(b" ", _CRI_PARTS - 1)
    if len(parts) != _CRI_PARTS or parts[1] not in (b"stdout", b"stderr") or b"T" not in parts[0]:
        return None
    flag = parts[2].partition(b":")[0]
    if flag not in (b"P", b"F"):
        return None
    return Piece(parts[1].decode(), parts[3], flag == b"F")


def docker_piece(record: Any) -> Piece | None:
    """What a JSON object wraps, when it is one of Docker's."""
    if record.__class__ is not dict or "stream" not in record:
        return None
    text, stream = record.get("log"), record["stream"]
    if text.__class__ is not str or stream.__class__ is not str or stream not in _STREAMS:
        return None
    return Piece(stream, text.encode(), text.endswith("\n"))


class Joiner:
    """Joins the parts of lines, stream by stream.

    Args:
        limit: Longest line in bytes; the parts of a longer one are dropped.

    Attributes:
        overlong: Lines that were longer.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun: dict[str, bytes] = {}
        self._skipped: set[str] = set()
        self.overlong = 0

    def join(self, piece: Piece) -> bytes | None:
        """The line that a piece completes; None when more is to come, or when it was too long."""
        stream, text, is_last = piece
        if is_last and stream in self._skipped:
            self._skipped.remove(stream)
            return None
        if stream in self._skipped:
            return None
        text = self._begun.pop(stream, b"") + text
        if is_last:
            return text
        if len(text) > self._limit:
            self.overlong += 1
            self._skipped.add(stream)
        else:
            self._begun[stream] = text
        return None

    def save(self) -> dict[str, str] | None:
        """Parts whose ends have not come, as JSON takes them; None when there are none."""
        return {stream: text.decode("latin-1") for stream, text in self._begun.items()} or None

    def restore(self, saved: dict[str, str] | None) -> None:
        """Take up what `save` gave.

        Raises:
            AttributeError, TypeError, ValueError: it was something else.
        """
        self._begun = {stream: text.encode("latin-1") for stream, text in (saved or {}).items()}
