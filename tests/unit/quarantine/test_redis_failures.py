"""What is said when a Redis command fails: a way out, and nothing that a server quotes."""

from __future__ import annotations

import pytest
import redis
from redis import exceptions

from dq_gate.quarantine.redis_address import RedisAddress, RedisOptions
from dq_gate.quarantine.redis_failures import reason

PLAIN = RedisAddress("redis", (("h", 6379),))
TLS = RedisAddress("rediss", (("h", 6379),))
CLUSTER = RedisAddress("redis+cluster", (("h", 6379),))


@pytest.mark.parametrize(
    ("error", "address", "words"),
    [
        (exceptions.BusyLoadingError("x"), PLAIN, "is loading its data"),
        (exceptions.AuthenticationError("x"), PLAIN, "another user or password"),
        (exceptions.NoPermissionError("x"), PLAIN, "extend the user's ACL"),
        (exceptions.ResponseError("ACL failure in script: secret"), PLAIN, "extend the user's ACL"),
        (exceptions.OutOfMemoryError("x"), PLAIN, "raise its maxmemory"),
        (exceptions.ResponseError("MISCONF Redis is configured"), PLAIN, "cannot write its data to disk"),
        (exceptions.ResponseError("NOREPLICAS Not enough"), PLAIN, "too few replicas"),
        (exceptions.ReadOnlyError("x"), PLAIN, "read-only replica"),
        (exceptions.ResponseError("-READONLY You can't write against a read only replica"), PLAIN, "read-only replica"),
        (exceptions.ConnectionError("The previous master is now a slave"), PLAIN, "is a failover going on"),
        (exceptions.MasterDownError("x"), PLAIN, "has lost its primary"),
        (exceptions.ClusterDownError("x"), CLUSTER, "is down as a cluster"),
        (exceptions.MovedError("77 b:2"), CLUSTER, "nodes that disagree"),
        (exceptions.MovedError("77 b:2"), PLAIN, "begins with redis+cluster"),
        (exceptions.AskError("77 b:2"), CLUSTER, "is moving this namespace"),
        (exceptions.TryAgainError("x"), CLUSTER, "is moving this namespace"),
        (exceptions.ResponseError("unknown command 'SENTINEL', with"), PLAIN, "is no sentinel"),
        (exceptions.ResponseError("unknown command 'EVALSHA', with"), PLAIN, "begins with redis+sentinel"),
        (redis.sentinel.MasterNotFoundError("x"), PLAIN, "no primary its sentinels agree on"),
        (redis.sentinel.MasterNotFoundError("AuthenticationError()"), PLAIN, "set sentinel_password"),
        (exceptions.TimeoutError("x"), PLAIN, "did not answer within 0.2 s"),
        (exceptions.TimeoutError("x"), TLS, "did not answer within 0.2 s"),
        (exceptions.ConnectionError("Connection reset by peer"), PLAIN, "begins with rediss"),
        (exceptions.ConnectionError("Connection reset by peer"), TLS, "redis_cert_file"),
        (exceptions.ConnectionError("Connection refused"), TLS, "is it running?"),
        (ConnectionRefusedError("secret"), PLAIN, "is it running?"),
        (exceptions.ResponseError("ERR no such key secret"), PLAIN, "failed a command (ResponseError ERR)"),
    ],
)
def test_each_failure_has_words_of_our_own(error, address, words):
    told = reason(error, address, RedisOptions(), 0.2)
    assert words in told
    assert "secret" not in told
    assert "\n" not in told
