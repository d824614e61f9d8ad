"""Handing released entries to consumers, in every store."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dq_gate.core.lifecycle import BEGIN_REDRIVE, CLAIM, EXPIRE, RELEASE, RETURN
from dq_gate.quarantine.entry import MAX_BATCH, Filter, HistoryItem, Lease
from tests.contract.lives import LEASE, release
from tests.fakes import eventually
from tests.store_model import make_act, make_entry

LONG = 3_600.0


def delivered(store, consumer: str = "one", limit: int = 10, idle_s: float = LONG) -> list[str]:
    return [delivery.entry_id for delivery in store.deliver(consumer, limit=limit, idle_s=idle_s)]


def put_released(store, namespace, *ids) -> None:
    store.put([make_entry(entry_id, namespace) for entry_id in ids])
    for entry_id in ids:
        release(store, entry_id)


def test_only_what_is_released_is_delivered_in_the_order_of_release(store, namespace):
    assert delivered(store) == []
    put_released(store, namespace, "e2", "e1", "e3")
    store.put([make_entry("e0", namespace)])
    assert delivered(store, limit=2) == ["e2", "e1"]
    assert delivered(store, limit=2) == ["e3"]
    assert delivered(store) == []


def test_two_consumers_never_get_the_same_before_it_is_long_idle(open_another, namespace):
    stores = [open_another() for _ in range(4)]
    ids = [f"e{n:02}" for n in range(60)]
    stores[0].put([make_entry(entry_id, namespace) for entry_id in ids])
    stores[0].act(ids, make_act(CLAIM, lease=LEASE))
    stores[0].act(ids, make_act(RELEASE, token="token-a"))
    start = threading.Barrier(len(stores))

    def consume(number: int) -> list[str]:
        start.wait()
        mine: list[str] = []
        while some := delivered(stores[number], f"consumer-{number}", limit=3):
            mine += some
        return mine

    with ThreadPoolExecutor(len(stores)) as pool:
        got = [entry_id for mine in pool.map(consume, range(len(stores))) for entry_id in mine]
    assert sorted(got) == ids


def test_what_a_dead_consumer_held_is_taken_over_once_it_is_long_idle(store, namespace):
    put_released(store, namespace, "e1", "e2")
    assert delivered(store, "dead") == ["e1", "e2"]
    assert delivered(store, "two", idle_s=LONG) == []

    eventually(lambda: delivered(store, "two", idle_s=0.05) == ["e1", "e2"])
    # It has just changed hands.
    assert delivered(store, "three", idle_s=LONG) == []


def test_what_is_long_idle_comes_before_what_is_new(store, namespace):
    put_released(store, namespace, "e1", "e2", "e3")
    assert delivered(store, limit=2) == ["e1", "e2"]
    assert delivered(store, "two", limit=3, idle_s=0.0) == ["e1", "e2", "e3"]


def test_what_was_acknowledged_is_delivered_never_again(store, namespace):
    put_released(store, namespace, "e1", "e2", "e3")
    first, _, third = store.deliver("one", limit=3, idle_s=LONG)
    store.acknowledge([first, third])
    store.acknowledge([first])
    store.acknowledge([])

    assert delivered(store, "two", idle_s=0.0) == ["e2"]


def test_a_sweep_over_what_is_released_finds_what_deliveries_lost(store, namespace):
    put_released(store, namespace, "e1", "e2")
    store.acknowledge(store.deliver("dies", limit=1, idle_s=LONG))

    assert delivered(store, idle_s=0.0) == ["e2"]
    assert store.ids(Filter("released")).ids == ("e1", "e2")
    assert store.act(["e1"], make_act(BEGIN_REDRIVE, lease=LEASE)) == ["done"]


def test_an_entry_that_left_the_released_is_not_delivered(store, namespace):
    put_released(store, namespace, "e1", "e2", "e3")
    assert delivered(store, limit=1) == ["e1"]
    store.act(["e2"], make_act(BEGIN_REDRIVE, lease=LEASE))
    store.act(["e2"], make_act(RETURN, token="token-a"))
    assert delivered(store) == ["e3"]
    store.expire(9e9, HistoryItem(9_000.0, "dq_gate", EXPIRE.name))
    assert delivered(store, idle_s=0.0) == []


def test_an_entry_is_announced_each_time_it_is_released(store, namespace):
    put_released(store, namespace, "e1")
    (first,) = store.deliver("one", limit=1, idle_s=LONG)
    store.act(["e1"], make_act(BEGIN_REDRIVE, lease=LEASE))
    store.act(["e1"], make_act(RETURN, token="token-a"))
    store.acknowledge([first])
    release(store, "e1")

    (second,) = store.deliver("one", limit=1, idle_s=LONG)
    assert (second.entry_id, second != first) == ("e1", True)
    # The first is over: acknowledging it once more touches the second as little.
    store.acknowledge([first])
    assert delivered(store, idle_s=0.0) == ["e1"]


def test_the_begin_of_a_redrive_announces_nothing_again(store, namespace):
    put_released(store, namespace, "e1")
    store.acknowledge(store.deliver("one", limit=1, idle_s=LONG))
    store.act(["e1"], make_act(BEGIN_REDRIVE, lease=Lease("t", "ada", 2_100.0)))
    store.act(["e1"], make_act(BEGIN_REDRIVE, 2_200.0, lease=LEASE))
    assert delivered(store, idle_s=0.0) == []


def test_namespaces_deliver_their_own(open_another, namespace):
    here, there = open_another(), open_another(namespace=f"{namespace}-b")
    put_released(here, namespace, "e1")
    assert delivered(there) == []
    assert delivered(here) == ["e1"]


@pytest.mark.parametrize("limit", [0, MAX_BATCH + 1])
def test_no_more_than_a_batch_is_delivered(store, limit):
    with pytest.raises(ValueError, match="from 1 to 100"):
        store.deliver("one", limit=limit, idle_s=LONG)
