"""How long a text or list is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import NonNegativeInt, model_validator

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from typing import Self

    import polars as pl


class LengthOptions(Options):
    """Bounds of a length, both inclusive.

    Attributes:
        min: Fewest code points, or items of a list.
        max: Most code points, or items of a list.
    """

    min: NonNegativeInt | None = None
    max: NonNegativeInt | None = None

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: no value can pass")
        return self


@check(
    "length",
    LengthOptions,
    accepts=("str", "list[str]"),
    passes=(({"min": 3, "max": 5}, "abc"), ({"max": 2}, "é😀"), ({"min": 1}, ["one item"])),
    fails=(({"min": 3}, "ab"), ({"max": 2}, "é😀!"), ({"min": 1}, [])),
)
def length(options: LengthOptions) -> Compiled:
    """The text has at least `min` and at most `max` code points; a list, that many items.

    Options:
        min: smallest length that passes.
        max: largest length that passes. At least one of the two is needed.

    Code points are what Python's `len` counts and what every other engine agrees on: "é" is one when composed, an
    emoji family is several. Bytes and what a reader sees as one character are not counted.
    """
    low = options.min or 0
    high = options.max

    def judge(value: str | list[str]) -> Finding | None:
        size = len(value)
        if size < low:
            return Finding(f"has {size} {_unit(value)}, fewer than {low}")
        if high is not None and size > high:
            return Finding(f"has {size} {_unit(value)}, more than {high}", (high, size))
        return None

    def suspects(column: pl.Expr) -> pl.Expr:
        import polars as pl

        size = column.map_batches(_sizes, return_dtype=pl.UInt32)
        return (size < low) if high is None else (size < low) | (size > high)

    return Compiled(judge, suspects)


def _unit(value: str | list[str]) -> str:
    return "code points" if isinstance(value, str) else "items"


def _sizes(column: pl.Series) -> pl.Series:
    import polars as pl

    return column.list.len() if isinstance(column.dtype, pl.List) else column.str.len_chars()
