from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from dq_gate.checks.numbers import OneOfOptions, RangeOptions, one_of, range_

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def in_range(value, **bounds):
    return range_(RangeOptions(**bounds)).judge(value) is None


def allowed(value, *allow):
    return one_of(OneOfOptions(allow=list(allow))).judge(value) is None


@pytest.mark.parametrize(
    ("bound", "below", "at", "above"),
    [("ge", False, True, True), ("gt", False, False, True), ("le", True, True, False), ("lt", True, False, False)],
)
def test_each_bound_means_what_it_says(bound, below, at, above):
    assert [in_range(value, **{bound: 5}) for value in (4, 5, 6)] == [below, at, above]


def test_every_bound_must_hold():
    assert in_range(0.5, gt=0, lt=1)
    assert not in_range(1.0, gt=0, lt=1)


@pytest.mark.parametrize("bound", ["ge", "gt", "le", "lt"])
def test_not_a_number_is_in_no_range(bound):
    assert not in_range(float("nan"), **{bound: 0})


def test_whole_numbers_beyond_float_precision_compare_exactly():
    assert not in_range(2**53 + 1, le=float(2**53))
    assert not in_range(10**30, le=10**30 - 1)


def test_moments_compare_across_time_zones():
    assert in_range(NOON.astimezone(timezone(timedelta(hours=5))), ge=NOON)
    assert not in_range(datetime(2026, 1, 31, 11, 59, tzinfo=UTC), ge=NOON)


def test_a_moment_without_a_time_zone_is_utc_in_values_and_bounds():
    naive = NOON.replace(tzinfo=None)
    assert in_range(naive, ge=NOON)
    assert in_range(NOON, ge=naive)
    assert not in_range(naive, gt=NOON)


@pytest.mark.parametrize(
    "bounds",
    [{}, {"ge": 2, "le": 1}, {"gt": 1, "le": 1}, {"ge": "1"}, {"ge": True}, {"le": float("nan")}, {"le": float("inf")},
     {"ge": 1, "lt": NOON}],
)  # fmt: skip
def test_bounds_that_no_value_can_meet_are_refused(bounds):
    with pytest.raises(ValidationError):
        RangeOptions(**bounds)


def test_one_of_compares_exactly():
    assert allowed("acme", "acme", "globex")
    assert not allowed("Acme", "acme", "globex")
    assert not allowed("acme ", "acme", "globex")
    assert not allowed("1", 1, 2)


@pytest.mark.parametrize("allow", [[], [1, "1"], [True], [1.5], "acme", None])
def test_a_list_of_allowed_values_is_of_one_kind(allow):
    with pytest.raises(ValidationError):
        OneOfOptions(allow=allow)
