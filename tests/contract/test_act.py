"""What acting on entries means, in every store."""

from __future__ import annotations

import functools
import operator
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dq_gate.core.lifecycle import (
    BEGIN_REDRIVE,
    CLAIM,
    DIE,
    DISCARD,
    EXPIRE,
    LAPSE,
    OPEN,
    REDRIVE,
    RELEASE,
    RETURN,
    UNCLAIM,
)
from dq_gate.quarantine.entry import MAX_BATCH, Filter, HistoryItem, Lease, Waiver
from tests.contract.lives import LEASE, claim, release
from tests.store_model import make_act, make_entry, without_accounts


def test_a_claim_sets_the_lease_and_writes_history(store, namespace):
    store.put([make_entry("e1", namespace)])

    assert claim(store, "e1") == "done"

    entry = without_accounts(store.get("e1"))
    assert (entry.state, entry.lease) == ("leased", LEASE)
    assert entry.history == (HistoryItem(2_000.0, "ada", "claim"),)


def test_a_claimed_entry_cannot_be_claimed_again(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")
    assert claim(store, "e1", Lease("token-b", "bob", 2_600.0)) == "wrong_state"
    assert store.get("e1").lease == LEASE


def test_each_id_has_its_own_result_in_order(store, namespace):
    store.put([make_entry(f"e{n}", namespace) for n in range(3)])
    claim(store, "e1")

    act = make_act(CLAIM, lease=LEASE)
    assert store.act(["e0", "nobody", "e1", "e2", "e2", "\udcff"], act) == [
        "done",
        "not_found",
        "wrong_state",
        "done",
        "wrong_state",
        "not_found",
    ]
    assert store.act([], act) == []


def test_two_claimers_race_and_every_entry_has_one_owner(open_another, namespace):
    stores = [open_another() for _ in range(4)]
    ids = [f"e{n:03}" for n in range(MAX_BATCH)]
    stores[0].put([make_entry(entry_id, namespace) for entry_id in ids])
    start = threading.Barrier(len(stores))

    def claim_all(number: int) -> list[str]:
        start.wait()
        mine = []
        for n in range(0, MAX_BATCH, 10):
            lease = Lease(f"token-{number}", f"owner-{number}", 2_500.0)
            results = stores[number].act(ids[n : n + 10], make_act(CLAIM, lease=lease))
            mine += [i for i, result in zip(ids[n : n + 10], results, strict=True) if result == "done"]
        return mine

    with ThreadPoolExecutor(len(stores)) as pool:
        claimed = list(pool.map(claim_all, range(len(stores))))

    assert sorted(functools.reduce(operator.iadd, claimed, [])) == ids
    for number, mine in enumerate(claimed):
        assert all(store_entry.lease.owner == f"owner-{number}" for store_entry in map(stores[0].get, mine))


def test_one_store_serves_many_threads_and_keeps_every_entry_once(store, namespace):
    def put_batch(start: int) -> list[str]:
        return store.put([make_entry(f"e{n:03}", namespace) for n in range(start, start + 20)])

    with ThreadPoolExecutor(8) as pool:
        # Every batch overlaps the next one by half.
        results = functools.reduce(operator.iadd, pool.map(put_batch, range(0, 200, 10)), [])

    assert results.count("created") == 210
    assert results.count("seen") == 190
    assert store.stats().by_state["pending"] == 210
    assert store.groups()[0].count == 210


def test_only_the_holder_may_act_under_a_lease(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")

    for action in (RELEASE, DISCARD, UNCLAIM):
        assert store.act(["e1"], make_act(action, token="token-b")) == ["lease_lost"]
        assert store.act(["e1"], make_act(action, token=None)) == ["lease_lost"]
    assert store.get("e1").state == "leased"
    assert store.act(["e1"], make_act(RELEASE, token="token-a")) == ["done"]
    assert (store.get("e1").state, store.get("e1").lease) == ("released", None)


def test_a_lease_that_ran_out_is_lost_before_anyone_noticed(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")

    assert store.act(["e1"], make_act(RELEASE, LEASE.until, token="token-a")) == ["lease_lost"]
    assert store.act(["e1"], make_act(RELEASE, LEASE.until - 0.001, token="token-a")) == ["done"]


def test_unclaim_makes_room_for_another(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")
    assert store.act(["e1"], make_act(UNCLAIM, token="token-a")) == ["done"]
    assert claim(store, "e1", Lease("token-b", "bob", 2_600.0)) == "done"


def test_release_and_discard_record_verdict_and_waivers(store, namespace):
    store.put([make_entry("e1", namespace)])
    waivers = (Waiver("query.text.present", "d" * 64, "ada", "a blank is fine here"),)
    claim(store, "e1")
    store.act(["e1"], make_act(RELEASE, token="token-a", verdict="valid", waivers=waivers))
    more = (Waiver("query.text.length", "d" * 64, "ada", "so is a long one"),)
    lease = Lease("token-b", "redriver", 2_600.0)
    store.act(["e1"], make_act(BEGIN_REDRIVE, lease=lease, waivers=more))

    entry = store.get("e1")
    assert entry.verdict == "valid"
    assert entry.waivers == waivers + more
    assert [item.action for item in entry.history] == ["claim", "release", "begin-redrive"]


def test_text_that_a_terminal_sent_broken_is_kept_readable(store, namespace):
    store.put([make_entry("e1", namespace)])
    lease = Lease("token-a", "ada\udcff", 2_500.0)
    store.act(["e1"], make_act(CLAIM, lease=lease))
    waiver = Waiver("r", "d", "ada\udcff", "line one\nline\u2028two")
    assert store.act(["e1"], make_act(RELEASE, token="token-a", waivers=(waiver,))) == ["done"]
    assert store.get("e1").waivers == (Waiver("r", "d", "ada?", "line one\nline\u2028two"),)


def test_a_redrive_runs_under_its_own_lease(store, namespace):
    store.put([make_entry("e1", namespace)])
    release(store, "e1")
    first, second = Lease("token-b", "one", 2_600.0), Lease("token-c", "two", 2_700.0)

    assert store.act(["e1"], make_act(BEGIN_REDRIVE, 2_100.0, lease=first)) == ["done"]
    assert store.act(["e1"], make_act(BEGIN_REDRIVE, 2_200.0, lease=second)) == ["lease_lost"]
    # The first redriver may repeat a command whose answer it did not get.
    assert store.act(["e1"], make_act(BEGIN_REDRIVE, 2_200.0, lease=first)) == ["done"]
    # Once its lease ran out, another may try.
    assert store.act(["e1"], make_act(BEGIN_REDRIVE, 2_600.0, lease=second)) == ["done"]
    assert store.act(["e1"], make_act(REDRIVE, 2_600.0, token="token-b")) == ["lease_lost"]
    assert store.act(["e1"], make_act(REDRIVE, 2_600.0, token="token-c")) == ["done"]
    assert store.get("e1").state == "redriven"


def test_failed_redrives_are_counted_until_the_entry_dies(store, namespace):
    store.put([make_entry("e1", namespace)])
    for action, state, attempts in [(RETURN, "pending", 1), (DIE, "dead", 2)]:
        release(store, "e1")
        store.act(["e1"], make_act(BEGIN_REDRIVE, lease=LEASE))
        assert store.act(["e1"], make_act(action, token="token-a")) == ["done"]
        entry = store.get("e1")
        assert (entry.state, entry.attempts, entry.lease) == (state, attempts, None)
    assert store.groups()[0].open == 0


def test_lapsed_leases_return_to_pending_longest_overdue_first(store, namespace):
    store.put([make_entry(f"e{n}", namespace) for n in range(4)])
    for entry_id, until in {"e0": 2_030.0, "e1": 2_010.0, "e2": 2_020.0, "e3": 2_100.0}.items():
        claim(store, entry_id, Lease(f"token-{entry_id}", "ada", until))

    assert store.lapse(2_000.0) == []
    assert store.lapse(2_030.0) == ["e1", "e2", "e0"]
    assert store.lapse(2_030.0) == []

    entry = store.get("e0")
    assert (entry.state, entry.lease, entry.attempts) == ("pending", None, 0)
    assert entry.history[-1].action == "lapse"
    assert store.get("e3").state == "leased"


def test_a_lease_taken_meanwhile_does_not_lapse(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")
    assert store.act(["e1"], make_act(LAPSE, 2_100.0)) == ["lease_lost"]
    assert store.act(["e1"], make_act(LAPSE, 2_500.0)) == ["done"]


def test_a_lapsed_redrive_stays_released_and_hides_no_other_lapse(store, namespace):
    store.put([make_entry("e1", namespace), make_entry("e2", namespace)])
    release(store, "e1")
    store.act(["e1"], make_act(BEGIN_REDRIVE, lease=Lease("token-b", "ada", 2_010.0)))
    claim(store, "e2", Lease("token-c", "ada", 2_020.0))

    assert store.lapse(2_050.0) == ["e2"]
    assert store.get("e1").state == "released"


def test_a_lapse_takes_at_most_a_batch(store, namespace):
    ids = [f"e{n:03}" for n in range(MAX_BATCH + 5)]
    for part in (ids[:MAX_BATCH], ids[MAX_BATCH:]):
        store.put([make_entry(entry_id, namespace) for entry_id in part])
        store.act(part, make_act(CLAIM, lease=Lease("t", "ada", 2_010.0)))

    assert store.lapse(2_050.0) == ids[:MAX_BATCH]
    assert store.lapse(2_050.0) == ids[MAX_BATCH:]


def test_what_is_open_and_old_expires_whoever_holds_it(store, namespace):
    store.put([make_entry(f"e{n}", namespace, created_at=1_000.0 + n) for n in range(5)])
    claim(store, "e0")
    release(store, "e2")
    claim(store, "e3")
    store.act(["e3"], make_act(DISCARD, token="token-a"))
    note = HistoryItem(9_000.0, "dq_gate", EXPIRE.name, "older than 30 days")

    assert store.expire(1_004.0, note) == ["e0", "e1", "e2"]

    assert [store.get(f"e{n}").state for n in range(5)] == [
        "expired",
        "expired",
        "expired",
        "discarded",
        "pending",
    ]
    assert store.get("e0").lease is None
    assert without_accounts(store.get("e0")).history[-1] == note
    assert store.lapse(9_000.0) == []
    assert store.groups()[0].open == 1


def test_expiry_takes_at_most_a_batch_oldest_first(store, namespace):
    ids = [f"e{n:03}" for n in range(MAX_BATCH + 5)]
    for part in (ids[:MAX_BATCH], ids[MAX_BATCH:]):
        store.put([make_entry(entry_id, namespace) for entry_id in part])
    note = HistoryItem(9_000.0, "dq_gate", EXPIRE.name)

    assert store.expire(5_000.0, note) == ids[:MAX_BATCH]
    assert store.expire(5_000.0, note) == ids[MAX_BATCH:]
    assert store.expire(5_000.0, note) == []


def test_an_act_moves_an_entry_in_every_index(store, namespace):
    store.put([make_entry("e1", namespace, rules=("r.one", "r.two"))])
    release(store, "e1")

    for where in ({}, {"rule": "r.one"}, {"rule": "r.two"}, {"source": "bot"}, {"group": "g1"}):
        for state in OPEN:
            found = store.find(Filter(state=state, **where)).entries
            assert len(found) == (state == "released")


def test_a_claim_without_a_lease_is_refused(store, namespace):
    store.put([make_entry("e1", namespace)])
    with pytest.raises(ValueError, match="takes a lease"):
        store.act(["e1"], make_act(CLAIM))


def test_a_store_that_answers_says_so_and_what_it_is(store, url):
    store.ping()
    health = store.health()
    assert health.unsafe == ()
    assert health.detail["kind"] == url.partition(":")[0]
    assert health.detail["address"] == url
    assert health.detail["version"]
