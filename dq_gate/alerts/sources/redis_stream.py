"""Lines of a Redis stream: read whole by every reader, never shared out as a consumer group would."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.sources.base import POLL_SECONDS, Chunk, Say, say_nothing
from dq_gate.alerts.sources.lines import MAX_LINE_BYTES
from dq_gate.errors import BackendUnavailableError, SettingsError
from dq_gate.quarantine.address import redis_address
from dq_gate.quarantine.redis_address import DEFAULT_OPTIONS, RedisOptions
from dq_gate.quarantine.redis_connection import RedisConnection
from dq_gate.signals.sinks.redis import StreamAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

FIELD = b"line"
"""The field of an entry that holds the line."""
COUNT = 200
"""Entries read at once."""
TIMEOUT = 2.0
MAX_BACKOFF = 10.0
_START = "0-0"

_Entry = tuple[bytes, dict[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Position:
    """How far a stream was read.

    Attributes:
        id: Of the last entry.
        number: How many entries had been added with it; None where the server does not count them (before Redis 7).
    """

    id: str = _START
    number: int | None = None


class RedisStreamSource:
    """Reads a stream from its first entry, and goes on as it grows.

    Args:
        url: `redis://host:port/db?stream=NAME`, as the setting `log` takes it.
        follow: Whether to go on at its end, and to wait for a server that does not answer.
        options: How to use the Redis.
        say: Told when the server does not answer, and when it does again.

    Attributes:
        lost: Entries that were trimmed before they were read; each gap counts one where the server counts none.

    Raises:
        SettingsError: the address cannot be used.
    """

    descriptor = None

    def __init__(
        self, url: str, *, follow: bool, options: RedisOptions = DEFAULT_OPTIONS, say: Say = say_nothing
    ) -> None:
        address = _stream_address(url)
        self._key = address.stream
        self._connection = RedisConnection(redis_address(address.url, options), timeout=TIMEOUT, options=options)
        self.name = f"{self._connection.address}?stream={self._key}"
        self.overlong = 0
        self.lost = 0
        self.ended = False
        self._follow = follow
        self._say = say
        self._position = _Position()
        self._failures = 0
        self._retry_at = 0.0

    def go_on(self, position: Any) -> None:
        """See `Source`."""
        self._position = _Position(str(position["id"]), position["number"])
        _order(self._position.id)

    def progress(self) -> tuple[int, int]:
        """Streams are counted in entries."""
        return 0, 0

    def poll(self) -> Chunk | None:
        """See `Source`."""
        if time.monotonic() < self._retry_at:
            return None
        try:
            info, entries = self._connection.call(self._key, self._read)
        except BackendUnavailableError as error:
            self._wait_after(error)
            return None
        if self._failures:
            self._say(f"{self.name}: answers again")
        self._failures = 0
        if info is not None:
            self._notice_gap(info)
        if not entries:
            self.ended = not self._follow
            return None
        return self._chunk(entries, info)

    def close(self) -> None:
        """See `Source`."""
        self._connection.close()

    def _read(self, client: Any) -> tuple[dict[str, Any] | None, list[_Entry]]:
        """What the server says of the stream, and its next entries, both of one moment."""
        import redis

        with client.pipeline(transaction=True) as pipeline:
            pipeline.xinfo_stream(self._key)
            pipeline.xread({self._key: self._position.id}, count=COUNT)
            info, streams = pipeline.execute(raise_on_error=False)
        if isinstance(streams, Exception):
            raise streams
        if isinstance(info, redis.ResponseError):  # there is no such stream yet
            return None, []
        return info, streams[0][1] if streams else []

    def _wait_after(self, error: BackendUnavailableError) -> None:
        if not self._follow:
            raise error
        if not self._failures:
            self._say(f"{error}; its stream is read on once it answers")
        self._retry_at = time.monotonic() + min(MAX_BACKOFF, POLL_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 10)

    def _notice_gap(self, info: dict[str, Any]) -> None:
        """Count what was trimmed between the last entry that was read and the first that is there."""
        position, first = self._position, info["first-entry"]
        if _order(info["last-generated-id"]) < _order(position.id):  # another stream of this name
            self._position = _Position()
        elif position.id != _START and (first is None or _order(first[0]) > _order(position.id)):
            trimmed = _trimmed(info)
            if trimmed is None or position.number is None:
                self.lost += first is not None
            else:
                self.lost += max(0, trimmed - position.number)

    def _chunk(self, entries: Sequence[_Entry], info: dict[str, Any] | None) -> Chunk:
        before, number = self._position, self._number_before(info)
        lines, ends = [], []
        for count, (entry_id, fields) in enumerate(entries, 1):
            end = _Position(entry_id.decode(), None if number is None else number + count)
            line = fields.get(FIELD, b"")
            if len(line) <= MAX_LINE_BYTES:
                lines.append(line)
                ends.append(end)
        self.overlong += len(entries) - len(lines)
        self._position = end

        def place(taken: int) -> dict[str, Any]:
            return asdict(end if taken == len(lines) else ends[taken - 1] if taken else before)

        return Chunk(lines, place)

    def _number_before(self, info: dict[str, Any] | None) -> int | None:
        """How many entries had been added before the first that was just read."""
        trimmed = None if info is None else _trimmed(info)
        if trimmed is None or self._position.id == _START:
            return trimmed
        return None if self._position.number is None else max(trimmed, self._position.number)


def _trimmed(info: dict[str, Any]) -> int | None:
    """How many of a stream's entries are gone; None where the server does not count what was added."""
    added = info.get("entries-added")
    return None if added is None else added - info["length"]


def _order(entry_id: str | bytes) -> tuple[int, int]:
    """An entry's id as numbers, which is how ids are ordered."""
    text = entry_id.decode() if isinstance(entry_id, bytes) else entry_id
    milliseconds, _, number = text.partition("-")
    return int(milliseconds), int(number)


def _stream_address(url: str) -> StreamAddress:
    try:
        return StreamAddress.parse(url)
    except SettingsError:
        raise SettingsError("an input in Redis is redis://host:port/db?stream=NAME, or rediss:// over TLS") from None
