"""Values that can be counted off or put in order: a list of allowed ones, and bounds."""

from __future__ import annotations

import operator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field, StrictInt, StrictStr, model_validator

from dq_gate.checks.base import Compiled, Options, Suspects, check
from dq_gate.checks.moments import in_utc
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    import polars as pl

_EXACT_AS_FLOAT = 2**53
"""Up to here every whole number is a float64."""
_WIDE = 2**63
"""No column can be compared with any whole number, however large; rows with these are looked at one by one."""
_MOMENT = datetime(2030, 1, 1, tzinfo=UTC)

Bound = StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)] | datetime


class OneOfOptions(Options):
    """The values allowed.

    Attributes:
        allow: All of them text, or all of them whole numbers.
    """

    allow: list[StrictStr] | list[StrictInt] = Field(min_length=1)


@check(
    "one_of",
    OneOfOptions,
    accepts=("str", "int"),
    passes=(({"allow": ["acme", "globex"]}, "acme"), ({"allow": [1, 2]}, 2)),
    fails=(({"allow": ["acme", "globex"]}, "Acme"), ({"allow": [1, 2]}, 3)),
)
def one_of(options: OneOfOptions) -> Compiled:
    """The value is one of a fixed list.

    Options:
        allow: the values that pass, all of them text or all of them whole numbers; required.

    Comparison is exact: case and white space count, and `"1"` is not `1`.
    """
    allowed: frozenset[str | int] = frozenset(options.allow)
    listed = [value for value in allowed if not isinstance(value, int) or abs(value) < _WIDE]
    finding = Finding(f"is none of the {len(allowed)} allowed values")

    def judge(value: str | int) -> Finding | None:
        return None if value in allowed else finding

    def suspects(column: pl.Expr) -> pl.Expr:
        return ~column.is_in(listed)

    return Compiled(judge, suspects)


class RangeOptions(Options):
    """Bounds: numbers, or moments for a datetime field.

    Attributes:
        ge: Least value allowed.
        gt: Values must be above it.
        le: Greatest value allowed.
        lt: Values must be below it.
    """

    ge: Bound | None = None
    gt: Bound | None = None
    le: Bound | None = None
    lt: Bound | None = None

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if not self.bounds():
            raise ValueError("give at least one of ge, gt, le, lt")
        if len({isinstance(bound, datetime) for bound in self.bounds().values()}) > 1:
            raise ValueError("bounds must be all numbers or all moments in time")
        lows = [_comparable(bound) for bound in (self.ge, self.gt) if bound is not None]
        highs = [_comparable(bound) for bound in (self.le, self.lt) if bound is not None]
        strict = self.gt is not None or self.lt is not None
        if lows and highs and (max(lows) > min(highs) or (strict and max(lows) == min(highs))):
            raise ValueError("the lower bound is above the upper one: no value can pass")
        return self

    def bounds(self) -> dict[str, Any]:
        """The bounds that are set, by name."""
        return {name: bound for name, bound in self if bound is not None}


@check(
    "range",
    RangeOptions,
    accepts=("int", "float", "datetime"),
    passes=(({"ge": 1, "le": 100}, 100), ({"gt": 0.0}, 0.5), ({"lt": _MOMENT}, _MOMENT.replace(year=2029))),
    fails=(({"ge": 1, "le": 100}, 0), ({"gt": 0.0}, 0.0), ({"ge": 0}, float("nan")), ({"lt": _MOMENT}, _MOMENT)),
)
def range_(options: RangeOptions) -> Compiled:
    """The number or moment lies within bounds.

    Options:
        ge: least value that passes.
        gt: values must be greater than this.
        le: greatest value that passes.
        lt: values must be less than this. At least one of the four is needed; they combine.

    Not-a-number passes no bound. Whole and broken numbers compare exactly. Bounds of a datetime field are written
    in ISO 8601 (`"2026-01-31T12:00:00Z"`); a moment without a time zone is taken as UTC, in bounds and in values.
    """
    bounds = options.bounds()
    tests = tuple(_test(name, bound) for name, bound in bounds.items())

    def judge(value: Any) -> Finding | None:
        for holds, bound, finding in tests:
            if not holds(value, bound):
                return finding
        return None

    def judge_moment(value: datetime) -> Finding | None:
        return judge(in_utc(value))

    if any(isinstance(bound, datetime) for bound in bounds.values()):
        return Compiled(judge_moment, None)
    return Compiled(judge, _outside(bounds))


_COMPARISONS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "ge": (operator.ge, "is below {}"),
    "gt": (operator.gt, "is not above {}"),
    "le": (operator.le, "is above {}"),
    "lt": (operator.lt, "is not below {}"),
}


def _test(name: str, bound: Any) -> tuple[Callable[[Any, Any], bool], Any, Finding]:
    holds, message = _COMPARISONS[name]
    return holds, _comparable(bound), Finding(message.format(bound))


def _comparable(value: Any) -> Any:
    return in_utc(value) if isinstance(value, datetime) else value


def _outside(bounds: dict[str, int | float]) -> Suspects:
    """Marks numbers outside the bounds, and those on a bound that float64 may have rounded."""

    def mark(column: pl.Expr, name: str, bound: float) -> pl.Expr:
        is_exact = isinstance(bound, int) and abs(bound) <= _EXACT_AS_FLOAT
        holds = _COMPARISONS[name if is_exact else _STRICT[name]][0]
        return ~cast("pl.Expr", holds(column, bound))

    def suspects(column: pl.Expr) -> pl.Expr:
        import polars as pl

        outside = [mark(column, name, bound) for name, bound in bounds.items()]
        return pl.any_horizontal(*outside, column.cast(pl.Float64).is_nan())

    return suspects


_STRICT = {"ge": "gt", "gt": "gt", "le": "lt", "lt": "lt"}
