"""The way to a Redis: plain, TLS, Sentinel or Cluster behind one face that runs scripts.

redis-py's own defaults wait 5 s and retry ten times; here a command waits `timeout` once and is never
repeated, because the caller's circuit decides what follows. Safe to use from several threads. Nothing is
connected before the first command.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from dq_gate.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is, and as whom to speak to it. Its text leaves out user and password.

    Attributes:
        scheme: redis, rediss, redis+sentinel or redis+cluster.
        hosts: Servers, sentinels or cluster nodes, each with its port.
        service: The name sentinels know the server by.
    """

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    db: int = 0
    service: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        path = [self.service] if self.service else []
        path += [str(self.db)] if self.scheme != "redis+cluster" else []
        return "/".join([f"{self.scheme}://{hosts}", *path])


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the name under which servers cache it."""

    text: str
    sha1: str


@cache
def load_script(name: str) -> Script:
    """Read a script of the package."""
    text = resources.files("dq_gate.quarantine").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class RedisConnection:
    """Runs scripts and commands; every failure is a `BackendUnavailableError`.

    Args:
        address: Where to connect at the first command.
        timeout: Seconds to wait for a connection, and again for each reply.
    """

    def __init__(self, address: RedisAddress, *, timeout: float) -> None:
        self.address = address
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: Any = None

    def run(self, script: str, key: str, *arguments: str | bytes | float) -> Any:
        """Run a script of the package on one key; the server learns it when it does not know it."""
        return self._call(lambda client: _evalsha(client, load_script(script), key, arguments))

    def info(self, key: str, *sections: str) -> dict[str, Any]:
        """What the server that keeps a key says about itself; empty when this user may not ask."""
        import redis

        def ask(client: Any) -> dict[str, Any]:
            try:
                if self.address.scheme == "redis+cluster":
                    return dict(client.info(*sections, target_nodes=client.get_node_from_key(key)))
                return dict(client.info(*sections))
            except redis.exceptions.NoPermissionError:
                return {}

        answer: dict[str, Any] = self._call(ask)
        return answer

    def close(self) -> None:
        """Close every connection; the next command opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _call(self, use: Callable[[Any], Any]) -> Any:
        import redis

        try:
            return use(self._connected())
        except (redis.RedisError, redis.exceptions.RedisClusterException, OSError) as error:
            reason = _reason(error, self._timeout)
            raise BackendUnavailableError(f"Redis at {self.address} {reason}") from None

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = _connect(self.address, self._timeout)
            return self._client


def _evalsha(client: Any, script: Script, key: str, arguments: tuple[str | bytes | float, ...]) -> Any:
    import redis

    try:
        return client.evalsha(script.sha1, 1, key, *arguments)
    except redis.exceptions.NoScriptError:
        client.script_load(script.text)
        return client.evalsha(script.sha1, 1, key, *arguments)


def _connect(address: RedisAddress, timeout: float) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    library: Any = redis  # its constructors carry no types
    waiting = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": Retry(NoBackoff(), 0)}
    options = waiting | {"username": address.username, "password": address.password, "protocol": 2}
    host, port = address.hosts[0]
    match address.scheme:
        case "redis+cluster":
            nodes = [library.cluster.ClusterNode(host, port) for host, port in address.hosts]
            return library.RedisCluster(startup_nodes=nodes, **options)
        case "redis+sentinel":
            # The password is the server's; sentinels are asked without one.
            sentinel = library.Sentinel(address.hosts, sentinel_kwargs=waiting)
            return sentinel.master_for(address.service, db=address.db, **options)
        case "rediss":
            options["connection_class"] = library.SSLConnection
    pool = library.BlockingConnectionPool(MAX_CONNECTIONS, timeout, host=host, port=port, db=address.db, **options)
    return redis.Redis.from_pool(pool)


def _reason(error: Exception, timeout: float) -> str:
    """Why a command failed, in words of our own: a server's might quote what it was sent."""
    import redis

    reasons: dict[type[Exception], str] = {
        redis.exceptions.BusyLoadingError: "is loading its data; try again in a moment",
        redis.exceptions.AuthenticationError: "wants another user or password than the address gives",
        redis.exceptions.NoPermissionError: "does not allow this user what it takes; extend the user's ACL",
        redis.exceptions.OutOfMemoryError: "is out of memory; raise its maxmemory",
        redis.exceptions.ReadOnlyError: "is a read-only replica; give the primary's address",
        redis.sentinel.MasterNotFoundError: "has no primary its sentinels agree on; is a failover going on?",
        redis.exceptions.TimeoutError: f"did not answer within {timeout:g} s",
        redis.exceptions.ConnectionError: "cannot be reached; is it running?",
        redis.exceptions.RedisClusterException: "cannot be reached; is it a cluster, and running?",
        OSError: "cannot be reached; is it running?",
    }
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "has a certificate this machine does not trust; name its authority's file in SSL_CERT_FILE"
    if "user executing the script" in str(error):
        return reasons[redis.exceptions.NoPermissionError]
    for kind, reason in reasons.items():
        if isinstance(error, kind):
            return reason
    return f"failed a command ({type(error).__name__} {str(error).split(' ', 1)[0][:20]})"
