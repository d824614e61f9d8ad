"""A quarantine in several shards answers as one in a single store does."""

from __future__ import annotations

import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from dq_gate.core.lifecycle import CLAIM, DISCARD, RELEASE, STATES
from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.entry import Filter, HistoryItem, Lease
from dq_gate.quarantine.redis_address import RedisOptions
from tests.store_model import make_act, make_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.quarantine.entry import Entry, Group, Store
    from tests.redis_server import RedisServer

LEASE = Lease("t", "ada", 3_000.0)
RULES = ("query.text.present", "query.text.length", "query.top_k.le")
IDS = [f"e{n:02}" for n in range(12)]
NUMBERS = count()

entries = st.builds(
    lambda entry_id, rules, source, created_at: make_entry(
        entry_id,
        "n",
        rules=tuple(sorted(rules)),
        source=source,
        group=f"g-{source}-{len(rules)}",
        created_at=created_at,
    ),
    st.sampled_from(IDS),
    st.sets(st.sampled_from(RULES), min_size=1),
    st.sampled_from(["bot", "feed"]),
    st.sampled_from([1_000.0, 1_000.5, 1_001.0]),
)
ids = st.lists(st.sampled_from([*IDS, "nobody"]), max_size=6)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.lists(entries, max_size=8)),
        st.tuples(st.just("claim"), ids),
        st.tuples(st.just("release"), ids),
        st.tuples(st.just("discard"), ids),
        st.tuples(st.just("purge"), ids),
        st.tuples(st.just("lapse"), st.sampled_from([2_000.0, 4_000.0])),
        st.tuples(st.just("expire"), st.sampled_from([1_000.5, 2_000.0])),
    ),
    max_size=12,
)
filters = st.builds(
    Filter,
    state=st.none() | st.sampled_from(STATES),
    rule=st.none() | st.sampled_from(RULES),
    source=st.none() | st.sampled_from(["bot", "feed"]),
)


def take(store: Store, step: tuple[str, object]) -> object:
    """Carry out a step; what came of it."""
    name, given_ = step
    match name:
        case "put":
            return store.put(given_)
        case "claim":
            return store.act(given_, make_act(CLAIM, lease=LEASE))
        case "release":
            return store.act(given_, make_act(RELEASE, token="t"))
        case "discard":
            return store.act(given_, make_act(DISCARD, token="t"))
        case "purge":
            return store.purge(given_, 9e9)
        case "lapse":
            return sorted(drained(lambda: store.lapse(given_)))
        case _:
            note = HistoryItem(5_000.0, "ada", "expire")
            return sorted(drained(lambda: store.expire(given_, note)))


def drained(call) -> Iterator[str]:
    """What a call gives until it gives nothing."""
    while found := call():
        yield from found


def all_pages(store: Store, where: Filter, limit: int) -> list[list[Entry]]:
    pages, after = [], None
    while True:
        page = store.find(where, limit=limit, after=after)
        pages.append(list(page.entries))
        if (after := page.after) is None:
            return pages


def all_id_pages(store: Store, where: Filter, limit: int) -> list[tuple[str, ...]]:
    pages, after = [], None
    while True:
        page = store.ids(where, limit=limit, after=after)
        pages.append(page.ids)
        if (after := page.after) is None:
            return pages


def dated(store: Store, groups: list[Group]) -> list[Group]:
    """Groups whose sample is replaced by its time: of two samples of one time, either will do."""
    times = {entry.id: entry.created_at for page in all_pages(store, Filter(), 100) for entry in page}
    return [replace(group, sample=str(times.get(group.sample))) for group in groups]


def open_as(server: RedisServer, shards: int, key_prefix: str, *, max_open: int = 100_000) -> Store:
    options = RedisOptions(shards=shards, key_prefix=key_prefix)
    return open_store(server.url, "n", max_open=max_open, timeout=10.0, redis=options)


@given(steps=steps, where=filters, limit=st.integers(1, 7), shards=st.integers(2, 5))
@settings(max_examples=40)
def test_a_sharded_store_answers_as_a_single_one(redis_server, steps, where, limit, shards):
    number = next(NUMBERS)
    one, several = open_as(redis_server, 1, f"one{number}"), open_as(redis_server, shards, f"several{number}")
    try:
        for step in steps:
            assert take(several, step) == take(one, step)
        assert all_pages(several, where, limit) == all_pages(one, where, limit)
        assert all_id_pages(several, where, limit) == all_id_pages(one, where, limit)
        assert several.stats() == one.stats()
        assert dated(several, several.groups(limit=limit)) == dated(one, one.groups(limit=limit))
        assert [several.get(entry_id) for entry_id in IDS] == [one.get(entry_id) for entry_id in IDS]
        for group in one.groups():
            assert dated(several, [several.group(group.fingerprint)]) == dated(one, [group])
        assert several.group("nobody") is None
    finally:
        one.close()
        several.close()


@pytest.fixture
def store(redis_server, namespace) -> Iterator[Store]:
    store = open_as(redis_server, 4, namespace[:32])
    yield store
    store.close()


def test_pages_go_on_when_all_that_is_left_is_in_one_shard(store):
    in_one = [f"e{n}" for n in range(100) if zlib.crc32(f"e{n}".encode()) % 4 == 2][:5]
    store.put([make_entry(entry_id, "n") for entry_id in in_one])
    assert [entry.id for page in all_pages(store, Filter(), 1) for entry in page] == sorted(in_one)
    assert [entry_id for page in all_id_pages(store, Filter(), 2) for entry_id in page] == sorted(in_one)


def test_the_largest_groups_are_those_of_all_shards_together(store):
    sizes = {"small": 3, "middle": 9, "large": 20}
    store.put([make_entry(f"{name}{n}", "n", group=name) for name, size in sizes.items() for n in range(size)])
    assert [(group.fingerprint, group.count) for group in store.groups(limit=2)] == [("large", 20), ("middle", 9)]


def test_a_groups_limit_is_divided_among_the_shards(redis_server, namespace):
    store = open_as(redis_server, 4, namespace[:32], max_open=10)
    results = store.put([make_entry(f"e{n}", "n") for n in range(100)])
    assert results.count("created") == 12  # three in each
    assert results.count("counted") == 88
    assert (store.groups()[0].count, store.groups()[0].open, store.groups()[0].counted_only) == (100, 12, 88)
    store.close()


def test_released_entries_of_all_shards_are_handed_out_once_and_acknowledged(store):
    everything = [f"e{n}" for n in range(20)]
    store.put([make_entry(entry_id, "n") for entry_id in everything])
    store.act(everything, make_act(CLAIM, lease=LEASE))
    store.act(everything, make_act(RELEASE, token="t"))
    first, second = (store.deliver(name, limit=12, idle_s=60.0) for name in ("one", "two"))
    assert (len(first), len(second)) == (12, 8)
    assert sorted(delivery.entry_id for delivery in first + second) == sorted(everything)
    store.acknowledge(first)
    assert {delivery.entry_id for delivery in store.deliver("three", limit=20, idle_s=0.0)} == {
        delivery.entry_id for delivery in second
    }


def test_subjects_are_forgotten_in_every_shard(store):
    store.forget(["ada"], 2_000.0)
    of_ada = [replace(make_entry(f"e{n}", "n"), subjects=("ada",)) for n in range(10)]
    assert store.put(of_ada) == ["erased"] * 10
    assert store.forgotten() == {"ada": 2_000.0}


def test_versions_and_health_are_those_of_all_shards(store):
    assert (store.schema(), store.upgrade()) == (2, 2)
    health = store.health()
    assert health.unsafe == ()
    assert health.detail["shards"] == "4"
    assert health.detail["kind"] == "redis"
    assert store.settled() in {True, False}


def test_many_threads_share_a_sharded_store(store):
    start = threading.Barrier(4)

    def put(number: int) -> list[str]:
        start.wait()
        return store.put([make_entry(f"e{n}", "n") for n in range(number * 10, number * 10 + 30)])

    with ThreadPoolExecutor(4) as pool:
        results = [result for part in pool.map(put, range(4)) for result in part]
    assert results.count("created") == store.stats().by_state["pending"] == 60


def test_another_number_of_shards_is_refused_whatever_is_asked(redis_server, namespace):
    prefix = namespace[:32]
    first = open_as(redis_server, 4, prefix)
    first.put([make_entry("e1", "n")])
    for wrong in (1, 3):
        other = open_as(redis_server, wrong, prefix)
        for call in (
            other.stats,
            lambda store=other: store.put([make_entry("e2", "n")]),
            lambda store=other: store.get("e1"),
        ):
            with pytest.raises(BackendUnavailableError, match=f"has 4 shards, the setting says {wrong}"):
                call()
        other.close()
    assert first.stats().by_state["pending"] == 1
    first.close()


def test_entries_of_a_release_without_shards_count_as_one_shard(redis_server, namespace):
    prefix = namespace[:32]
    one = open_as(redis_server, 1, prefix)
    one.put([make_entry("e1", "n")])
    with redis.Redis.from_url(redis_server.url) as client:
        client.hdel(f"{prefix}:{{n}}:meta", "shards")
    several = open_as(redis_server, 2, prefix)
    with pytest.raises(BackendUnavailableError, match="has 1 shards"):
        several.stats()
    assert one.get("e1") is not None
    for store in (one, several):
        store.close()
