"""The way to a Redis: one server, TLS, Sentinel or Cluster behind one face that runs scripts.

redis-py's own defaults wait 5 s and retry ten times; here a command waits `timeout` once and is never
repeated, because the caller's circuit decides what follows. Safe to use from several threads. Nothing is
connected before the first command.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine.redis_address import DEFAULT_OPTIONS
from dq_gate.quarantine.redis_cluster import ClusterNodes
from dq_gate.quarantine.redis_failures import is_from_a_replica, reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.quarantine.redis_address import RedisAddress, RedisOptions

T = TypeVar("T")
MAX_CONNECTIONS = 16
PIECE_BYTES = 256 * 1024
"""Most bytes sent at once."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the name under which servers cache it."""

    text: str
    sha1: str


@cache
def load_script(name: str, package: str = "dq_gate.quarantine") -> Script:
    """Read a script of a package, from its folder `lua`."""
    text = resources.files(package).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class RedisConnection:
    """Runs scripts and commands; every failure is a `BackendUnavailableError`.

    Args:
        address: Where to connect at the first command.
        timeout: Seconds to wait for a connection, and again for each reply.
        options: How to connect, and what replicas must confirm.
    """

    def __init__(self, address: RedisAddress, *, timeout: float, options: RedisOptions = DEFAULT_OPTIONS) -> None:
        self.address = address
        self.options = options
        self._timeout = timeout
        self._lock = threading.Lock()
        self._route: _Server | ClusterNodes | None = None
        self._account: str | None = None

    def run(self, script: str | Script, key: str, *arguments: str | bytes | float) -> Any:
        """Run a script, of this package where a name is given, on one key; the server learns it if need be."""
        known = load_script(script) if isinstance(script, str) else script
        command = known.sha1, 1, key, *arguments
        return self.call(key, lambda client: _taught(client, known, lambda: client.evalsha(*command)))

    def run_replicated(self, script: str, key: str, *arguments: str | bytes | float) -> Any:
        """Run a script, and return once as many replicas as the options want have what it wrote.

        Raises:
            BackendUnavailableError: also when too few replicas confirmed in time; the server itself has it then.
        """
        wanted, seconds = self.options.wait_replicas, min(self.options.wait_timeout, self._timeout)
        if not wanted:
            return self.run(script, key, *arguments)
        known = load_script(script)
        command = known.sha1, 1, key, *arguments

        def use(client: Any) -> tuple[Any, int]:
            return _taught(client, known, lambda: _evalsha_and_wait(client, command, wanted, seconds))

        answer, confirmed = self.call(key, use)
        if confirmed < wanted:
            self._way().reconsider()
            raise BackendUnavailableError(
                f"Redis at {self.address} has it, but {confirmed} of {wanted} replicas (wait_replicas) confirmed "
                f"within {seconds:g} s; are they attached?"
            )
        return answer

    def info(self, key: str, *sections: str) -> dict[str, Any]:
        """What the server that keeps a key says about itself; empty when this user may not ask."""
        import redis

        def ask(client: Any) -> dict[str, Any]:
            if self.address.is_cluster:
                client.exists(key)  # INFO names no key, so that it would be answered by any node
            try:
                return dict(client.info(*sections))
            except redis.exceptions.NoPermissionError:
                return {}

        return self.call(key, ask)

    def account(self) -> str:
        """The server's name for this user, or nothing when it may not ask. Asked once."""
        import redis

        def ask(client: Any) -> str:
            try:
                return str(client.acl_whoami())
            except redis.exceptions.NoPermissionError:
                return ""

        if self._account is None:
            self._account = self.call("", ask)
        return self._account

    def close(self) -> None:
        """Close every connection; the next command opens new ones."""
        with self._lock:
            route, self._route = self._route, None
        if route is not None:
            route.close()

    def call(self, key: str, use: Callable[[Any], T]) -> T:
        """Have a client of redis-py do something, one that reaches the server which keeps a key.

        Raises:
            BackendUnavailableError: the server did not answer, or not well.
        """
        import redis

        try:
            return self._way().run(key, use)
        except (redis.RedisError, OSError) as error:
            why = reason(error, self.address, self.options, self._timeout)
            raise BackendUnavailableError(f"Redis at {self.address} {why}") from None
        except BaseException:
            # A signal's KeyboardInterrupt may leave the lock of redis-py's pool locked for good: use it no more.
            self._route = None
            raise

    def _way(self) -> _Server | ClusterNodes:
        with self._lock:
            if self._route is None:
                self._route = _route(self.address, self.options, self._timeout)
            return self._route


class _Server:
    """One server, or the one that sentinels name: it serves all keys."""

    def __init__(self, client: Any, sentinel: Any = None) -> None:
        self._client = client
        self._sentinel = sentinel

    def run(self, key: str, use: Callable[[Any], T]) -> T:  # noqa: ARG002 - as `ClusterNodes.run`
        try:
            return use(self._client)
        except Exception as error:
            if self._sentinel is not None:
                self._look_into(error)
            raise

    def reconsider(self) -> None:
        """Have the next command ask the sentinels: this may be a primary whose replicas have left it for another."""
        if self._sentinel is not None:
            self._client.connection_pool.disconnect(inuse_connections=False)

    def _look_into(self, error: Exception) -> None:
        """Forget a primary that is none any more; raise why sentinels do not answer, which redis-py keeps to itself."""
        sentinels = self._sentinel.sentinels
        if is_from_a_replica(error):
            self.reconsider()
        elif str(error).count("network:ConnectionError") == len(sentinels):
            sentinels[0].ping()

    def close(self) -> None:
        self._client.close()
        if self._sentinel is not None:
            self._sentinel.close()


def _taught(client: Any, script: Script, run: Callable[[], T]) -> T:
    """Run a script, once more if the server had to learn it first."""
    import redis

    try:
        return run()
    except redis.exceptions.NoScriptError:
        client.script_load(script.text)
        return run()


def _evalsha_and_wait(client: Any, command: tuple[Any, ...], replicas: int, seconds: float) -> tuple[Any, int]:
    """Run a script and wait for replicas on the same connection, which is what WAIT goes by, in one round trip.

    WAIT looks at the connection's own last write. A script that finds all done already writes nothing, and what is
    done may have reached no replica yet; so there is always a write, behind which all others lie.
    """
    _script, _keys, prefix, *_arguments = command
    with client.pipeline(transaction=False) as pipeline:
        pipeline.evalsha(*command)
        pipeline.execute_command("HSET", f"{prefix}probe", "written", "1")
        pipeline.execute_command("WAIT", replicas, int(seconds * 1000))
        answer, written, confirmed = pipeline.execute(raise_on_error=False)
    for result in (answer, written, confirmed):
        if isinstance(result, Exception):
            raise result
    return answer, confirmed


def _route(address: RedisAddress, options: RedisOptions, timeout: float) -> _Server | ClusterNodes:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    library: Any = redis  # its constructors carry no types
    waiting = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry": Retry(NoBackoff(), 0)}
    tls = options.tls.arguments() if address.uses_tls else {}
    arguments = waiting | tls | {"username": address.username, "password": address.password, "protocol": 2}
    if address.scheme.endswith("+sentinel"):
        encrypted = {"ssl": True} if tls else {}
        asking = waiting | tls | encrypted | {"password": options.sentinel_password, "protocol": 2}
        sentinel = library.Sentinel(address.hosts, sentinel_kwargs=asking)
        client = sentinel.master_for(address.service, db=address.db, **arguments, **encrypted)
        return _Server(client, sentinel)

    def connect(node: tuple[str, int]) -> Any:
        host, port = node
        kind = _in_large_pieces(library.SSLConnection if tls else library.Connection)
        return redis.Redis.from_pool(
            library.BlockingConnectionPool(
                MAX_CONNECTIONS, timeout, kind, host=host, port=port, db=address.db, **arguments
            )
        )

    return ClusterNodes(address.hosts, connect) if address.is_cluster else _Server(connect(address.hosts[0]))


def _in_large_pieces(kind: Any) -> Any:
    """A kind of connection that sends most commands in one piece.

    redis-py sends long arguments apart; at each send other threads come in, which the writer then has to wait for.
    The time-out counts for each piece, so that a slow network gets more than one for a command of megabytes.
    """

    def send_packed_command(self: Any, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's
        if not isinstance(command, str):
            packed = memoryview(b"".join(command))
            command = [packed[at : at + PIECE_BYTES] for at in range(0, len(packed), PIECE_BYTES)]
        kind.send_packed_command(self, command, check_health)

    return type(kind.__name__, (kind,), {"send_packed_command": send_packed_command})
