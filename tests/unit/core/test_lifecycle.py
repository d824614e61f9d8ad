"""Which actions an entry's state allows, and where they lead."""

from __future__ import annotations

import pytest

from dq_gate.core.lifecycle import (
    ACTIONS,
    BEGIN_REDRIVE,
    CLAIM,
    DIE,
    DISCARD,
    EXPIRE,
    INTERRUPT,
    LAPSE,
    OPEN,
    REDRIVE,
    RELEASE,
    RETURN,
    STATES,
    UNCLAIM,
    after_failed_redrive,
)


def test_actions_lead_from_state_to_state_as_the_design_draws_them():
    steps = {(action.name, source, action.target) for action in ACTIONS for source in action.sources}
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


def test_only_open_entries_change():
    assert {source for action in ACTIONS for source in action.sources} == set(OPEN)
    assert set(OPEN) < set(STATES)


def test_a_lease_is_needed_to_decide_and_taken_to_begin():
    assert {action for action in ACTIONS if action.takes_lease} == {CLAIM, BEGIN_REDRIVE}
    needing = {UNCLAIM, RELEASE, DISCARD, INTERRUPT, REDRIVE, RETURN, DIE}
    assert {action for action in ACTIONS if action.needs_lease} == needing
    assert not EXPIRE.needs_lease
    assert not LAPSE.needs_lease


def test_only_failed_redrives_count_as_attempts():
    assert {action for action in ACTIONS if action.counts_attempt} == {RETURN, DIE}


@pytest.mark.parametrize(("attempts", "limit", "action"), [(0, 5, RETURN), (3, 5, RETURN), (4, 5, DIE), (0, 1, DIE)])
def test_an_entry_dies_with_its_last_attempt(attempts, limit, action):
    assert after_failed_redrive(attempts, limit) is action


def test_a_limit_that_was_lowered_since_still_ends_an_entry():
    assert after_failed_redrive(7, 5) is DIE
