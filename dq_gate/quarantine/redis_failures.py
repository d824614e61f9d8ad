"""Why a Redis command failed, in words of our own: a server's might quote what it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq_gate.quarantine.redis_address import RedisAddress, RedisOptions

_FORBIDDEN = "does not allow this user what it takes; extend the user's ACL"
_STALE_PRIMARY = "is a read-only replica; give the primary's address"
_SIGNS = {
    "user executing the script": _FORBIDDEN,
    "ACL failure in script": _FORBIDDEN,
    "can't write against a read only": _STALE_PRIMARY,
    "master is now a slave": "has just become a replica; is a failover going on?",
    "NOREPLICAS": "has too few replicas to take writes; look at its min-replicas-to-write",
    "MISCONF": "cannot write its data to disk, and so takes no writes",
    "unknown command 'SENTINEL'": "is no sentinel; give the sentinels' addresses, or write redis://",
    "unknown command 'EVALSHA'": "runs no scripts; of a sentinel the address begins with redis+sentinel",
}
"""Parts of a server's message that tell more than the type of error."""


def is_from_a_replica(error: Exception) -> bool:
    """Whether a server that was the primary has become a replica."""
    return "can't write against a read only" in str(error)


def reason(error: Exception, address: RedisAddress, options: RedisOptions, timeout: float) -> str:
    """Why a command failed and what to do; the rest of a sentence that begins with the server's address.

    Args:
        error: What redis-py raised.
        address: Where the command went.
        options: How it went there.
        timeout: Seconds that a reply was waited for.
    """
    import redis

    text = str(error)
    if address.uses_tls and (tls := options.tls.failure(error)):
        return tls
    for sign, words in _SIGNS.items():
        if sign in text:
            return words
    if isinstance(error, redis.sentinel.MasterNotFoundError):
        return _without_primary(text)
    if isinstance(error, redis.exceptions.MovedError) and not address.is_cluster:
        return "is a node of a cluster; the address begins with redis+cluster"
    for kind, words in _kinds(timeout).items():
        if isinstance(error, kind):
            return words
    if _was_closed(text) and not address.uses_tls:
        return "cannot be reached: it closed the connection; if the port speaks TLS, the address begins with rediss"
    if isinstance(error, (redis.exceptions.ConnectionError, OSError)):
        return "cannot be reached; is it running?"
    return f"failed a command ({type(error).__name__} {text.split(' ', 1)[0][:20]})"


def _kinds(timeout: float) -> dict[type[Exception], str]:
    """Words for a type of error; a subtype comes before the type it belongs to."""
    import redis

    return {
        redis.exceptions.BusyLoadingError: "is loading its data; try again in a moment",
        redis.exceptions.AuthenticationError: "wants another user or password than the address gives",
        redis.exceptions.NoPermissionError: _FORBIDDEN,
        redis.exceptions.OutOfMemoryError: "is out of memory; raise its maxmemory",
        redis.exceptions.ReadOnlyError: _STALE_PRIMARY,
        redis.exceptions.MovedError: "has nodes that disagree about which of them serves this namespace",
        redis.exceptions.AskError: "is moving this namespace to another node; it can be used again after that",
        redis.exceptions.TryAgainError: "is moving this namespace to another node; it can be used again after that",
        redis.exceptions.MasterDownError: "has lost its primary; is a failover going on?",
        redis.exceptions.ClusterDownError: "is down as a cluster: a node that others need has failed",
        redis.exceptions.TimeoutError: f"did not answer within {timeout:g} s",
    }


def _without_primary(text: str) -> str:
    if "AuthenticationError" in text:
        return "has sentinels that want another password; set sentinel_password"
    return "has no primary its sentinels agree on; is a failover going on?"


def _was_closed(text: str) -> bool:
    return any(sign in text for sign in ("Connection closed by server", "Connection reset", "Broken pipe"))
