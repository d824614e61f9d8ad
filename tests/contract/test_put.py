"""What putting entries means, in every store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dq_gate.core.lifecycle import CLAIM, DISCARD, STATES
from dq_gate.core.model import Violation
from dq_gate.quarantine.entry import MAX_BATCH, Filter, HistoryItem, Lease
from dq_gate.quarantine.serial import body_to_bytes
from tests.store_model import make_act, make_entry


def test_an_entry_comes_back_as_it_was_put(store, namespace):
    entry = replace(
        make_entry("e1", namespace, payload='{"v":1,"value":"é€😀\\u0000"}'.encode(), created_at=1_700_000_000.123456),
        violations=(
            Violation("a.b.c", "query", "length", "quarantine", "is 3 long", span=(0, 3)),
            Violation("a.b.d", "*", "cel", "warn", "costs much"),
        ),
        replayable=False,
    )

    assert store.put([entry]) == ["created"]
    assert store.get("e1") == entry


def test_an_unknown_id_is_none(store):
    assert store.get("nobody") is None
    assert store.get("\udcff") is None


def test_nothing_put_is_nothing_done(store):
    assert store.put([]) == []


def test_a_known_id_is_seen_again_and_otherwise_left_alone(store, namespace):
    entry = make_entry("e1", namespace)
    store.put([entry])

    changed = replace(entry, payload=b'{"v":1,"value":"other"}', source="other", created_at=9_000.0)
    assert store.put([changed]) == ["seen"]

    assert store.get("e1") == replace(entry, seen=2)
    assert store.groups()[0].count == 1
    assert store.groups()[0].last_seen == entry.created_at


def test_one_id_twice_in_a_batch_is_kept_once(store, namespace):
    entry = make_entry("e1", namespace)

    assert store.put([entry, replace(entry, created_at=1_001.0)]) == ["created", "seen"]
    assert store.get("e1").seen == 2
    assert store.stats().by_state["pending"] == 1


def test_a_put_repeated_because_no_answer_came_is_no_second_sighting(store, namespace):
    entry = make_entry("e1", namespace)
    store.put([entry])

    assert store.put([entry, entry]) == ["seen", "seen"]
    assert store.get("e1").seen == 1


def test_a_retry_does_not_bring_a_decided_entry_back(store, namespace):
    entry = make_entry("e1", namespace)
    store.put([entry])
    store.act(["e1"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))
    store.act(["e1"], make_act(DISCARD, token="t"))

    assert store.put([entry]) == ["seen"]
    assert store.get("e1").state == "discarded"


def test_results_come_in_the_order_of_the_entries(store, namespace):
    store.put([make_entry("e1", namespace), make_entry("e3", namespace)])

    mixed = [make_entry(entry_id, namespace) for entry_id in ("e3", "e4", "e1", "e2")]
    assert store.put(mixed) == ["seen", "created", "seen", "created"]


def test_a_full_batch_of_large_payloads_is_kept(store, namespace):
    payload = b'{"v":1,"value":"' + b"x" * 60_000 + b'"}'
    entries = [make_entry(f"e{n:03}", namespace, payload=payload) for n in range(MAX_BATCH)]

    assert store.put(entries) == ["created"] * MAX_BATCH
    assert store.get("e099").payload == payload


def test_a_flooded_group_counts_and_keeps_no_more(open_another, namespace):
    store = open_another(max_open=2)
    entries = [make_entry(f"e{n}", namespace, created_at=1_000.0 + n) for n in range(5)]

    assert store.put(entries) == ["created", "created", "counted", "counted", "counted"]

    (group,) = store.groups()
    assert (group.count, group.open, group.counted_only) == (5, 2, 3)
    assert (group.first_seen, group.last_seen, group.sample) == (1_000.0, 1_004.0, "e1")
    assert store.get("e2") is None
    assert store.put([entries[0]]) == ["seen"]


def test_a_flood_leaves_other_groups_alone(open_another, namespace):
    store = open_another(max_open=1)
    store.put([make_entry("e1", namespace), make_entry("e2", namespace)])

    assert store.put([make_entry("e3", namespace, group="g2")]) == ["created"]


def test_a_decision_makes_room_in_a_flooded_group(open_another, namespace):
    store = open_another(max_open=1)
    store.put([make_entry("e1", namespace)])
    store.act(["e1"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))
    assert store.put([make_entry("e2", namespace)]) == ["counted"]

    store.act(["e1"], make_act(DISCARD, token="t"))
    assert store.put([make_entry("e2", namespace)]) == ["created"]


def test_a_full_store_counts_and_keeps_no_more(open_another, namespace):
    entries = [make_entry(f"e{n}", namespace, group=f"g{n}") for n in range(4)]
    sizes = [len(body_to_bytes(entry)) for entry in entries]
    store = open_another(max_bytes=sum(sizes[:2]))

    assert store.put(entries[:3]) == ["created", "created", "counted"]
    assert store.put([entries[3], entries[0]]) == ["counted", "seen"]

    assert store.stats().bytes == sum(sizes[:2])
    assert store.stats().counted_only == 2
    assert store.group("g3").counted_only == 1
    assert store.get("e3") is None
    # Reviewing goes on.
    assert store.act(["e0"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0))) == ["done"]


def test_what_still_fits_is_kept_though_something_larger_did_not(open_another, namespace):
    store = open_another(max_bytes=2_000)
    large = make_entry("large", namespace, payload=b"x" * 3_000)
    assert store.put([large, make_entry("small", namespace)]) == ["counted", "created"]


def test_a_store_without_a_cap_counts_its_bytes_all_the_same(store, namespace):
    entries = [make_entry(f"e{n}", namespace, payload=b"\xff" * 700 * n) for n in range(5)]
    store.put(entries)
    assert store.stats().bytes == sum(len(body_to_bytes(entry)) for entry in entries)


def test_namespaces_do_not_see_each_other(open_another, namespace):
    here, there = open_another(), open_another(namespace=f"{namespace}-b")
    here.put([make_entry("e1", namespace)])

    assert there.get("e1") is None
    assert there.find(Filter()).entries == ()
    assert there.groups() == []
    assert there.stats().by_state == dict.fromkeys(STATES, 0)
    assert there.put([make_entry("e1", f"{namespace}-b")]) == ["created"]


def test_what_one_store_put_another_reads(open_another, namespace):
    writer, reader = open_another(), open_another()
    assert reader.get("e1") is None
    writer.put([make_entry("e1", namespace)])
    assert reader.get("e1") == make_entry("e1", namespace)


def test_a_closed_store_opens_again_with_its_data(store, namespace):
    store.put([make_entry("e1", namespace)])
    store.close()
    store.close()
    assert store.get("e1") == make_entry("e1", namespace)


@pytest.mark.parametrize(
    "change",
    [
        {"namespace": "elsewhere"},
        {"state": "released"},
        {"attempts": 1},
        {"lease": Lease("t", "ada", 1.0)},
        {"verdict": "valid"},
        {"history": (HistoryItem(1.0, "ada", "claim"),)},
        {"created_at": float("nan")},
        {"revision": 1},
        {"not_before": 1.0},
    ],
    ids=str,
)
def test_an_entry_that_would_not_be_kept_as_it_is_is_refused(store, namespace, change):
    with pytest.raises(ValueError, match="entry e2"):
        store.put([make_entry("e1", namespace), replace(make_entry("e2", namespace), **change)])
    assert store.get("e1") is None


def test_more_than_a_batch_is_refused(store, namespace):
    ids = [f"e{n}" for n in range(MAX_BATCH + 1)]
    with pytest.raises(ValueError, match="at most 100"):
        store.put([make_entry(entry_id, namespace) for entry_id in ids])
    with pytest.raises(ValueError, match="at most 100"):
        store.act(ids, make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))
