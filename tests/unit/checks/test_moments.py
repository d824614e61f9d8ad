"""Moments against the clock, one by one and in columns of every kind."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from tests.batches import compiled

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
ZONES = [None, "UTC", "Asia/Kolkata", "America/New_York"]


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Sets what the checks take for now; noon at first."""

    def show(moment):
        monkeypatch.setattr("dq_gate.checks.moments.now", lambda: moment)

    show(NOON)
    return show


def rule(name, **options):
    return compiled(name, options, field="v", fields={"v": "datetime"})


def passes(moment, name, **options):
    return rule(name, **options).judge(moment) is None


@pytest.mark.parametrize(
    ("options", "age"),
    [
        ({"days": 2}, 2 * DAY),
        ({"hours": 36}, 1.5 * DAY),
        ({"days": 1, "hours": 12.5}, timedelta(hours=36.5)),
        ({"days": 0.5}, DAY / 2),
    ],
)
def test_a_moment_is_fresh_up_to_its_greatest_age(options, age):
    assert passes(NOON - age, "freshness", **options)
    assert not passes(NOON - age - TICK, "freshness", **options)
    assert passes(NOON + 900 * DAY, "freshness", **options)


def test_a_moment_may_be_ahead_by_the_tolerance():
    assert passes(NOON + timedelta(seconds=300), "not_future")
    assert not passes(NOON + timedelta(seconds=300) + TICK, "not_future")
    assert not passes(NOON + TICK, "not_future", tolerance_seconds=0)
    assert passes(NOON, "not_future", tolerance_seconds=0)


def test_time_goes_by_for_a_compiled_check(clock):
    fresh, past = rule("freshness", days=1), rule("not_future")
    clock(NOON + 2 * DAY)
    assert fresh.judge(NOON) is not None
    assert past.judge(NOON + DAY) is None


@pytest.mark.parametrize(
    "zone", [timezone(timedelta(hours=14)), timezone(-timedelta(hours=12)), ZoneInfo("Asia/Kolkata")]
)
def test_moments_of_any_zone_compare_as_moments(zone):
    assert passes((NOON - DAY).astimezone(zone), "freshness", days=1)
    assert not passes((NOON - DAY - TICK).astimezone(zone), "freshness", days=1)


def test_a_moment_without_a_zone_is_utc():
    naive = NOON.replace(tzinfo=None)
    assert passes(naive - DAY, "freshness", days=1)
    assert not passes(naive - DAY - TICK, "freshness", days=1)
    assert not passes(naive + TICK, "not_future", tolerance_seconds=0)


@pytest.mark.parametrize("zone", [None, UTC])
def test_the_first_and_last_moments_there_are_break_nothing(zone):
    first, last = datetime(1, 1, 1, tzinfo=zone), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=zone)
    assert [passes(moment, "freshness", days=30) for moment in (first, last)] == [False, True]
    assert [passes(moment, "not_future") for moment in (first, last)] == [True, False]


def test_the_finding_says_how_old_is_too_old():
    assert rule("freshness", days=1, hours=6).judge(NOON - 3 * DAY).message == "is older than 1 d 6 h"
    assert rule("not_future").judge(NOON + DAY).message == "is more than 300 seconds in the future"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("freshness", {}),
        ("freshness", {"days": 0}),
        ("freshness", {"days": -1}),
        ("freshness", {"days": 40_000}),
        ("freshness", {"days": float("nan")}),
        ("not_future", {"tolerance_seconds": -1}),
    ],
)
def test_an_age_that_makes_no_sense_is_refused(name, options):
    with pytest.raises(ValueError, match="validation error"):
        rule(name, **options)


RULES = [("freshness", {"days": 30}), ("not_future", {}), ("not_future", {"tolerance_seconds": 0})]


def unmarked(column, name, options):
    """Moments that fail on their own and would pass in a column."""
    checked = rule(name, **options)
    marks = column.to_frame("v").select(checked.suspects(pl.col("v")).fill_null(value=False)).to_series()
    return [row for row, mark in zip(column, marks, strict=True) if row is not None and not mark and checked.judge(row)]


@pytest.mark.parametrize(("name", "options"), RULES)
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", ZONES)
def test_columns_of_every_unit_and_zone_mark_every_failing_moment(name, options, unit, zone):
    edges = [NOON - 30 * DAY, NOON, NOON + timedelta(seconds=300)]
    steps = [timedelta(0), TICK, timedelta(milliseconds=1), timedelta(hours=14), DAY]
    moments = [(edge + sign * step).replace(tzinfo=None) for edge in edges for step in steps for sign in (-1, 1)]
    column = pl.Series("v", [*moments, None], dtype=pl.Datetime(unit)).dt.replace_time_zone("UTC")
    column = column.dt.convert_time_zone(zone) if zone else column.dt.replace_time_zone(None)
    assert unmarked(column, name, options) == []
    far = rule(name, **options).suspects(pl.col("v"))
    assert column.to_frame("v").select(far).to_series().sum() < len(moments)


@pytest.mark.parametrize(("name", "options"), RULES)
def test_columns_of_days_mark_every_failing_day(name, options):
    days = pl.Series("v", [date(2026, 1, 1) + number * DAY for number in range(60)] + [None])
    marks = days.to_frame().select(rule(name, **options).suspects(pl.col("v")).fill_null(value=False)).to_series()
    midnights = [day and datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days]
    judge = rule(name, **options).judge
    assert [day for day, mark in zip(midnights, marks, strict=True) if day and not mark and judge(day)] == []
