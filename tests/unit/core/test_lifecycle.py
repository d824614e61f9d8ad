"""Which actions an entry's state allows, and where they lead."""

from __future__ import annotations

import pytest

from dq_gate.core.lifecycle import (
    ACTIONS,
    BEGIN_REDRIVE,
    CLAIM,
    CLOSED,
    DIE,
    DISCARD,
    EDIT,
    ERASE,
    EXPIRE,
    IMPORT,
    INTERRUPT,
    LAPSE,
    OPEN,
    REDRIVE,
    RELEASE,
    RENEW,
    RETURN,
    REVEAL,
    REWRAP,
    STATES,
    UNCLAIM,
    after_failed_redrive,
    backoff,
)

STAYING = {RENEW, EDIT, IMPORT, REVEAL, ERASE, REWRAP}


def test_actions_lead_from_state_to_state_as_the_design_draws_them():
    moving = [action for action in ACTIONS if action.target is not None]
    steps = {(action.name, source, action.target) for action in moving for source in action.sources}
    assert steps == {
        ("claim", "pending", "leased"),
        ("unclaim", "leased", "pending"),
        ("lapse", "leased", "pending"),
        ("release", "leased", "released"),
        ("discard", "leased", "discarded"),
        ("begin-redrive", "released", "released"),
        ("interrupt-redrive", "released", "released"),
        ("redrive", "released", "redriven"),
        ("return", "released", "pending"),
        ("die", "released", "dead"),
        ("expire", "pending", "expired"),
        ("expire", "leased", "expired"),
        ("expire", "released", "expired"),
    }


def test_what_leaves_the_state_as_it_is_looks_edits_or_prolongs():
    assert {action for action in ACTIONS if action.target is None} == STAYING
    assert RENEW.sources == {"leased", "released"}
    assert EDIT.sources == {"leased"}
    assert IMPORT.sources == {"pending"}
    for action in (REVEAL, ERASE, REWRAP):
        assert action.sources == set(STATES)


def test_a_finished_entry_stays_finished():
    moving = [action for action in ACTIONS if action.target is not None]
    assert {source for action in moving for source in action.sources} == set(OPEN)
    assert not OPEN & CLOSED
    assert set(STATES) == OPEN | CLOSED


def test_every_action_has_a_name_of_its_own():
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)


def test_a_lease_is_needed_to_decide_and_taken_to_begin():
    assert {action for action in ACTIONS if action.takes_lease} == {CLAIM, RENEW, BEGIN_REDRIVE}
    needing = {RENEW, UNCLAIM, EDIT, RELEASE, DISCARD, INTERRUPT, REDRIVE, RETURN, DIE}
    assert {action for action in ACTIONS if action.needs_lease} == needing
    assert not EXPIRE.needs_lease
    assert not LAPSE.needs_lease


def test_a_lease_outlasts_what_leaves_the_state_as_it_is():
    assert {action for action in ACTIONS if action.keeps_lease or action is RENEW} == STAYING


def test_only_a_finished_or_pending_entry_loses_its_lease_to_others():
    ending = {action for action in ACTIONS if not (action.keeps_lease or action.takes_lease or action.needs_lease)}
    assert ending == {LAPSE, EXPIRE}


def test_only_failed_redrives_count_as_attempts_and_only_redrives_wait():
    assert {action for action in ACTIONS if action.counts_attempt} == {RETURN, DIE}
    assert {action for action in ACTIONS if action.waits} == {BEGIN_REDRIVE}


def test_only_edits_erasures_and_new_keys_replace_a_payload():
    assert {action for action in ACTIONS if action.rewrites} == {EDIT, ERASE, REWRAP}


@pytest.mark.parametrize(("attempts", "limit", "action"), [(0, 5, RETURN), (3, 5, RETURN), (4, 5, DIE), (0, 1, DIE)])
def test_an_entry_dies_with_its_last_attempt(attempts, limit, action):
    assert after_failed_redrive(attempts, limit) is action


def test_a_limit_that_was_lowered_since_still_ends_an_entry():
    assert after_failed_redrive(7, 5) is DIE


def test_every_failure_doubles_the_wait_up_to_the_most():
    assert [backoff(n, 30.0, 400.0) for n in range(1, 7)] == [30.0, 60.0, 120.0, 240.0, 400.0, 400.0]


def test_the_wait_stays_at_the_most_however_often_an_entry_failed():
    assert backoff(10**9, 30.0, 400.0) == 400.0
