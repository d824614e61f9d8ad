"""Renewing leases, backing off and replacing payloads, in every store."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dq_gate.core.lifecycle import (
    BEGIN_REDRIVE,
    CLAIM,
    EDIT,
    ERASE,
    RELEASE,
    RENEW,
    RETURN,
    REVEAL,
    REWRAP,
)
from dq_gate.quarantine.entry import Filter, Lease
from dq_gate.quarantine.serial import body_to_bytes
from tests.contract.lives import LEASE, claim, lead_to, release
from tests.store_model import make_act, make_entry

LONGER = Lease("token-a", "ada", 3_500.0)


def edited(entry, payload: bytes = b'{"v":1,"value":"edited"}'):
    return replace(entry, payload=payload, payload_digest="e" * 64)


def test_a_renewed_lease_runs_longer(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")

    assert store.act(["e1"], make_act(RENEW, LEASE.until - 0.001, token="token-a", lease=LONGER)) == ["done"]

    assert store.get("e1").lease == LONGER
    assert store.lapse(LEASE.until) == []
    assert store.act(["e1"], make_act(RELEASE, 3_000.0, token="token-a")) == ["done"]


def test_a_renewed_lease_lapses_at_its_new_end(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")
    store.act(["e1"], make_act(RENEW, token="token-a", lease=LONGER))
    assert store.lapse(LONGER.until - 0.001) == []
    assert store.lapse(LONGER.until) == ["e1"]


def test_a_renewal_may_change_the_token_and_the_old_one_is_worth_nothing(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")
    store.act(["e1"], make_act(RENEW, token="token-a", lease=Lease("token-b", "ada", 3_500.0)))

    assert store.act(["e1"], make_act(RELEASE, token="token-a")) == ["lease_lost"]
    assert store.act(["e1"], make_act(RELEASE, token="token-b")) == ["done"]


def test_a_lease_that_ran_out_cannot_be_renewed_but_claimed_again_once_lapsed(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")
    assert store.act(["e1"], make_act(RENEW, LEASE.until, token="token-a", lease=LONGER)) == ["lease_lost"]
    assert claim(store, "e1", LONGER, LEASE.until) == "wrong_state"
    store.lapse(LEASE.until)
    assert claim(store, "e1", LONGER, LEASE.until) == "done"


def test_the_lease_of_a_redrive_is_renewed_and_the_entry_stays_released(store, namespace):
    store.put([make_entry("e1", namespace)])
    lead_to(store, "e1", "released")
    assert store.act(["e1"], make_act(RENEW, token="token-a", lease=LONGER)) == ["done"]

    assert (store.get("e1").state, store.get("e1").lease) == ("released", LONGER)
    another = Lease("token-b", "bob", 3_900.0)
    assert store.act(["e1"], make_act(BEGIN_REDRIVE, 3_000.0, lease=another)) == ["lease_lost"]


def test_a_released_entry_without_a_lease_has_none_to_renew(store, namespace):
    store.put([make_entry("e1", namespace)])
    release(store, "e1")
    for token in ("token-a", "", None):
        assert store.act(["e1"], make_act(RENEW, token=token, lease=LONGER)) == ["lease_lost"]


def test_two_reviewers_with_one_lease_only_one_decides(open_another, namespace):
    stores = [open_another() for _ in range(2)]
    ids = [f"e{n:02}" for n in range(20)]
    stores[0].put([make_entry(entry_id, namespace) for entry_id in ids])
    stores[0].act(ids, make_act(CLAIM, lease=LEASE))
    start = threading.Barrier(2)

    def release_all(store) -> list[str]:
        start.wait()
        return [store.act([entry_id], make_act(RELEASE, token="token-a"))[0] for entry_id in ids]

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(release_all, stores))
    assert all(sorted(pair) == ["done", "wrong_state"] for pair in zip(*results, strict=True))
    assert all(len(stores[0].get(entry_id).history) == 2 for entry_id in ids)


def test_a_redrive_waits_until_the_time_that_a_failed_one_set(store, namespace):
    store.put([make_entry("e1", namespace)])
    lead_to(store, "e1", "released")
    assert store.act(["e1"], make_act(RETURN, token="token-a", not_before=2_300.25)) == ["done"]
    release(store, "e1")
    assert store.get("e1").not_before == 2_300.25

    history = store.get("e1").history
    assert store.act(["e1"], make_act(BEGIN_REDRIVE, 2_300.2, lease=LEASE)) == ["too_early"]
    assert (store.get("e1").lease, store.get("e1").history) == (None, history)
    assert store.act(["e1"], make_act(BEGIN_REDRIVE, 2_300.25, lease=LEASE)) == ["done"]


def test_only_another_failed_redrive_changes_when_the_next_may_be(store, namespace):
    store.put([make_entry("e1", namespace)])
    lead_to(store, "e1", "released")
    store.act(["e1"], make_act(RETURN, token="token-a", not_before=2_300.0))
    assert claim(store, "e1") == "done"
    store.act(["e1"], make_act(RELEASE, token="token-a", not_before=9_000.0))
    assert store.get("e1").not_before == 2_300.0
    store.act(["e1"], make_act(BEGIN_REDRIVE, 2_400.0, lease=LEASE))
    store.act(["e1"], make_act(RETURN, 2_400.0, token="token-a"))
    assert (store.get("e1").not_before, store.get("e1").attempts) == (0.0, 2)


def test_an_edit_replaces_the_payload_and_keeps_the_lease(store, namespace):
    store.put([make_entry("e1", namespace, subjects=("s1",))])
    claim(store, "e1")
    before = store.get("e1")

    after = replace(edited(before, b"\xff\x00\nsealed"), replayable=False, subjects=("s2", "s3"))
    assert store.act(["e1"], make_act(EDIT, token="token-a", rewrite=after)) == ["done"]

    kept = store.get("e1")
    assert kept == replace(after, revision=1, history=kept.history)
    assert [item.action for item in kept.history] == ["claim", "edit"]
    assert kept.lease == LEASE


def test_the_bytes_follow_a_new_payload(store, namespace):
    store.put([make_entry("e1", namespace), make_entry("e2", namespace)])
    assert store.stats().bytes == sum(len(body_to_bytes(store.get(i))) for i in ("e1", "e2"))
    store.act(["e1"], make_act(ERASE, rewrite=replace(store.get("e1"), payload=b"")))
    assert store.stats().bytes == sum(len(body_to_bytes(store.get(i))) for i in ("e1", "e2"))


def test_a_payload_that_was_replaced_since_it_was_read_is_not_overwritten(store, namespace):
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")
    read = store.get("e1")
    assert store.act(["e1"], make_act(EDIT, token="token-a", rewrite=edited(read))) == ["done"]

    assert store.act(["e1"], make_act(EDIT, token="token-a", rewrite=edited(read, b"late"))) == ["changed"]
    assert store.get("e1").payload == b'{"v":1,"value":"edited"}'
    assert store.get("e1").revision == 1
    assert len(store.get("e1").history) == 2


def test_of_two_that_replace_a_payload_at_once_one_is_told(open_another, namespace):
    stores = [open_another() for _ in range(2)]
    stores[0].put([make_entry(f"e{n:02}", namespace) for n in range(20)])
    start = threading.Barrier(2)

    def rewrap_all(number: int) -> list[str]:
        results = []
        for n in range(20):
            read = stores[number].get(f"e{n:02}")
            start.wait()
            act = make_act(REWRAP, rewrite=replace(read, payload=b"by %d" % number))
            results.append((stores[number].act([read.id], act)[0], number))
        return results

    with ThreadPoolExecutor(2) as pool:
        results = list(zip(*pool.map(rewrap_all, range(2)), strict=True))
    for n, pair in enumerate(results):
        assert sorted(result for result, _ in pair) == ["changed", "done"]
        (winner,) = [number for result, number in pair if result == "done"]
        assert stores[0].get(f"e{n:02}").payload == b"by %d" % winner


@pytest.mark.parametrize("state", ["pending", "leased", "released", "redriven", "expired"])
def test_an_erased_payload_is_gone_in_any_state_and_its_subjects_are_not_found(store, namespace, state):
    store.put([make_entry("e1", namespace, subjects=("s1", "s2"))])
    lead_to(store, "e1", state)
    before = store.get("e1")
    erased = replace(before, payload=b"", payload_digest="", replayable=False, subjects=())

    assert store.act(["e1"], make_act(ERASE, rewrite=erased)) == ["done"]

    assert store.get("e1") == replace(erased, revision=1, history=store.get("e1").history)
    assert store.ids(Filter(subject="s1")).ids == ()
    assert store.ids(Filter(state)).ids == ("e1",)


def test_a_payload_is_put_only_into_its_own_entry(store, namespace):
    store.put([make_entry("e1", namespace), make_entry("e2", namespace)])
    rewrite = store.get("e1")
    for ids in (["e2"], ["e1", "e2"], ["e1", "e1"], []):
        with pytest.raises(ValueError, match="one at a time"):
            store.act(ids, make_act(ERASE, rewrite=rewrite))
    with pytest.raises(ValueError, match="payload"):
        store.act(["e1"], make_act(ERASE))
    with pytest.raises(ValueError, match="payload"):
        store.act(["e1"], make_act(REVEAL, rewrite=rewrite))
    assert store.get("e1") == rewrite
