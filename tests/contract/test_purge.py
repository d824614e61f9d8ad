"""Removing entries for good, tombstones, and forgotten subjects, in every store."""

from __future__ import annotations

import time

import pytest

from dq_gate.core.lifecycle import ACTIONS, CLAIM, CLOSED, ERASE, OPEN, STATES
from dq_gate.quarantine.entry import MAX_BATCH, Filter, HistoryItem, Lease
from tests.contract.lives import LEASE, lead_to
from tests.fakes import eventually
from tests.store_model import make_act, make_entry

FAR_AHEAD = 4e9
LONG_AGO = 1.0


def expire_all(store) -> None:
    while store.expire(9e9, HistoryItem(9_000.0, "dq_gate", "expire")):
        pass


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_a_purged_entry_is_gone_from_everything_but_its_groups_counts(store, namespace, state):
    store.put([make_entry("e1", namespace, rules=("r.one",), subjects=("s1",))])
    lead_to(store, "e1", state)

    assert store.purge(["e1"], FAR_AHEAD) == ["done"]

    assert store.get("e1") is None
    for where in ({}, {"rule": "r.one"}, {"source": "bot"}, {"group": "g1"}, {"subject": "s1"}):
        assert store.ids(Filter(**where)).ids == ()
        assert store.find(Filter(state, **where)).entries == ()
    stats = store.stats()
    assert stats.by_state == dict.fromkeys(STATES, 0)
    assert (stats.bytes, stats.groups) == (0, 1)
    group = store.group("g1")
    assert (group.count, group.open, group.sample) == (1, 0, "")


@pytest.mark.parametrize("state", sorted(OPEN))
def test_what_awaits_a_decision_is_not_purged(store, namespace, state):
    store.put([make_entry("e1", namespace)])
    lead_to(store, "e1", state)
    before = store.get("e1")
    assert store.purge(["e1"], FAR_AHEAD) == ["wrong_state"]
    assert store.get("e1") == before


def test_each_id_to_purge_has_its_own_result(store, namespace):
    store.put([make_entry("e0", namespace)])
    expire_all(store)
    store.put([make_entry("e1", namespace)])
    assert store.purge(["e1", "nobody", "e0", "e0", "\udcff"], FAR_AHEAD) == [
        "wrong_state",
        "not_found",
        "done",
        "not_found",
        "not_found",
    ]
    assert store.purge([], FAR_AHEAD) == []
    with pytest.raises(ValueError, match="at most 100"):
        store.purge(["e1"] * (MAX_BATCH + 1), FAR_AHEAD)


def test_a_late_duplicate_of_a_purged_entry_does_not_resurrect_it(open_another, namespace):
    store = open_another()
    entry = make_entry("e1", namespace)
    store.put([entry])
    expire_all(store)
    store.purge(["e1"], FAR_AHEAD)

    for other in (store, open_another()):
        assert other.put([entry, entry]) == ["seen", "seen"]
    assert store.get("e1") is None
    assert store.group("g1").count == 1
    assert store.stats().by_state == dict.fromkeys(STATES, 0)


def test_to_every_action_a_purged_entry_is_not_there(store, namespace):
    entry = make_entry("e1", namespace)
    store.put([entry])
    expire_all(store)
    store.purge(["e1"], FAR_AHEAD)
    for action in ACTIONS:
        act = make_act(
            action,
            token="token-a",
            lease=LEASE if action.takes_lease else None,
            rewrite=entry if action.rewrites else None,
        )
        assert store.act(["e1"], act) == ["not_found"]
    assert store.lapse(9e9) == []
    expire_all(store)
    assert store.put([entry]) == ["seen"]


def test_after_the_tombstones_end_an_input_is_kept_anew(store, namespace):
    entry = make_entry("e1", namespace)
    store.put([entry])
    expire_all(store)
    store.purge(["e1"], LONG_AGO)

    assert store.put([entry]) == ["created"]
    assert store.get("e1") == entry
    assert store.group("g1").count == 2
    assert store.group("g1").sample == "e1"


def test_a_tombstone_stays_until_its_time_by_the_clock(store, namespace):
    entry = make_entry("e1", namespace)
    store.put([entry])
    expire_all(store)
    until = time.time() + 0.3
    store.purge(["e1"], until)
    first = store.put([entry])
    if time.time() < until:
        assert first == ["seen"]
    eventually(lambda: store.put([entry]) == ["created"])
    assert time.time() >= until - 0.05


def test_many_tombstones_whose_time_is_over_stand_in_nobodys_way(store, namespace):
    ids = [f"e{n:03}" for n in range(MAX_BATCH + 20)]
    for part in (ids[:MAX_BATCH], ids[MAX_BATCH:]):
        store.put([make_entry(entry_id, namespace) for entry_id in part])
    expire_all(store)
    for part in (ids[:MAX_BATCH], ids[MAX_BATCH:]):
        assert set(store.purge(part, LONG_AGO)) == {"done"}
    for part in (ids[:MAX_BATCH], ids[MAX_BATCH:]):
        assert set(store.put([make_entry(entry_id, namespace) for entry_id in part])) == {"created"}
    assert store.stats().by_state["pending"] == len(ids)


def test_a_group_whose_sample_is_purged_names_the_newest_it_still_has(store, namespace):
    times = {"old": 1.0, "b": 2.0, "a": 2.0, "newest": 3.0}
    store.put([make_entry(entry_id, namespace, created_at=at) for entry_id, at in times.items()])
    expire_all(store)
    assert store.group("g1").sample == "newest"

    store.purge(["old", "newest"], FAR_AHEAD)
    assert store.group("g1").sample == "b"
    store.purge(["a"], FAR_AHEAD)
    assert store.group("g1").sample == "b"
    store.put([make_entry("older", namespace, created_at=1.5)])
    assert store.group("g1").sample == "b"
    store.put([make_entry("newer", namespace, created_at=2.0)])
    assert store.group("g1").sample == "newer"


def test_purging_makes_room_under_the_cap_of_bytes(open_another, namespace):
    big = b"x" * 4_000
    store = open_another(max_bytes=5_000)
    store.put([make_entry("e1", namespace, payload=big)])
    expire_all(store)
    assert store.put([make_entry("e2", namespace, payload=big)]) == ["counted"]
    store.purge(["e1"], FAR_AHEAD)
    assert store.put([make_entry("e2", namespace, payload=big)]) == ["created"]


def test_other_namespaces_keep_what_is_purged_here(open_another, namespace):
    here, there = open_another(), open_another(namespace=f"{namespace}-b")
    here.put([make_entry("e1", namespace)])
    there.put([make_entry("e1", f"{namespace}-b")])
    expire_all(here)
    expire_all(there)
    assert here.purge(["e1"], FAR_AHEAD) == ["done"]
    assert there.get("e1").state == "expired"


def test_what_was_created_by_the_time_a_subject_was_erased_is_not_kept(store, namespace):
    store.forget(["s1", "s2"], 1_000.0)
    late = [
        make_entry("e1", namespace, subjects=("s1",), created_at=1_000.0),
        make_entry("e2", namespace, subjects=("s3", "s2"), created_at=999.0),
        make_entry("e3", namespace, subjects=("s1",), created_at=1_000.001),
        make_entry("e4", namespace, subjects=("s3",), created_at=1.0),
        make_entry("e5", namespace, created_at=1.0),
    ]

    assert store.put(late) == ["erased", "erased", "created", "created", "created"]

    assert store.get("e1") is None
    assert store.ids(Filter(subject="s1")).ids == ("e3",)
    group = store.group("g1")
    assert (group.count, group.open, group.counted_only) == (5, 3, 2)
    assert store.stats().counted_only == 2


def test_erasing_a_subject_leaves_what_is_there_for_the_erase_action(store, namespace):
    entry = make_entry("e1", namespace, subjects=("s1",))
    store.put([entry])
    store.forget(["s1"], 5_000.0)
    assert store.get("e1") == entry
    assert store.put([entry]) == ["seen"]
    assert store.act(["e1"], make_act(ERASE, rewrite=entry)) == ["done"]


def test_a_subject_is_forgotten_until_the_latest_time_named(open_another, namespace):
    store = open_another()
    assert store.forgotten() == {}
    store.forget(["s1", "s2"], 1_000.5)
    store.forget(["s1"], 900.0)
    store.forget(["s2"], 1_700_000_000.123456)
    store.forget([], 9e9)
    assert store.forgotten() == {"s1": 1_000.5, "s2": 1_700_000_000.123456}
    assert open_another().forgotten() == store.forgotten()
    assert open_another(namespace=f"{namespace}-b").forgotten() == {}


def test_a_full_group_of_an_erased_subject_is_erased(open_another, namespace):
    store = open_another(max_open=1)
    store.put([make_entry("e1", namespace)])
    store.forget(["s1"], 5_000.0)
    assert store.put([make_entry("e2", namespace, subjects=("s1",))]) == ["erased"]


def test_a_purged_entry_that_came_back_lives_as_any_other(store, namespace):
    store.put([make_entry("e1", namespace, subjects=("s1",))])
    lead_to(store, "e1", "dead")
    store.purge(["e1"], LONG_AGO)
    store.put([make_entry("e1", namespace, subjects=("s1",))])

    entry = store.get("e1")
    assert (entry.attempts, entry.revision, entry.not_before, entry.history) == (0, 0, 0.0, ())
    assert store.act(["e1"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0))) == ["done"]
