"""From the bytes of a log to events: lines cut in constant memory, each ours, foreign or broken. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from dq_gate.events import PREFIX

MAX_LINE_BYTES = 1024 * 1024
"""A longer line is skipped: ours are under 8 KiB."""

LAST_MS = 253_000_000_000_000
"""In the year 9987: what follows from an event's time stays within the years that Python knows."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class LineCutter:
    """Cuts a stream of bytes into lines.

    Attributes:
        overlong: Lines that were longer than `limit` and skipped.
    """

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._rest = bytearray()
        self._skipping = False
        self.overlong = 0

    def cut(self, chunk: bytes) -> list[bytes]:
        """The lines that a chunk completes, without their ends."""
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines:
            lines[:1] = self._complete(lines[0])
        self._keep(rest)
        return lines

    def flush(self) -> list[bytes]:
        """The last line, when it has no end; none when there is nothing."""
        line = bytes(self._rest)
        self._rest.clear()
        self._skipping = False
        return [line] if line else []

    def _complete(self, end: bytes) -> list[bytes]:
        self._keep(end)
        skipped, line = self._skipping, bytes(self._rest)
        self._rest.clear()
        self._skipping = False
        return [] if skipped else [line]

    def _keep(self, piece: bytes) -> None:
        if self._skipping:
            return
        self._rest += piece
        if len(self._rest) > self._limit:
            self._rest.clear()
            self._skipping = True
            self.overlong += 1


class LineReader:
    """Reads lines as events and counts what they are.

    Attributes:
        lines: All lines.
        foreign: Lines that are not ours: no JSON object, or one without an event of dq_gate.
        broken: Lines that may be ours and cannot be read: damaged JSON objects, events without a good time.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.foreign = 0
        self.broken = 0

    def read(self, line: bytes) -> tuple[dict[str, Any], int] | None:
        """The event in a line, and its time in milliseconds since the epoch; None when there is none."""
        self.lines += 1
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            self._refuse(broken=line.lstrip().startswith(b"{"))
            return None
        try:
            is_ours = record["event"].startswith(PREFIX)
        except (KeyError, TypeError, AttributeError):
            is_ours = False
        if not is_ours:
            self._refuse(broken=False)
            return None
        try:
            return record, milliseconds(record["timestamp"])
        except (KeyError, TypeError, ValueError):
            self._refuse(broken=True)
            return None

    def _refuse(self, *, broken: bool) -> None:
        if broken:
            self.broken += 1
        else:
            self.foreign += 1


def milliseconds(timestamp: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 timestamp.

    Raises:
        TypeError: it is no text, or names no zone.
        ValueError: it is no timestamp, or lies before 1970 or after `LAST_MS`.
    """
    found = (datetime.fromisoformat(timestamp) - _EPOCH) // _MILLISECOND
    if not 0 <= found <= LAST_MS:
        raise ValueError("out of range")
    return found
