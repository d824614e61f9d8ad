"""The quarantine on more than one server: limited users, sentinels, clusters, replicas that must confirm."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from dq_gate.core.lifecycle import BEGIN_REDRIVE, CLAIM, DISCARD, EDIT, ERASE, REDRIVE, RELEASE, RENEW, REVEAL, UNCLAIM
from dq_gate.errors import BackendUnavailableError
from dq_gate.events import StoreDegraded
from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.entry import Filter, HistoryItem, Lease
from dq_gate.quarantine.redis_address import RedisOptions
from tests.fakes import Reports, eventually
from tests.fakes import make_entry as of_writer
from tests.faults.writing import WAIT, make_writer
from tests.integration.cli.command import dq_gate
from tests.redis_server import RedisServer
from tests.redis_topologies import Cluster, Replicated, Watched, ask
from tests.store_model import make_act, make_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.quarantine.entry import Store

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-redis.md"
LEASE = Lease("t", "ada", 3_000.0)


def open_at(url: str, namespace: str = "support", *, timeout: float = 5.0, **options: object) -> Store:
    return open_store(url, namespace, max_open=100_000, timeout=timeout, redis=RedisOptions(**options))


# Users


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server with the users that the how-to page makes."""
    with RedisServer(tmp_path_factory.mktemp("guarded")) as server:
        make_users(server)
        yield server


def make_users(server: RedisServer) -> None:
    """Make the users of the how-to page, by its own lines."""
    for line in re.findall(r"^ACL SETUSER .+$", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        ask(server, *line.split())


@pytest.fixture
def gate_url(guarded: RedisServer) -> str:
    with redis.Redis.from_url(guarded.url) as client:
        client.flushall()
    return guarded.url.replace("redis://", "redis://gate:GATE-PASSWORD@")


@pytest.fixture
def reviewer_url(guarded: RedisServer) -> str:
    return guarded.url.replace("redis://", "redis://reviewer:REVIEWER-PASSWORD@")


def review_everything(store: Store) -> None:
    """Each thing a reviewer does to the entries e1 to e6, once."""
    store.ping()
    assert store.schema() == 2
    assert [entry.id for entry in store.find(Filter(state="pending", rule="query.text.present")).entries] == [
        f"e{n}" for n in range(1, 7)
    ]
    assert len(store.ids(Filter()).ids) == 6
    assert store.groups()[0].open == 6
    assert store.group("g1").open == 6
    assert store.stats().by_state["pending"] == 6
    ids = ["e1", "e2", "e3", "e4"]
    assert store.act(ids, make_act(CLAIM, lease=LEASE)) == ["done"] * 4
    assert store.act(["e1"], make_act(RENEW, token="t", lease=LEASE)) == ["done"]
    assert store.act(["e1"], make_act(REVEAL)) == ["done"]
    entry = store.get("e1")
    assert store.act(["e1"], replace(make_act(EDIT, token="t"), rewrite=entry)) == ["done"]
    assert store.act(["e1", "e2"], make_act(RELEASE, token="t")) == ["done"] * 2
    assert store.act(["e3"], make_act(DISCARD, token="t")) == ["done"]
    assert store.act(["e4"], make_act(UNCLAIM, token="t")) == ["done"]
    deliveries = store.deliver("worker", limit=10, idle_s=60.0)
    assert sorted(delivery.entry_id for delivery in deliveries) == ["e1", "e2"]
    assert store.act(["e1"], make_act(BEGIN_REDRIVE, lease=LEASE)) == ["done"]
    assert store.act(["e1"], make_act(REDRIVE, token="t")) == ["done"]
    store.acknowledge(deliveries)
    assert store.act(["e5"], make_act(CLAIM, lease=LEASE)) == ["done"]
    assert store.lapse(4_000.0) == ["e5"]
    assert store.act(["e6"], replace(make_act(ERASE), rewrite=store.get("e6"))) == ["done"]
    store.forget(["subject"], 5_000.0)
    assert store.forgotten() == {"subject": 5_000.0}
    assert store.expire(2_000.0, HistoryItem(6_000.0, "ada", "expire"))
    assert store.purge(["e1", "e3"], 9e9) == ["done", "done"]
    assert store.upgrade() == 2
    assert store.health().unsafe == ()
    assert store.settled() in {True, False}


def test_the_documented_gates_user_puts_and_cannot_read_or_review(gate_url):
    store = open_at(gate_url)
    entries = [make_entry("e1", "support"), make_entry("e1", "support")]
    assert store.put(entries) == ["created", "seen"]
    store.ping()
    assert store.health().unsafe == ()
    assert store.settled() in {True, False}
    assert store.forgotten() == {}
    forbidden = [
        lambda: store.get("e1"),
        lambda: store.find(Filter()),
        store.stats,
        lambda: store.act(["e1"], make_act(CLAIM, lease=LEASE)),
        lambda: store.purge(["e1"], 9e9),
        lambda: store.deliver("worker", limit=1, idle_s=1.0),
        lambda: open_at(gate_url, "other").put([make_entry("e1", "other")]),
    ]
    for call in forbidden:
        with pytest.raises(BackendUnavailableError, match="extend the user's ACL") as caught:
            call()
        assert "PASSWORD" not in str(caught.value)
    store.close()


def test_the_documented_gates_user_cannot_read_a_body_with_a_script_of_its_own(gate_url):
    store = open_at(gate_url)
    store.put([make_entry("e1", "support", payload=b'{"v":1,"value":"secret"}')])
    store.close()
    with redis.Redis.from_url(gate_url) as client:
        for script in ("return redis.call('GET', KEYS[1])", "return redis.call('GETRANGE', KEYS[1], 0, -1)"):
            with pytest.raises(redis.exceptions.RedisError):
                client.evalsha(client.script_load(script), 1, "dq:{support}:b:e1")


def test_a_gate_of_the_documented_user_looks_for_what_it_mirrored_and_puts_again_what_is_lost(tmp_path):
    reports = Reports()
    with RedisServer(tmp_path / "redis", "--appendonly", "no") as server:
        make_users(server)
        url = server.url.replace("redis://", "redis://gate:GATE-PASSWORD@")
        writer = make_writer(url, tmp_path / "spool", "support", reports)
        for n in range(20):
            assert writer.submit(of_writer(f"e{n}", namespace="support")).result(WAIT).stored == "store"
        ask(server, "DEL", "dq:{support}:e:e7")
        ask(server, "CONFIG", "SET", "appendonly", "yes")
        eventually(lambda: ask(server, "EXISTS", "dq:{support}:e:e7"))
        writer.close(WAIT)
        assert ask(server, "HGET", "dq:{support}:e:e8", "seen") == "1"
    assert StoreDegraded not in map(type, reports.events)


def test_the_documented_reviewers_user_reviews_everything(gate_url, reviewer_url):
    gate, store = open_at(gate_url), open_at(reviewer_url)
    gate.put([make_entry(f"e{n}", "support", created_at=1_000.0 + n) for n in range(1, 7)])
    review_everything(store)
    assert {item.account for item in store.get("e5").history} == {"reviewer"}
    for opened in (gate, store):
        opened.close()


def test_a_reviewer_without_a_right_is_told_that_it_is_missing(guarded, gate_url, reviewer_url):
    store = open_at(reviewer_url)
    store.put([make_entry("e1", "support")])
    ask(guarded, "ACL", "SETUSER", "reviewer", "-rpush")
    try:
        with pytest.raises(BackendUnavailableError, match="extend the user's ACL"):
            store.act(["e1"], make_act(CLAIM, lease=LEASE))
    finally:
        ask(guarded, "ACL", "SETUSER", "reviewer", "+rpush")
    store.close()


def test_a_user_that_may_not_ask_who_it_is_stays_nameless(guarded, gate_url, reviewer_url):
    store = open_at(reviewer_url)
    store.put([make_entry("e1", "support")])
    ask(guarded, "ACL", "SETUSER", "reviewer", "-acl|whoami")
    try:
        assert store.act(["e1"], make_act(CLAIM, lease=LEASE)) == ["done"]
        assert [item.account for item in store.get("e1").history] == [""]
    finally:
        ask(guarded, "ACL", "SETUSER", "reviewer", "+acl|whoami")
    store.close()


# Sentinels


def test_sentinels_want_their_own_password_and_lead_to_the_primary(tmp_path):
    with Watched(tmp_path, replicas=0, sentinels=1) as servers:
        ask(servers.primary, "ACL", "SETUSER", "ada", "on", ">right", "~*", "+@all")
        ask(servers.primary, "ACL", "SETUSER", "default", "off")
        ask(servers.sentinels[0], "ACL", "SETUSER", "default", "resetpass", ">watching")
        url = servers.url.replace("://", "://ada:right@")
        store = open_at(url, sentinel_password="watching")
        assert store.put([make_entry("e1", "support")]) == ["created"]
        assert store.health().detail["address"] == f"{servers.url}/0"
        store.close()
        for password in (None, "guessed"):
            astray = open_at(url, sentinel_password=password)
            with pytest.raises(BackendUnavailableError, match="set sentinel_password") as caught:
                astray.ping()
            assert not re.search("right|watching|guessed", str(caught.value))
            astray.close()


# Replicas that must confirm


def test_a_put_counts_once_replicas_have_it(tmp_path):
    with Replicated(tmp_path) as servers:
        store = open_at(servers.primary.url, wait_replicas=1, wait_timeout=5.0)
        assert store.health().unsafe == ()
        assert store.put([make_entry("e1", "support")]) == ["created"]
        replica = redis.Redis(port=servers.replicas[0].port)
        assert replica.exists("dq:{support}:b:e1")
        replica.close()

        store.close()
        store = open_at(servers.primary.url, wait_replicas=1)
        servers.replicas[0].stop()
        with pytest.raises(BackendUnavailableError, match="0 of 1 replicas"):
            store.put([make_entry("e2", "support")])
        with pytest.raises(BackendUnavailableError, match="0 of 1 replicas"):
            store.ping()
        assert store.get("e2") is not None  # unknown is not undone: a repeated put is seen
        other = open_at(servers.primary.url, wait_replicas=1)
        with pytest.raises(BackendUnavailableError, match="0 of 1 replicas"):
            other.put([make_entry("e2", "support")])  # though it finds the entry there, and writes nothing
        other.close()
        servers.replicas[0].cont()
        store.ping()
        assert store.put([make_entry("e2", "support")]) == ["seen"]
        store.close()


def test_a_script_and_its_wait_are_sent_together_also_when_the_script_is_new(tmp_path):
    with Replicated(tmp_path) as servers:
        store = open_at(servers.primary.url, wait_replicas=1, wait_timeout=5.0)
        store.put([make_entry("e1", "support")])
        ask(servers.primary, "SCRIPT", "FLUSH")
        assert store.put([make_entry("e2", "support")]) == ["created"]
        store.close()


def test_without_replicas_health_says_why_nothing_is_confirmed(redis_server, namespace):
    store = open_at(redis_server.url, namespace, wait_replicas=2)
    (reason,) = store.health().unsafe
    assert "wait_replicas is 2, attached are 0" in reason
    with pytest.raises(BackendUnavailableError, match=r"0 of 2 replicas .* are they attached"):
        store.put([make_entry("e1", namespace)])
    store.close()


def test_doctor_says_what_a_gate_would_wait_for_in_vain(redis_server, tmp_path):
    settings = f'quarantine = "{redis_server.url}"\nwait_replicas = 1\nwait_timeout = 0.01\nstore_timeout = 0.25\n'
    (tmp_path / "dq_gate.toml").write_text(settings)
    result = dq_gate("doctor", "--format", "jsonl", cwd=tmp_path)
    assert result.code == 3
    assert "0 of 1 replicas (wait_replicas) confirmed" in result.out


# Clusters


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def slot_of(key: str) -> int:
    return redis.crc.key_slot(key.encode())


@pytest.mark.parametrize("shards", [1, 5])
def test_a_cluster_is_reviewed_like_one_server(cluster, shards):
    namespace = "support"
    store = open_at(cluster.url, namespace, shards=shards, key_prefix=f"over{shards}")
    store.put([make_entry(f"e{n}", namespace, created_at=1_000.0 + n) for n in range(1, 7)])
    review_everything(store)
    store.close()


def test_the_documented_users_put_and_review_in_a_cluster(cluster):
    for node in cluster.primaries:
        make_users(node)
    gate, reviewer = (
        open_at(cluster.url.replace("://", f"://{user}@"))
        for user in ("gate:GATE-PASSWORD", "reviewer:REVIEWER-PASSWORD")
    )
    gate.put([make_entry(f"e{n}", "support", created_at=1_000.0 + n) for n in range(1, 7)])
    assert gate.health().unsafe == ()
    review_everything(reviewer)
    for store in (gate, reviewer):
        store.close()


def test_every_key_begins_with_the_prefix_and_the_namespace(redis_server, namespace):
    prefix = namespace[:32]
    store = open_at(redis_server.url, shards=3, key_prefix=prefix)
    store.put([make_entry(f"e{n}", "support", created_at=1_000.0 + n) for n in range(1, 7)])
    review_everything(store)
    store.close()
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        tags = {re.match(r"[^:]+:\{[^}]+\}:", key)[0] for key in client.keys(f"{prefix}*")}
    assert tags == {f"{prefix}:{{{tag}}}:" for tag in ("support", "support/0", "support/1", "support/2")}


def test_the_shards_of_a_namespace_are_on_several_nodes(cluster, namespace):
    options = RedisOptions(shards=8)
    assert len({cluster.owner_of(options.prefix(namespace, shard)).port for shard in range(8)}) > 1


@pytest.mark.parametrize("number", [0, 1, 2])
def test_any_node_leads_to_the_one_that_serves_the_namespace(cluster, namespace, number):
    store = open_at(f"redis+cluster://127.0.0.1:{cluster.primaries[number].port}", namespace)
    assert store.put([make_entry("e1", namespace)]) == ["created"]
    assert store.health().detail["mode"] == "cluster"
    store.close()


def test_a_node_spoken_to_as_a_single_server_says_what_it_is(cluster):
    owner = cluster.owner_of("dq:{elsewhere}:")
    for node in cluster.primaries:
        store = open_at(node.url, "elsewhere")
        if node is owner:
            store.ping()
        else:
            with pytest.raises(BackendUnavailableError, match=r"the address begins with redis\+cluster"):
                store.ping()
        store.close()


def test_a_slot_that_moves_is_refused_and_then_found_at_its_new_node_complete(cluster, namespace):
    key = f"dq:{{{namespace}}}:"
    source = cluster.owner_of(key)
    target = next(node for node in cluster.primaries if node is not source)
    store = open_at(cluster.url, namespace)
    store.put([make_entry(f"e{n}", namespace) for n in range(50)])
    cluster.begin_move(slot_of(key), source, target)
    for call in (store.ping, store.stats, lambda: store.put([make_entry("e0", namespace)]), store.health):
        with pytest.raises(BackendUnavailableError, match="moving this namespace to another node"):
            call()
    cluster.finish_move(slot_of(key), source, target)

    assert store.put([make_entry("e0", namespace), make_entry("e50", namespace)]) == ["seen", "created"]
    assert store.stats().by_state["pending"] == store.groups()[0].open == 51
    assert cluster.owner_of(key) is target
    store.close()
