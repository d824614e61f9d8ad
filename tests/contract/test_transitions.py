"""Every action from every state, in every store: allowed or refused, and what it leaves behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dq_gate.core.lifecycle import ACTIONS, CLOSED, LAPSE, OPEN, STATES
from dq_gate.quarantine.entry import Filter, HistoryItem, Lease, Waiver
from tests.contract.lives import LEASE, lead_to
from tests.store_model import make_act, make_entry, without_accounts

NEXT = Lease("token-b", "bob", 2_900.0)


def rightful(action, entry, **changes):
    """An act by whoever may do it."""
    return make_act(
        action,
        # A lapse comes after the lease, everything else within it.
        LEASE.until if action is LAPSE else 2_100.0,
        token=LEASE.token,
        # The begin of a redrive may be repeated only under the token that has begun it.
        lease=replace(NEXT, token=LEASE.token) if action.takes_lease else None,
        rewrite=replace(entry, payload=b'{"v":1,"value":null}') if action.rewrites else None,
        **changes,
    )


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_an_action_is_done_from_its_states_and_refused_from_all_others(store, namespace, action, state):
    store.put([make_entry("e1", namespace, rules=("r.one", "r.two"))])
    lead_to(store, "e1", state)
    before = store.get("e1")
    act = rightful(action, before, not_before=2_600.0, verdict="invalid")

    (result,) = store.act(["e1"], act)

    after = store.get("e1")
    if state not in action.sources:
        assert result == "wrong_state"
        assert after == before
        return
    assert result == "done"
    assert after.state == (action.target or state)
    assert after.attempts == before.attempts + action.counts_attempt
    assert after.not_before == (2_600.0 if action.counts_attempt else 0.0)
    assert after.revision == before.revision + action.rewrites
    assert after.payload == (b'{"v":1,"value":null}' if action.rewrites else before.payload)
    assert after.lease == (before.lease if action.keeps_lease else act.lease)
    assert after.verdict == "invalid"
    assert without_accounts(after).history == (*without_accounts(before).history, act.note)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_index_and_count_follows_an_action(store, namespace, action, state):
    store.put([make_entry("e1", namespace, rules=("r.one", "r.two"), subjects=("s1",))])
    lead_to(store, "e1", state)
    store.act(["e1"], rightful(action, store.get("e1")))

    now = store.get("e1").state
    is_open = now in OPEN
    for where in ({}, {"rule": "r.two"}, {"source": "bot"}, {"group": "g1"}, {"subject": "s1"}):
        assert {s for s in STATES if store.ids(Filter(s, **where)).ids} == {now}
    stats = store.stats()
    assert stats.by_state == {s: int(s == now) for s in STATES}
    assert stats.open_by_rule == ({"r.one": 1, "r.two": 1} if is_open else {})
    assert stats.open_by_source == ({"bot": 1} if is_open else {})
    assert store.group("g1").open == is_open


NEEDING = [action for action in ACTIONS if action.needs_lease]


@pytest.mark.parametrize("action", NEEDING, ids=lambda action: action.name)
@pytest.mark.parametrize("how", ["another's token", "no token", "too late"])
def test_an_action_under_a_lease_is_for_its_holder_while_it_runs(store, namespace, action, how):
    store.put([make_entry("e1", namespace)])
    lead_to(store, "e1", next(iter(sorted(action.sources))))
    before = store.get("e1")
    act = rightful(action, before)
    match how:
        case "another's token":
            act = replace(act, token="token-x")
        case "no token":
            act = replace(act, token=None)
        case "too late":
            act = replace(act, note=replace(act.note, at=LEASE.until))

    assert store.act(["e1"], act) == ["lease_lost"]
    assert store.get("e1") == before


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_nothing_is_done_to_what_is_not_there(store, namespace, action):
    act = rightful(action, make_entry("nobody", namespace))
    assert store.act(["nobody"], act) == ["not_found"]
    assert store.stats().groups == 0


def test_of_several_reasons_to_refuse_the_state_comes_first_then_the_lease(store, namespace):
    store.put([make_entry("e1", namespace)])
    stale = replace(store.get("e1"), revision=7)
    by_name = {action.name: action for action in ACTIONS}
    edit = make_act(by_name["edit"], rewrite=stale, token="token-x")

    assert store.act(["e1"], edit) == ["wrong_state"]
    lead_to(store, "e1", "leased")
    assert store.act(["e1"], edit) == ["lease_lost"]
    assert store.act(["e1"], replace(edit, token=LEASE.token)) == ["changed"]


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_the_history_holds_every_action_in_order_and_nothing_takes_one_away(store, namespace, state):
    store.put([make_entry("e1", namespace)])
    lead_to(store, "e1", state)
    history = store.get("e1").history
    assert history

    for action in ACTIONS:
        store.act(["e1"], rightful(action, store.get("e1")))
        store.put([make_entry("e1", namespace)])
        store.lapse(9e9)
        store.expire(9e9, HistoryItem(9_000.0, "dq_gate", "expire"))
        store.forget(["s1"], 9e9)
        store.deliver("one", limit=10, idle_s=0.0)
        now = store.get("e1").history
        assert now[: len(history)] == history
        assert len(now) <= len(history) + 1
        history = now


def test_the_store_names_the_account_itself_whatever_the_note_claims(store, namespace):
    store.put([make_entry("e1", namespace)])
    act = make_act(next(action for action in ACTIONS if action.name == "reveal"))
    store.act(["e1"], replace(act, note=replace(act.note, account="root")))
    lead_to(store, "e1", "leased")
    store.lapse(9_000.0)
    store.expire(9_000.0, HistoryItem(9_000.0, "dq_gate", "expire", account="someone"))

    accounts = {item.account for item in store.get("e1").history}
    assert len(store.get("e1").history) == 4
    assert len(accounts) == 1
    assert accounts.isdisjoint({"", "someone"})
    assert {item.who for item in store.get("e1").history} == {"ada", "dq_gate"}


def test_waivers_of_an_act_that_keeps_the_state_are_added_too(store, namespace):
    store.put([make_entry("e1", namespace)])
    waiver = Waiver("r.one", "d" * 64, "ada", "fine")
    reveal = next(action for action in ACTIONS if action.name == "reveal")
    assert store.act(["e1"], make_act(reveal, waivers=(waiver,))) == ["done"]
    assert store.get("e1").waivers == (waiver,)
