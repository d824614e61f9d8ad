"""What both stores refuse, and how they read an action."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dq_gate.core.lifecycle import ACTIONS, BEGIN_REDRIVE, CLAIM, EDIT, LAPSE, RENEW, REVEAL
from dq_gate.core.model import Violation
from dq_gate.quarantine.contract import (
    Cursor,
    check_act,
    check_batch,
    check_limit,
    check_new,
    deciding_rules,
    lapse_at,
    lease_rule,
    storable,
)
from dq_gate.quarantine.entry import MAX_BATCH, HistoryItem, Lease
from tests.store_model import make_act, make_entry

ENTRY = make_entry("e1", "n")


@pytest.mark.parametrize("cursor", [Cursor(1_700_000_000.123456, "e_1"), Cursor(-0.5, "é😀"), Cursor(0.1 + 0.2, "")])
def test_a_cursor_comes_back_from_its_text(cursor):
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "x", "1.0", "nan_e", "inf_e", "-inf_e", "_e"])
def test_what_no_page_gave_is_no_cursor(text):
    with pytest.raises(ValueError, match="not a cursor"):
        Cursor.parse(text)


def test_a_batch_and_a_page_have_their_most():
    check_batch(["e"] * MAX_BATCH)
    check_limit(MAX_BATCH)
    check_limit(500, 1_000)
    with pytest.raises(ValueError, match="101 entries or ids; a call takes at most 100"):
        check_batch(["e"] * 101)
    for limit, most in [(0, 100), (101, 100), (1_001, 1_000)]:
        with pytest.raises(ValueError, match=f"from 1 to {most}"):
            check_limit(limit, most)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "leased"},
        {"attempts": 1},
        {"revision": 1},
        {"not_before": 1.0},
        {"lease": Lease("t", "ada", 1.0)},
        {"verdict": "valid"},
        {"history": (HistoryItem(1.0, "ada", "claim"),)},
    ],
    ids=str,
)
def test_an_entry_that_has_lived_is_not_put(change):
    check_new([ENTRY], "n")
    with pytest.raises(ValueError, match="entry e1 is not new"):
        check_new([replace(ENTRY, **change)], "n")


@pytest.mark.parametrize(
    ("action", "rule"),
    [(CLAIM, "takes"), (BEGIN_REDRIVE, "takes"), (RENEW, "needs"), (EDIT, "needs"), (LAPSE, "lapsed")],
)
def test_an_action_asks_one_thing_of_a_lease(action, rule):
    assert lease_rule(action) == rule


def test_looking_asks_nothing_of_a_lease_and_nobody_acts_under_another_rule():
    assert lease_rule(REVEAL) == ""
    assert {lease_rule(action) for action in ACTIONS if action.needs_lease} == {"needs"}


def test_an_act_carries_what_its_action_takes_and_nothing_it_does_not_write():
    lease = Lease("t", "ada", 9.0)
    check_act(["e1"], make_act(CLAIM, lease=lease))
    check_act(["e1"], make_act(EDIT, rewrite=ENTRY))
    for ids, act, reason in [
        (["e1"], make_act(RENEW), "renew takes a lease, and the act carries none"),
        (["e1"], make_act(EDIT), "edit needs a payload"),
        (["e1"], make_act(REVEAL, rewrite=ENTRY), "reveal takes no payload"),
        (["e2"], make_act(EDIT, rewrite=ENTRY), "one at a time"),
        (["e1", "e1"], make_act(EDIT, rewrite=ENTRY), "one at a time"),
        (["e1"] * 101, make_act(REVEAL), "at most 100"),
    ]:
        with pytest.raises(ValueError, match=reason):
            check_act(ids, act)


def test_a_lapse_says_when_and_why():
    act = lapse_at(7.0)
    assert (act.action, act.note.at, act.note.who, act.note.why) == (LAPSE, 7.0, "dq_gate", "the lease ran out")


def test_an_entry_is_filed_under_the_rules_that_quarantined_it():
    rules = [("r.two", "quarantine"), ("r.warns", "warn"), ("r.one", "quarantine"), ("r.two", "quarantine")]
    entry = replace(ENTRY, violations=tuple(Violation(name, "query", "c", on_fail, "m") for name, on_fail in rules))
    assert deciding_rules(entry) == ["r.one", "r.two"]


def test_a_lone_surrogate_is_stored_as_a_question_mark():
    assert storable("a\udcffé") == "a?é"
