"""What INFO tells about a server's durability."""

from __future__ import annotations

import pytest

from dq_gate.quarantine.redis_health import dangers

SAFE = {
    "redis_version": "7.0.15",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "maxmemory_policy": "noeviction",
    "connected_slaves": 2,
}


def test_a_server_that_loses_nothing_is_not_complained_about():
    assert list(dangers(SAFE, wait_replicas=2)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"redis_version": "6.0.16"}, "Redis 6.0.16 is too old"),
        ({"redis_version": "5.0.3"}, "it takes 6.2 or newer"),
        ({"aof_enabled": 0}, "appendonly is off"),
        ({"aof_last_write_status": "err"}, "append-only file cannot be written"),
        ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy is allkeys-lru"),
        ({"connected_slaves": 1}, "wait_replicas is 2, attached are 1"),
    ],
)
def test_each_danger_is_one_line(change, told):
    (line,) = dangers(SAFE | change, wait_replicas=2)
    assert told in line
    assert "\n" not in line


@pytest.mark.parametrize("version", ["6.2.0", "10.0.1", "7.2", "255.255.255", "unstable", ""])
def test_a_version_that_will_do_or_cannot_be_read_is_no_danger(version):
    assert list(dangers(SAFE | {"redis_version": version})) == []


def test_what_may_not_be_asked_is_not_taken_for_good():
    (line,) = dangers({})
    assert "+info" in line
