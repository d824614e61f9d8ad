"""From the bytes of a log to events: lines cut in constant memory, each ours, foreign or broken. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.alerts.sources.wrappers import Joiner, Piece, cri_piece, docker_piece
from dq_gate.events import LEVELS, PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_LINE_BYTES = 1024 * 1024
"""A longer line is skipped: ours are under 8 KiB."""

LAST_MS = 253_000_000_000_000
"""In the year 9987: what follows from an event's time stays within the years that Python knows."""

Record = dict[str, Any]
Event = tuple[Record, int]
"""An event's fields, and its time in milliseconds since the epoch."""

_SECOND = len("2025-01-01T00:00:00.")
_ZONE = len("2025-01-01T00:00:00.000000")
_FRACTION_AT = len('{"timestamp":"') + _SECOND
_LEVEL_AT = len('{"timestamp":"') + _ZONE + len("Z")
_AFTER_NAME = b'","namespace":"'
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
    """Reads lines as events, without what a container runtime put around them, and counts what they are.

    Args:
        ignored: Events that only tell that time passes, unless their line holds one of some texts. Of such, `read_all`
            gives one of a second.

    Attributes:
        lines: All lines; the parts of one that was split count once.
        foreign: Lines that are not ours: no JSON object, or one without an event of dq_gate.
        broken: Lines that may be ours and cannot be read: damaged JSON objects, events without a good time.
    """

    def __init__(self, ignored: Mapping[str, tuple[bytes, ...]] | None = None) -> None:
        self.lines = 0
        self.foreign = 0
        self.broken = 0
        self.joiner = Joiner(MAX_LINE_BYTES)
        self._ignored = {
            f'","level":"{level}","event":"{name}'.encode(): needles
            for name, needles in (ignored or {}).items()
            for level in LEVELS
        }
        self._second = ""
        self._second_ms = 0
        self._opening = b""

    @property
    def ours(self) -> int:
        """Lines that are events of dq_gate."""
        return self.lines - self.foreign - self.broken

    def read(self, line: bytes) -> Event | None:
        """The event in a line, and its time in milliseconds since the epoch; None when there is none."""
        self.lines += 1
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            piece = cri_piece(line)
            return self._refuse(broken=_is_object(line)) if piece is None else self._join(piece)
        if _is_ours(record):
            return self._timed(record)
        piece = docker_piece(record)
        return self._refuse(broken=False) if piece is None else self._join(piece)

    def read_all(self, lines: Sequence[bytes]) -> list[Event]:
        """The events in some lines. What `read` would do, without a call for each: most lines are alike.

        That is an event of the same second as the one before, written as we write them.
        """
        loads, second, second_ms = orjson.loads, self._second, self._second_ms
        opening, ignored = self._opening, self._ignored
        events: list[Event] = []
        append, alike = events.append, 0
        for line in lines:
            if line[:_FRACTION_AT] == opening:
                needles = ignored.get(line[_LEVEL_AT : line.find(_AFTER_NAME, _LEVEL_AT)])
                if needles is not None:
                    for needle in needles:
                        if needle in line:
                            break
                    else:
                        alike += 1
                        continue
            try:
                record = loads(line)
                timestamp = record["timestamp"]
                if timestamp[:_SECOND] == second and timestamp[_ZONE:] == "Z" and record["event"].startswith(PREFIX):
                    append((record, second_ms + int(timestamp[_SECOND:_ZONE]) // 1000))
                    alike += 1
                    continue
            except (ValueError, KeyError, TypeError, AttributeError):
                pass
            event = self.read(line)
            if event is not None:
                append(event)
            second, second_ms, opening = self._second, self._second_ms, self._opening
        self.lines += alike
        return events

    def _join(self, piece: Piece) -> Event | None:
        line = self.joiner.join(piece)
        if line is None:
            self.lines -= 1
            return None
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            return self._refuse(broken=_is_object(line))
        return self._timed(record) if _is_ours(record) else self._refuse(broken=False)

    def _timed(self, record: Record) -> Event | None:
        """An event with its time. Most are of the same second as the one before, and written as we write them."""
        try:
            timestamp = record["timestamp"]
            at = milliseconds(timestamp)
        except (KeyError, TypeError, ValueError):
            return self._refuse(broken=True)
        if timestamp[_ZONE:] == "Z" and timestamp[_SECOND - 1] == ".":
            self._second, self._second_ms = timestamp[:_SECOND], at // 1000 * 1000
            self._opening = f'{{"timestamp":"{self._second}'.encode()
        return record, at

    def _refuse(self, *, broken: bool) -> Event | None:
        self.broken += broken
        self.foreign += not broken
        return None


def _is_ours(record: Any) -> bool:
    try:
        return bool(record["event"].startswith(PREFIX))
    except (KeyError, TypeError, AttributeError):
        return False


def _is_object(line: bytes) -> bool:
    """Whether a damaged line set out to be a JSON object."""
    return line.lstrip().startswith(b"{")


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
