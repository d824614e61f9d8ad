"""A Redis stream as an outlet: one entry a line, in the field `line`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from dq_gate.errors import SettingsError
from dq_gate.signals.sinks.base import NOT_NOW, Sent

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMES = ("redis", "rediss")
TIMEOUT_SECONDS = 0.25
DEFAULT_STREAM = "dq:events"
DEFAULT_MAXLEN = 1_000_000


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where a Redis stream is.

    Attributes:
        url: The server and database, as redis-py takes it; it may hold a password.
        stream: The stream's key.
        maxlen: Entries that the stream keeps, about; the oldest go first.
    """

    url: str = field(repr=False)
    stream: str
    maxlen: int

    @classmethod
    def parse(cls, address: str) -> StreamAddress:
        """Read `redis://host:port/db?stream=NAME&maxlen=N`.

        Raises:
            SettingsError: it is no such address; the message holds no password.
        """
        try:
            parts = urlsplit(address)
            has_host = bool(parts.hostname) and parts.port != 0
            options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            stream, maxlen = options.pop("stream", DEFAULT_STREAM), int(options.pop("maxlen", DEFAULT_MAXLEN))
        except ValueError:
            has_host, options, stream, maxlen = False, {}, "", 0
        if parts.path.strip("/") and not parts.path.strip("/").isdecimal():
            has_host = False
        if options or not has_host or not stream or maxlen < 1:
            raise SettingsError("log: a Redis stream is redis://host:port/db?stream=NAME&maxlen=ENTRIES")
        return cls(urlunsplit((*parts[:3], "", "")), stream, maxlen)


class RedisOutlet:
    """Appends lines to a Redis stream, batch by batch.

    When an answer does not come in time, nobody knows whether the batch was appended. It is sent again, under the same
    number, and Redis leaves it out if it was: so each line is there once. Only of the last batch before a close, it
    may be counted as lost though it arrived.

    Args:
        address: The stream.
        tls: More arguments for redis-py's connection, for `rediss`.
    """

    def __init__(self, address: StreamAddress, tls: dict[str, Any]) -> None:
        self._address = address
        self._tls = tls
        self._marker = f"{{{_hashed_part(address.stream)}}}:writer:{secrets.token_hex(8)}"
        self._number = 0
        self._unsettled: tuple[bytes, ...] = ()
        self._client: Any = None

    def send(self, lines: Sequence[bytes]) -> Sent:
        """See `Outlet`."""
        import redis

        batch = self._unsettled or tuple(lines)
        try:
            self._append(batch)
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError):
            self._unsettled = batch
            return NOT_NOW
        except redis.exceptions.ResponseError as error:
            if str(error).startswith(("LOADING", "BUSY", "READONLY", "MASTERDOWN", "OOM")):
                return NOT_NOW  # for a while: nothing was appended
            self._unsettled = ()
            return Sent(lost=len(batch))
        self._unsettled = ()
        self._number += 1
        return Sent(written=len(batch))

    def close(self) -> None:
        """See `Outlet`."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _append(self, lines: Sequence[bytes]) -> None:
        if self._client is None:
            self._client = self._connected()
        texts = [line.rstrip(b"\n") for line in lines]
        keys = self._address.stream, self._marker
        self._client.eval(_script(), 2, *keys, self._number, self._address.maxlen, *texts)

    def _connected(self) -> Any:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis.from_url(
            self._address.url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            **self._tls,
        )


def _hashed_part(key: str) -> str:
    """What a cluster tells the key's slot by: what stands between its first braces, else all of it."""
    inside, end, _ = key.partition("{")[2].partition("}")
    return inside if inside and end else key


@cache
def _script() -> str:
    return resources.files("dq_gate.signals.sinks").joinpath("append.lua").read_text(encoding="utf-8")
