"""Moments held against the clock. A moment without a time zone is taken as UTC.

These are the only checks whose verdict depends on when they judge: a value that passes today may fail tomorrow.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    import polars as pl

_PAST = datetime(2000, 1, 1, tzinfo=UTC)
_FUTURE = datetime(9000, 1, 1, tzinfo=UTC)
_CENTURY_DAYS = 36_525
_ROUNDING = timedelta(seconds=1)
"""More than any column's time unit rounds off."""


def now() -> datetime:
    """The clock that the checks read whenever they judge; tests put another in its place."""
    return datetime.now(UTC)


def in_utc(moment: datetime) -> datetime:
    """The moment as one that can be compared: without a time zone it is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


class FreshnessOptions(Options):
    """The greatest age, the sum of both.

    Attributes:
        days: Of 24 hours.
        hours: Of 3600 seconds.
    """

    days: Annotated[float, Field(ge=0, le=_CENTURY_DAYS)] = 0
    hours: Annotated[float, Field(ge=0, le=_CENTURY_DAYS * 24)] = 0

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if not self.age:
            raise ValueError("give days, hours or both")
        return self

    @property
    def age(self) -> timedelta:
        """Both together."""
        return timedelta(days=self.days, hours=self.hours)


class NotFutureOptions(Options):
    """How far clocks may differ.

    Attributes:
        tolerance_seconds: How far ahead of our clock a moment may be.
    """

    tolerance_seconds: Annotated[float, Field(ge=0, le=_CENTURY_DAYS * 86_400)] = 300


@check(
    "freshness",
    FreshnessOptions,
    accepts=("datetime",),
    passes=(({"days": 30}, _FUTURE), ({"hours": 12}, _FUTURE.replace(tzinfo=None))),
    fails=(({"days": 30}, _PAST), ({"days": 1, "hours": 0.5}, _PAST.replace(tzinfo=None))),
)
def freshness(options: FreshnessOptions) -> Compiled:
    """The moment is not older than a given age.

    Options:
        days: the greatest age in days of 24 hours, whole or broken.
        hours: the same in hours. At least one of the two is needed; they add up.

    The age is what the gate's clock shows when it judges: a document that passed may fail later. A moment without a
    time zone is taken as UTC. One that is yet to come is fresh: see `not_future`.
    """
    age = options.age
    finding = Finding(f"is older than {_in_words(options)}")

    def judge(moment: datetime) -> Finding | None:
        return None if in_utc(moment) >= now() - age else finding

    return Compiled(judge, _marks(lambda moments: moments < now() - age + _ROUNDING))


@check(
    "not_future",
    NotFutureOptions,
    accepts=("datetime",),
    passes=(({}, _PAST), ({"tolerance_seconds": 0}, _PAST.replace(tzinfo=None))),
    fails=(({}, _FUTURE), ({"tolerance_seconds": 3600}, _FUTURE.replace(tzinfo=None))),
)
def not_future(options: NotFutureOptions) -> Compiled:
    """The moment is not in the future.

    Options:
        tolerance_seconds: how far ahead of the gate's clock a moment may be, since clocks differ; default 300.

    A moment without a time zone is taken as UTC: local time ahead of UTC, sent without its zone, fails.
    """
    tolerance = timedelta(seconds=options.tolerance_seconds)
    finding = Finding(f"is more than {options.tolerance_seconds:g} seconds in the future")

    def judge(moment: datetime) -> Finding | None:
        return None if in_utc(moment) <= now() + tolerance else finding

    return Compiled(judge, _marks(lambda moments: moments > now() + tolerance - _ROUNDING))


def _in_words(options: FreshnessOptions) -> str:
    parts = [f"{amount:g} {unit}" for amount, unit in ((options.days, "d"), (options.hours, "h")) if amount]
    return " ".join(parts)


def _marks(may_fail: Callable[[pl.Series], pl.Series]) -> Callable[[pl.Expr], pl.Expr]:
    """Marks the moments of a column, of any time unit and zone, that may fail."""

    def of_series(column: pl.Series) -> pl.Series:
        import polars as pl

        moments = column.cast(pl.Datetime("us", getattr(column.dtype, "time_zone", None)))
        is_naive = moments.dtype.time_zone is None  # type: ignore[attr-defined]  # it was just cast to Datetime
        return may_fail(moments.dt.replace_time_zone("UTC") if is_naive else moments.dt.convert_time_zone("UTC"))

    def suspects(column: pl.Expr) -> pl.Expr:
        import polars as pl

        return column.map_batches(of_series, return_dtype=pl.Boolean)

    return suspects
