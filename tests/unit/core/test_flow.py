"""What happens to one input, step by step, in every mode and with every verdict."""

from __future__ import annotations

import pytest

from dq_gate.core.flow import Count, FallBack, Proceed, Quarantine, Refuse, Report, admission
from dq_gate.core.model import Decision, Receipt, Violation

RECORD = {"query": "as it came"}
REPAIRED = {"query": "as it was repaired"}
VIOLATION = Violation("query.text.present", "query", "not_blank", "quarantine", "is blank")
CLEAN = Decision("clean", RECORD)
MENDED = Decision("repaired", REPAIRED, repaired_by=("query.text.normal",))
FAILED = Decision("quarantined", None, (VIOLATION,))
RECEIPT = Receipt("0123", "store")


def carry_out(decision, mode="enforce", *, has_fallback=False):
    """Every command of the flow in order, and its ending."""
    flow = admission(lambda _: decision, RECORD, mode, has_fallback=has_fallback)
    commands, reply = [], None
    while True:
        try:
            command = flow.send(reply)
        except StopIteration as stop:
            return commands, stop.value
        commands.append(command)
        reply = RECEIPT if isinstance(command, Quarantine) else None


@pytest.mark.parametrize("decision", [CLEAN, MENDED])
def test_what_passes_is_counted_and_goes_on_with_the_verdicts_value(decision):
    commands, ending = carry_out(decision)
    assert commands == [Count(decision.outcome, decision)]
    assert isinstance(ending, Proceed)
    assert ending.record is decision.value


def test_what_fails_is_counted_kept_reported_and_refused_in_this_order():
    commands, ending = carry_out(FAILED)
    assert commands == [Count("quarantined", FAILED), Quarantine(FAILED), Report(FAILED, RECEIPT, fallback=False)]
    assert ending == Refuse(FAILED, RECEIPT)


def test_a_fallback_answers_only_after_the_input_was_kept():
    commands, ending = carry_out(FAILED, has_fallback=True)
    assert commands[1:] == [Quarantine(FAILED), Report(FAILED, RECEIPT, fallback=True)]
    assert ending == FallBack(FAILED)


@pytest.mark.parametrize("decision", [MENDED, FAILED])
def test_in_shadow_mode_everything_goes_on_as_it_came_and_is_counted_as_such(decision):
    commands, ending = carry_out(decision, "shadow", has_fallback=True)
    assert commands == [Count("shadowed", decision)]
    assert isinstance(ending, Proceed)
    assert ending.record is RECORD


def test_a_clean_input_counts_as_clean_in_shadow_mode():
    commands, _ = carry_out(CLEAN, "shadow")
    assert commands == [Count("clean", CLEAN)]


def test_in_mode_off_nothing_is_judged_and_the_input_is_counted():
    def judge(_record):
        raise AssertionError

    flow = admission(judge, RECORD, "off", has_fallback=False)
    assert next(flow) == Count("unjudged", None)
    with pytest.raises(StopIteration) as stop:
        next(flow)
    assert stop.value.value == Proceed(RECORD)
