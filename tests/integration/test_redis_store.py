"""The Redis store on real servers: topologies, limited users, servers that refuse, and what it leaves in the keys."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import redis

from dq_gate.core.lifecycle import CLAIM, RELEASE
from dq_gate.errors import BackendUnavailableError, UnreadableEntryError
from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.entry import Filter, Lease
from tests.fakes import eventually
from tests.redis_server import RedisServer
from tests.store_model import make_act, make_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.quarantine.entry import Store

PRODUCER = [
    "+evalsha",
    "+script|load",
    "+ping",
    "+hello",
    "+auth",
    "+exists",
    "+hset",
    "+hmget",
    "+hincrby",
    "+set",
    "+zadd",
    "+xadd",
    "+info",
]
"""The commands a process that only puts entries needs."""


@pytest.fixture
def client(redis_server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def server(tmp_path) -> Iterator[RedisServer]:
    """A server of this test's own."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


def open_at(url: str, namespace: str = "n", timeout: float = 5.0) -> Store:
    return open_store(url, namespace, max_open=100_000, timeout=timeout)


def with_password(server: RedisServer, password: str, user: str = "") -> str:
    return server.url.replace("redis://", f"redis://{user}:{password}@")


def test_every_key_is_under_one_hash_tag_and_names_no_content(redis_server, namespace, client):
    store = open_at(redis_server.url, namespace)
    store.put([make_entry("e1", namespace, payload=b'{"v":1,"value":"secret"}')])
    store.act(["e1"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))
    store.act(["e1"], make_act(RELEASE, token="t"))
    store.ping()
    store.close()

    keys = client.keys(f"*{namespace}*")
    assert len(keys) > 10
    assert all(key.startswith(f"dq:{{{namespace}}}:") for key in keys)
    assert not any("secret" in key for key in keys)


def test_the_small_fields_stay_a_compact_list(redis_server, namespace, client):
    rules = tuple(f"query.text.some_long_condition_{n}" for n in range(12))
    with_rules = make_entry("e1", namespace, rules=rules)
    store = open_at(redis_server.url, namespace)
    store.put([with_rules])
    store.act(["e1"], make_act(CLAIM, lease=Lease("t" * 43, "ada", 3_000.123456)))
    store.close()

    assert client.object("encoding", f"dq:{{{namespace}}}:e:e1") == "listpack"


def test_each_kept_entry_is_one_message_of_the_change_stream(redis_server, namespace, client):
    store = open_at(redis_server.url, namespace)
    store.put([make_entry("e1", namespace), make_entry("e2", namespace), make_entry("e1", namespace)])
    store.close()

    messages = [fields for _, fields in client.xrange(f"dq:{{{namespace}}}:changes")]
    assert messages == [{"id": "e1", "group": "g1"}, {"id": "e2", "group": "g1"}]


def test_scripts_are_taught_anew_to_a_server_that_forgot_them(redis_server, namespace, client):
    store = open_at(redis_server.url, namespace)
    client.script_flush()
    assert store.put([make_entry("e1", namespace)]) == ["created"]
    client.script_flush()
    assert store.get("e1") is not None
    store.close()


def test_a_restarted_server_is_used_again_with_its_data(server):
    store = open_at(server.url)
    store.put([make_entry("e1", "n")])
    server.kill()
    with pytest.raises(BackendUnavailableError, match="cannot be reached"):
        store.ping()
    server.start()

    store.ping()
    assert store.put([make_entry("e1", "n")]) == ["seen"]
    store.close()


def test_a_server_that_stopped_answering_is_given_up(server):
    store = open_at(server.url, timeout=0.1)
    store.ping()
    server.stop()
    for call in (store.ping, lambda: store.put([make_entry("e1", "n")]), store.stats):
        with pytest.raises(BackendUnavailableError, match="did not answer within"):
            call()
    server.cont()
    store.close()

    # Whether the put that timed out took effect is unknown; repeating it is safe.
    patient = open_at(server.url)
    patient.put([make_entry("e1", "n")])
    assert patient.stats().by_state["pending"] == 1
    patient.close()


def test_a_server_that_might_lose_entries_says_why(tmp_path):
    options = ("--appendonly", "no", "--maxmemory-policy", "allkeys-lru")
    with RedisServer(tmp_path, *options) as server:
        store = open_at(server.url)
        durability, eviction = store.health().unsafe
        store.close()
    assert "appendonly" in durability
    assert "allkeys-lru" in eviction


def test_a_producers_user_may_put_and_no_more(server):
    with redis.Redis.from_url(server.url) as admin:
        rules = ["reset", "on", ">secret", "~dq:{ns.*}:*", "-@all", *PRODUCER]
        admin.execute_command("ACL", "SETUSER", "producer", *rules)
    url = with_password(server, "secret", "producer")
    store = open_at(url, "ns.app")

    assert store.put([make_entry("e1", "ns.app"), make_entry("e1", "ns.app")]) == ["created", "seen"]
    store.ping()
    assert store.health().unsafe == ()
    with pytest.raises(BackendUnavailableError, match="ACL"):
        store.get("e1")
    outside = open_at(url, "other")
    with pytest.raises(BackendUnavailableError, match="ACL") as caught:
        outside.put([make_entry("e1", "other")])
    assert "secret" not in str(caught.value)
    for opened in (store, outside):
        opened.close()


def test_health_that_may_not_be_asked_for_is_not_taken_for_good(server):
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "mute", "reset", "on", ">secret", "~*", "+@all", "-info")
    store = open_at(with_password(server, "secret", "mute"))
    (reason,) = store.health().unsafe
    store.close()
    assert "INFO" in reason


def test_a_wrong_password_is_named_but_not_shown(server):
    with redis.Redis.from_url(server.url) as admin:
        admin.config_set("requirepass", "right")
    for url in (server.url, with_password(server, "secret")):
        store = open_at(url)
        with pytest.raises(BackendUnavailableError, match="another user or password") as caught:
            store.ping()
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None
        store.close()


def test_a_full_server_refuses_puts_but_lets_reviewers_go_on(server):
    store = open_at(server.url)
    store.put([make_entry("e1", "n")])
    with redis.Redis.from_url(server.url) as admin:
        admin.config_set("maxmemory", "1mb")
        for call in (store.ping, lambda: store.put([make_entry("e2", "n")])):
            with pytest.raises(BackendUnavailableError, match="out of memory"):
                call()
        assert store.find(Filter()).entries[0].id == "e1"
        admin.config_set("maxmemory", "0")
    assert store.get("e2") is None
    store.ping()
    store.close()


def test_a_replica_refuses_to_be_written(server):
    store = open_at(server.url)
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(BackendUnavailableError, match="read-only replica"):
            store.ping()
    store.close()


def test_a_damaged_entry_is_refused_without_quoting_it(redis_server, namespace, client):
    store = open_at(redis_server.url, namespace)
    store.put([make_entry("e1", namespace)])
    for damage in ('{"schema_version":1,"payload":"secret"', b"\xff"):
        client.set(f"dq:{{{namespace}}}:b:e1", damage)
        with pytest.raises(UnreadableEntryError, match="damaged") as caught:
            store.get("e1")
        assert "secret" not in str(caught.value)
    store.close()


def test_a_body_of_a_newer_release_is_refused(redis_server, namespace, client):
    store = open_at(redis_server.url, namespace)
    store.put([make_entry("e1", namespace)])
    key = f"dq:{{{namespace}}}:b:e1"
    client.set(key, client.get(key).replace('"schema_version":1', '"schema_version":2'))
    with pytest.raises(UnreadableEntryError, match="schema version 2"):
        store.find(Filter())
    store.close()


def test_a_cluster_keeps_a_namespace_on_one_node(tmp_path):
    with RedisServer(tmp_path, "--cluster-enabled", "yes") as node:
        with redis.Redis.from_url(node.url) as admin:
            admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            eventually(lambda: b"cluster_state:ok" in admin.execute_command("CLUSTER", "INFO"))
        store = open_at(f"redis+cluster://127.0.0.1:{node.port}")
        exercise(store)
        assert store.health().detail["mode"] == "cluster"
        store.close()
        node.kill()
        with pytest.raises(BackendUnavailableError, match="cannot be reached"):
            store.ping()
        store.close()


def test_sentinels_lead_to_the_primary(server, tmp_path):
    folder = tmp_path / "sentinel"
    folder.mkdir()
    config = folder / "sentinel.conf"
    config.write_text(f"sentinel monitor main 127.0.0.1 {server.port} 1\n")
    with RedisServer(folder, "--sentinel", config=config) as sentinel:
        address = f"redis+sentinel://127.0.0.1:{sentinel.port}"
        store = open_at(f"{address}/main")
        exercise(store)
        assert store.health().detail["address"] == f"{address}/main/0"
        store.close()

        astray = open_at(f"{address}/nothing")
        with pytest.raises(BackendUnavailableError, match="no primary"):
            astray.ping()
        astray.close()


def exercise(store: Store) -> None:
    """Every script once."""
    store.ping()
    assert store.put([make_entry("e1", "n"), make_entry("e2", "n")]) == ["created", "created"]
    assert store.act(["e1"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0))) == ["done"]
    assert store.lapse(4_000.0) == ["e1"]
    assert [entry.id for entry in store.find(Filter()).entries] == ["e1", "e2"]
    assert store.groups()[0].open == 2
    assert store.stats().by_state["pending"] == 2
    assert store.health().unsafe == ()


def test_a_forked_child_that_drops_the_store_leaves_the_parents_connection_alone(redis_server, namespace):
    store = open_at(redis_server.url, namespace)
    store.ping()
    process = os.fork()
    if process == 0:
        del store
        os._exit(0)
    os.waitpid(process, 0)
    assert store.put([make_entry("e1", namespace)]) == ["created"]
    store.close()


def test_naming_a_store_loads_no_redis_library():
    code = "import sys; import dq_gate.quarantine.address, dq_gate.quarantine.redis; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
