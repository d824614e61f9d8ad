"""Quarantine addresses, and the store behind each.

    sqlite:///relative/path.db      sqlite:////absolute/path.db
    redis://[user:password@]host[:6379][/db]                        rediss:// is the same over TLS
    redis+sentinel://[user:password@]host[:26379],host/service[/db]    rediss+sentinel://
    redis+cluster://[user:password@]host[:6379],host                rediss+cluster://

Special characters in user and password are percent-encoded. No error shows more of an address than its scheme.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from dq_gate.errors import SettingsError, did_you_mean
from dq_gate.quarantine.redis_address import DEFAULT_OPTIONS, RedisAddress, RedisOptions
from dq_gate.quarantine.redis_connection import RedisConnection

if TYPE_CHECKING:
    from dq_gate.quarantine.entry import Store

StoreKind = Literal["redis", "sqlite"]

_PORTS = {"": 6379, "+sentinel": 26379, "+cluster": 6379}
_DEFAULT_PORTS = {f"{start}{kind}": port for kind, port in _PORTS.items() for start in ("redis", "rediss")}
_SCHEMES = ("sqlite", *_DEFAULT_PORTS)
_FORMS = "sqlite:///path, redis://host:6379/0, redis+sentinel://h1:26379,h2:26379/service, redis+cluster://h1:6379"
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,20}")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")
_MAX_PORT = 65_535


def open_store(
    url: str,
    namespace: str,
    *,
    max_open: int,
    max_bytes: int = 0,
    timeout: float,
    redis: RedisOptions = DEFAULT_OPTIONS,
) -> Store:
    """Make the store that an address names; it connects at its first use.

    Args:
        url: The address, in one of the forms above.
        namespace: Keeps the quarantines of several applications apart.
        max_open: Open entries a group keeps; beyond it inputs are only counted.
        max_bytes: Bytes of all entries that it keeps; beyond it inputs are only counted. 0 for any.
        timeout: Seconds to wait for a connection, a reply or a lock.
        redis: How to use a Redis; without effect on a SQLite file.

    Raises:
        SettingsError: the address has none of these forms, or a certificate cannot be used.
    """
    if store_kind(url) == "sqlite":
        from dq_gate.quarantine.sqlite import SqliteStore

        return SqliteStore(sqlite_path(url), namespace, max_open=max_open, max_bytes=max_bytes, timeout=timeout)
    from dq_gate.quarantine.redis import RedisStore

    connection = RedisConnection(redis_address(url, redis), timeout=timeout, options=redis)
    if redis.shards == 1:
        return RedisStore(connection, namespace, prefix=redis.prefix(namespace), max_open=max_open, max_bytes=max_bytes)
    from dq_gate.quarantine.sharded import ShardedStore

    return ShardedStore(
        [
            RedisStore(
                connection,
                namespace,
                prefix=redis.prefix(namespace, shard),
                max_open=math.ceil(max_open / redis.shards),
                max_bytes=math.ceil(max_bytes / redis.shards),
            )
            for shard in range(redis.shards)
        ]
    )


def store_kind(url: str) -> StoreKind:
    """Which kind of store an address names.

    Raises:
        SettingsError: its scheme is none of ours.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        raise SettingsError(f"a quarantine address has one of the forms {_FORMS}")
    if scheme not in _SCHEMES:
        raise SettingsError(f"unknown quarantine address {scheme}://{did_you_mean(scheme, _SCHEMES)}")
    return "sqlite" if scheme == "sqlite" else "redis"


def sqlite_path(url: str) -> Path:
    """The file that a `sqlite:///` address names.

    Raises:
        SettingsError: it names none.
    """
    path = url.removeprefix("sqlite:///")
    if path == url or not path or path.endswith("/"):
        raise _wrong("sqlite", "write sqlite:///relative/path.db or sqlite:////absolute/path.db")
    if "\0" in path or path == ":memory:":
        raise _wrong("sqlite", "it must name a file that lasts")
    return Path(path)


def redis_address(url: str, options: RedisOptions = DEFAULT_OPTIONS) -> RedisAddress:
    """Read a Redis address.

    Args:
        url: The address.
        options: What is to be used with it; its certificates are looked at.

    Raises:
        SettingsError: it cannot be read, or a certificate cannot be used; the message shows neither user nor password.
    """
    scheme, _, rest = url.partition("://")
    if "?" in rest or "#" in rest:
        raise _wrong(scheme, "it takes no options after ? or #; percent-encode these in a password (%3F, %23)")
    authority, _, path = rest.partition("/")
    if "@" in path:
        raise _wrong(scheme, "percent-encode / in a password (%2F)")
    credentials, _, hosts = authority.rpartition("@")
    username, _, password = credentials.partition(":")
    service, db = _service_and_db(scheme, path)
    address = RedisAddress(
        scheme=scheme,
        hosts=_hosts(scheme, hosts),
        db=db,
        service=service,
        username=unquote(username) or None,
        password=unquote(password) or None,
    )
    if options.tls:
        if not address.uses_tls:
            raise _wrong(scheme, "with redis_ca_file or redis_cert_file it begins with rediss, for TLS")
        options.tls.check()
    return address


def _hosts(scheme: str, text: str) -> tuple[tuple[str, int], ...]:
    matches = [_HOST.fullmatch(host) for host in text.split(",")]
    hosts = [(m[1] or m[2], int(m[3] or _DEFAULT_PORTS[scheme])) for m in matches if m is not None]
    if len(hosts) < len(matches) or not all(0 < port <= _MAX_PORT for _, port in hosts):
        raise _wrong(scheme, "it needs host:port")
    if len(hosts) > 1 and "+" not in scheme:
        raise _wrong(scheme, "it takes one host; several need redis+sentinel:// or redis+cluster://")
    return tuple(hosts)


def _service_and_db(scheme: str, path: str) -> tuple[str | None, int]:
    if scheme.endswith("+cluster"):
        if path:
            raise _wrong(scheme, "a cluster has no databases; leave out what follows the hosts")
        return None, 0
    service = None
    if scheme.endswith("+sentinel"):
        service, _, path = path.partition("/")
        if not service:
            raise _wrong(scheme, "name the service the sentinels watch: redis+sentinel://h1,h2/service")
    if path and not re.fullmatch("[0-9]{1,5}", path):
        raise _wrong(scheme, "the database is a number, such as /0")
    return service, int(path or 0)


def _wrong(scheme: str, reason: str) -> SettingsError:
    return SettingsError(f"the address {scheme}://… cannot be used: {reason}")
