"""Quantiles are at most 1 % off, however many durations there are and however they came."""

from __future__ import annotations

import math
import random

import pytest

from dq_gate.signals.durations import Durations


def summary_of(*parts):
    durations = Durations()
    for part in parts:
        durations.add(list(part))
    return durations


def test_nothing_has_no_quantiles():
    assert Durations().quantiles(1.0) is None
    assert summary_of([]).quantiles(1.0) is None


@pytest.mark.parametrize("value", [1, 31, 1000, 123_456, 10**9, 3_600 * 10**9, 2**62 + 12345])
def test_a_duration_is_told_within_one_percent(value):
    assert summary_of([value]).quantiles(1.0) == {
        name: pytest.approx(value, rel=0.01) for name in ("p50", "p95", "p99")
    }


@pytest.mark.parametrize("sigma", [0.01, 0.6, 3.0])
def test_quantiles_of_many_durations_are_within_one_percent(sigma):
    draw = random.Random(7)
    values = [int(draw.lognormvariate(12, sigma)) + 1 for _ in range(10_000)]
    found = summary_of(values[:100], values[100:101], values[101:]).quantiles(1.0)
    values.sort()
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert found[name] == pytest.approx(values[math.ceil(share * len(values)) - 1], rel=0.01)


def test_quantiles_come_in_the_unit_asked_for():
    assert summary_of([2_000_000]).quantiles(1e6)["p99"] == pytest.approx(2.0, rel=0.01)


def test_the_durations_given_stay_as_they_are():
    given = [3, 1, 2]
    Durations().add(given)
    assert given == [3, 1, 2]


def test_the_longest_of_a_few_is_not_hidden():
    assert summary_of([1_000] * 9 + [50_000]).quantiles(1.0)["p99"] == pytest.approx(50_000, rel=0.01)
