"""A sum over hours must not take the memory of hours."""

from __future__ import annotations

import pytest

from dq_gate.alerts.evaluation.sums import SLICES, SlidingSum

MINUTE = 60_000


@pytest.mark.parametrize("within", [10_000, MINUTE, 5 * MINUTE, 60 * MINUTE, 24 * 60 * MINUTE])
def test_an_amount_is_forgotten_when_it_is_as_old_as_within_at_most_a_slice_early(within):
    counted = SlidingSum(within)
    start = 1_700_000_000_000
    counted.add(start, 5)
    counted.expire(start + within - max(100, within // SLICES))
    assert counted.total == 5
    counted.expire(start + within)
    assert counted.total == 0


def test_whole_seconds_are_exact_over_minutes():
    counted = SlidingSum(5 * MINUTE)
    counted.add(1_000, 1)
    counted.expire(300_999)
    assert counted.total == 1
    counted.expire(301_000)
    assert counted.total == 0


def test_amounts_may_come_out_of_order():
    counted = SlidingSum(MINUTE)
    for second in (50, 10, 30, 10):
        counted.add(second * 1000, 1)
    totals = []
    for second in (69, 70, 89, 90, 109, 110):
        counted.expire(second * 1000)
        totals.append(counted.total)
    assert totals == [4, 2, 2, 1, 1, 0]


def test_memory_is_bounded_however_many_amounts_come():
    counted = SlidingSum(24 * 60 * MINUTE)
    for moment in range(0, 24 * 60 * MINUTE, 10_000):
        counted.add(moment, 1)
    assert counted.total == 8640
    assert len(counted._slices) <= SLICES + 1
