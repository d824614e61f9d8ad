"""The Redis store on real servers: topologies, limited users, servers that refuse, and what it leaves in the keys."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import redis

from dq_gate.core.lifecycle import BEGIN_REDRIVE, CLAIM, DISCARD, EXPIRE, REDRIVE, RELEASE, RETURN
from dq_gate.errors import BackendUnavailableError, UnreadableEntryError
from dq_gate.quarantine import redis as redis_store
from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.entry import Filter, HistoryItem, Lease
from tests.fakes import eventually
from tests.redis_server import RedisServer
from tests.store_model import make_act, make_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    "+info",
]
"""The commands a process that only puts entries needs."""
LEASE = Lease("t" * 43, "ada", 3_000.123456)


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


@pytest.fixture
def store(redis_server, namespace) -> Iterator[Store]:
    store = open_at(redis_server.url, namespace)
    yield store
    store.close()


@pytest.fixture
def key(namespace) -> Callable[[str], str]:
    """The full name of a key of this test's namespace."""
    return lambda name: f"dq:{{{namespace}}}:{name}"


def release(store: Store, *ids: str) -> None:
    assert store.act(ids, make_act(CLAIM, lease=LEASE)) == ["done"] * len(ids)
    assert store.act(ids, make_act(RELEASE, token=LEASE.token)) == ["done"] * len(ids)


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


def test_the_small_fields_stay_a_compact_list_all_their_life(store, namespace, client, key):
    rules = tuple(f"query.text.some_long_condition_{n}" for n in range(12))
    store.put([replace(make_entry("e1", namespace, rules=rules), subjects=("0" * 24, "f" * 24))])
    for act in (
        make_act(CLAIM, lease=LEASE),
        make_act(RELEASE, token=LEASE.token, verdict="invalid"),
        make_act(BEGIN_REDRIVE, lease=LEASE),
        make_act(RETURN, token=LEASE.token, not_before=1_700_000_000.123456),
    ):
        assert store.act(["e1"], act) == ["done"]
        assert client.object("encoding", key("e:e1")) == "listpack"


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


def test_an_interruption_that_leaves_redis_pys_pool_locked_locks_nobody_out(redis_server, namespace, monkeypatch):
    def interrupted(pool, **_options):
        pool.mutex.acquire()
        raise KeyboardInterrupt

    store = open_at(redis_server.url, namespace)
    store.ping()
    with monkeypatch.context() as patched:
        patched.setattr(queue.LifoQueue, "get", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.ping()

    store.ping()
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
    client.set(key, client.get(key).replace('"schema_version":2', '"schema_version":3'))
    with pytest.raises(UnreadableEntryError, match="schema version 3"):
        store.find(Filter())
    store.close()


def test_a_script_that_finds_damage_writes_nothing(store, namespace, client, key):
    store.put([make_entry("e1", namespace, group="g1"), make_entry("e2", namespace, group="g2")])
    store.act(["e1", "e2"], make_act(CLAIM, lease=LEASE))
    client.hdel(key("g:g2"), "count")
    before = dump(client, key("*"))

    with pytest.raises(BackendUnavailableError, match="failed a command"):
        store.act(["e1", "e2"], make_act(DISCARD, token=LEASE.token))

    assert dump(client, key("*")) == before


def dump(client: redis.Redis, pattern: str) -> dict[str, object]:
    """All keys and what they hold."""
    readers = {
        "hash": client.hgetall,
        "string": client.get,
        "zset": lambda name: client.zrange(name, 0, -1, withscores=True),
        "list": lambda name: client.lrange(name, 0, -1),
        "stream": client.xrange,
    }
    names = client.keys(pattern.replace("[", "\\["))
    return {name: readers[client.type(name)](name) for name in names}


def test_the_bytes_are_those_of_the_bodies_and_purging_leaves_a_tombstone(store, namespace, client, key):
    subject = "5" * 24
    store.put([replace(make_entry(f"e{n}", namespace, payload=b"x" * n), subjects=(subject,)) for n in range(5)])
    assert store.stats().bytes == sum(client.strlen(name) for name in client.keys(key("b:*"))) > 0
    store.expire(5_000.0, HistoryItem(9.0, "dq_gate", EXPIRE.name))

    assert store.purge([f"e{n}" for n in range(5)], time.time() + 100) == ["done"] * 5

    assert store.stats().bytes == 0
    assert client.hgetall(key("e:e3")) == {"state": "purged", "seen": "1"}
    assert 90 < client.ttl(key("e:e3")) <= 100
    assert client.keys(key("[bhwi]:*")) == client.keys(key("subject:*")) == []
    assert store.put([make_entry("e3", namespace)]) == ["seen"]
    assert 90 < client.ttl(key("e:e3")) <= 100


def test_the_stream_of_released_entries_holds_those_and_no_others(store, namespace, client, key):
    store.put([make_entry(f"e{n}", namespace) for n in range(4)])
    release(store, "e0", "e1", "e2")
    assert [fields["id"] for _, fields in client.xrange(key("released"))] == ["e0", "e1", "e2"]
    store.deliver("one", limit=2, idle_s=60.0)

    # Nobody acknowledges these: that they are released no more is enough.
    store.act(["e0"], make_act(BEGIN_REDRIVE, lease=LEASE))
    store.act(["e0"], make_act(REDRIVE, token=LEASE.token))
    store.expire(5_000.0, HistoryItem(9.0, "dq_gate", EXPIRE.name))

    assert client.xlen(key("released")) == 0
    assert client.xpending(key("released"), "redrive")["pending"] == 0


def test_a_release_is_delivered_to_one_consumer_and_taken_over_when_that_dies(store, namespace):
    store.put([make_entry(f"e{n}", namespace) for n in range(3)])
    release(store, "e0", "e1", "e2")

    first = store.deliver("one", limit=2, idle_s=60.0)
    second = store.deliver("two", limit=2, idle_s=60.0)
    assert [[delivery.entry_id for delivery in found] for found in (first, second)] == [["e0", "e1"], ["e2"]]
    store.acknowledge(second)
    assert store.deliver("two", limit=2, idle_s=60.0) == []
    assert store.deliver("two", limit=2, idle_s=0.0) == first


def test_one_dead_consumers_release_is_found_behind_many_busy_ones(store, namespace, client, key):
    ids = [f"e{n:02}" for n in range(40)]
    store.put([make_entry(entry_id, namespace) for entry_id in ids])
    release(store, *ids)
    messages = store.deliver("one", limit=40, idle_s=60.0)
    client.xclaim(key("released"), "redrive", "dead", 0, [messages[-1].message], idle=120_000)

    assert store.deliver("two", limit=1, idle_s=60.0) == [messages[-1]]


def test_what_was_released_before_there_was_a_consumer_is_delivered(store, namespace, client, key):
    store.put([make_entry("e1", namespace)])
    release(store, "e1")
    assert client.xinfo_groups(key("released")) == []
    assert [delivery.entry_id for delivery in store.deliver("one", limit=5, idle_s=60.0)] == ["e1"]


def test_all_that_was_forgotten_comes_back_however_much_it_is(store):
    subjects = [f"{n:024x}" for n in range(2_500)]
    for start in range(0, len(subjects), 100):
        store.forget(subjects[start : start + 100], 7.5)
    assert store.forgotten() == dict.fromkeys(subjects, 7.5)


def as_the_release_before(client: redis.Redis, key: Callable[[str], str], entry_id: str, group: str) -> None:
    """Take away what the release before would not have written of an entry and its group."""
    client.delete(key("meta"))
    client.hdel(key(f"e:{entry_id}"), "size")
    client.hdel(key(f"g:{group}"), "totalled")


def test_a_namespace_of_the_release_before_is_kept_as_that_can_read_it(store, namespace, client, key):
    store.put([make_entry("old", namespace)])
    as_the_release_before(client, key, "old", "g1")
    newer = open_at(f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0", namespace)

    assert newer.schema() == 1
    newer.put([replace(make_entry("e1", namespace), subjects=("5" * 24,))])
    newer.act(["e1"], make_act(CLAIM, lease=LEASE))

    assert '"schema_version":1' in client.get(key("b:e1"))
    assert "account" not in client.lrange(key("h:e1"), 0, -1)[0]
    # What that release does not know is kept beside, so that erasure finds the entry all the same.
    assert newer.ids(Filter(subject="5" * 24)).ids == ("e1",)
    assert newer.get("e1").subjects == ("5" * 24,)
    newer.close()


def test_an_upgrade_counts_what_the_release_before_did_not(redis_server, namespace, client, key):
    store = open_store(redis_server.url, namespace, max_open=2, timeout=5.0)
    store.put([make_entry(f"e{n}", namespace) for n in range(5)])
    exact = store.stats()
    assert (exact.by_state["pending"], exact.counted_only) == (2, 3)
    as_the_release_before(client, key, "e0", "g1")
    client.hdel(key("e:e1"), "size")

    assert store.upgrade() == 1
    assert store.stats() == exact
    assert store.upgrade() == 2
    assert store.stats() == exact
    assert store.schema() == 2
    store.close()


def test_an_upgrade_by_another_process_is_noticed(store, namespace, client, key, monkeypatch):
    client.hset(key("meta"), "schema", 1)
    store.put([make_entry("e1", namespace)])
    client.hset(key("meta"), "schema", 2)
    store.put([make_entry("e2", namespace)])
    monkeypatch.setattr(redis_store, "SCHEMA_KNOWN_FOR_S", 0.0)
    store.put([make_entry("e3", namespace)])

    versions = ['"schema_version":2' in client.get(key(f"b:e{n}")) for n in (1, 2, 3)]
    assert versions == [False, False, True]


def test_keys_of_a_newer_release_are_left_alone(store, namespace, client, key):
    store.stats()
    client.hset(key("meta"), "schema", 3)
    before = dump(client, key("*"))
    for call in (store.schema, store.upgrade, lambda: store.put([make_entry("e1", namespace)])):
        with pytest.raises(UnreadableEntryError, match="schema version 3, this release reads 1 and 2"):
            call()
    assert dump(client, key("*")) == before


def test_a_server_that_lost_its_data_is_not_taken_for_one_of_the_release_before(store, namespace, client, key):
    store.put([make_entry("e1", namespace)])
    client.delete(*client.keys(key("*")))
    store.put([make_entry("e1", namespace)])
    assert client.hget(key("meta"), "schema") == "2"


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
