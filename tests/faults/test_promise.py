"""The control of the timed tests: it excuses what the machine delays, and nothing else."""

from __future__ import annotations

import pytest

from tests.faults.promise import PROMISED, Control, Span, held, is_kept, is_settled


def test_without_a_delay_every_second_counts() -> None:
    assert held(Span(10.0, 10.5), []) == pytest.approx(0.5)


def test_a_delay_while_the_caller_had_to_wait_anyway_excuses_nothing() -> None:
    assert held(Span(10.0, 10.5), [Span(9.9, 10.0), Span(10.03, 10.25), Span(10.5, 10.9)]) == pytest.approx(0.5)


def test_a_delay_while_the_caller_comes_in_is_left_out() -> None:
    assert held(Span(10.0, 10.5), [Span(9.9, 10.02)]) == pytest.approx(0.48)


def test_delays_while_the_caller_wakes_up_are_left_out() -> None:
    delays = [Span(10.2, 10.35), Span(10.4, 10.45), Span(10.48, 11.0)]
    assert held(Span(10.0, 10.5), delays) == pytest.approx(0.5 - 0.1 - 0.05 - 0.02)


def test_of_several_callers_the_one_held_longest_counts() -> None:
    control = Control()
    control.delays.append(Span(10.25, 10.6))
    assert control.longest([Span(10.0, 10.6), Span(11.0, 11.4), Span(12.0, 12.1)]) == pytest.approx(0.4)
    assert control.longest([Span(10.0, 10.6)]) <= PROMISED


def test_two_of_five_hangs_have_to_keep_the_promise() -> None:
    assert not is_settled([0.1, 0.5, 0.5, 0.5])
    assert is_kept([0.1, 0.5, 0.5, 0.5, 0.2])
    assert is_settled([0.1, 0.5, 0.5, 0.5, 0.5])
    assert not is_kept([0.1, 0.5, 0.5, 0.5, 0.5])
