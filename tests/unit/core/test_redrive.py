"""What becomes of a released entry, by what the gate says of it and by what its handler does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dq_gate.core.lifecycle import DIE, REDRIVE, RETURN
from dq_gate.core.model import Decision, Violation
from dq_gate.core.redrive import MAX_NAMED, Ending, Handle, Limits, count_cut_short, redriving

if TYPE_CHECKING:
    from collections.abc import Callable

RECORD = {"query": "hello"}
LIMITS = Limits(max_attempts=3, backoff_s=10.0, backoff_max_s=30.0)


def passes() -> Decision:
    return Decision("clean", RECORD)


def fails(*rules: str) -> Callable[[], Decision]:
    violations = tuple(Violation(rule, "query", "not_blank", "quarantine", "is blank") for rule in rules)
    return lambda: Decision("quarantined", None, violations)


def ending(
    judge: Callable[[], Decision], answer: str | None = None, *, attempts: int = 0, cut_short: int = 0
) -> Ending:
    """How it ends, when the handler answers so."""
    flow = redriving("e1", judge, attempts=attempts, cut_short=cut_short, limits=LIMITS)
    try:
        assert flow.send(None) == Handle("e1", RECORD)
        flow.send(answer)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it handles an entry twice")


def test_what_passes_and_is_handled_is_redriven() -> None:
    assert ending(passes) == Ending(REDRIVE, "done")


def test_what_fails_again_is_not_handled_and_names_its_rules() -> None:
    assert ending(fails("a.b", "c.d")) == Ending(RETURN, "failed_again", "failed again: a.b, c.d", 10.0, ("a.b", "c.d"))


def test_no_more_rules_are_named_than_an_event_holds() -> None:
    assert len(ending(fails(*(f"rule.n{number}" for number in range(50)))).rules) == MAX_NAMED


def test_a_handler_that_raised_is_named_by_its_error_alone() -> None:
    assert ending(passes, "ValueError") == Ending(
        RETURN, "handler_failed", "handler raised ValueError", 10.0, error="ValueError"
    )


def test_every_failure_doubles_the_pause() -> None:
    assert [ending(fails("a.b"), attempts=n).pause_s for n in (0, 1)] == [10.0, 20.0]


def test_the_last_attempt_ends_it() -> None:
    last = ending(passes, "ValueError", attempts=2)
    assert (last.action, last.pause_s) == (DIE, 0.0)


@pytest.mark.parametrize("attempts", [0, 1, 2])
def test_a_success_needs_no_attempts_left_over(attempts: int) -> None:
    assert ending(passes, attempts=attempts).action is REDRIVE


def test_redrives_that_killed_their_consumers_are_attempts_and_end_it_before_it_kills_another() -> None:
    assert ending(passes, attempts=1, cut_short=2) == Ending(DIE, "cut_short", "2 redrives were cut short")
    assert ending(fails("a.b"), attempts=1, cut_short=1).action is DIE


@pytest.mark.parametrize(
    ("actions", "cut_short"),
    [
        ("claim release", 0),
        ("claim release begin-redrive", 1),
        ("claim release begin-redrive renew renew begin-redrive", 2),
        ("claim release begin-redrive interrupt-redrive begin-redrive", 1),
        ("claim release begin-redrive begin-redrive return claim release begin-redrive", 1),
    ],
)
def test_redrives_are_cut_short_that_were_begun_and_not_ended_since_the_release(actions: str, cut_short: int) -> None:
    history = [(action, "worker-1", float(at)) for at, action in enumerate(actions.split())]
    assert count_cut_short(history) == cut_short


def test_the_tries_of_one_begin_count_once() -> None:
    tries = [("begin-redrive", "worker-1", 5.0)] * 3
    assert count_cut_short([("begin-redrive", "worker-1", 4.0), *tries, ("begin-redrive", "worker-2", 5.0)]) == 3
    assert count_cut_short([*tries, ("interrupt-redrive", "worker-1", 6.0)]) == 0
