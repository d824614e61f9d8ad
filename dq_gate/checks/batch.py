"""What a batch is as a whole: how many rows it has, and how many of them lack a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, get_args

from pydantic import Field, StrictInt, model_validator

from dq_gate.checks.base import CompiledFrame, Context, FieldType, Options, check
from dq_gate.checks.columns import judged_field, nulls
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    import polars as pl


class NullRatioOptions(Options):
    """How many nulls are too many.

    Attributes:
        max: Greatest share of null rows that passes.
    """

    max: Annotated[float, Field(ge=0, lt=1)]


@check(
    "null_ratio",
    NullRatioOptions,
    accepts=get_args(FieldType),
    planes=("batch",),
    with_context=True,
    passes=(({"max": 0.5}, ["a", None]), ({"max": 0.0}, [])),
    fails=(({"max": 0.4}, ["a", None]), ({"max": 0.0}, [None])),
)
def null_ratio(options: NullRatioOptions, context: Context) -> CompiledFrame:
    """No more than a given share of a batch's rows lacks a value.

    Options:
        max: the greatest share of nulls that passes, from 0 to below 1; required.

    Missing, None and NaN are null; so is every row where the whole column is missing. What fails is the batch, not a
    row of it. A batch without rows passes.
    """
    name = judged_field(context)
    return CompiledFrame(lambda: _NullRatio(name, options.max))


class _NullRatio:
    def __init__(self, name: str, limit: float) -> None:
        self._name = name
        self._limit = limit
        self._rows = self._nulls = 0

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        self._rows += frame.height
        self._nulls += nulls(frame, self._name)
        return {}

    def end(self) -> Finding | None:
        if self._nulls <= self._limit * self._rows:
            return None
        share = self._nulls / self._rows
        return Finding(f"{share:.4g} of {self._rows} values are null; the limit is {self._limit:.4g}")


class RowCountOptions(Options):
    """How many rows a batch may have.

    Attributes:
        min: Fewest.
        max: Most.
    """

    min: Annotated[StrictInt, Field(ge=1)] | None = None
    max: Annotated[StrictInt, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max: no batch can pass")
        return self


@check(
    "row_count",
    RowCountOptions,
    accepts=(),
    subject="record",
    planes=("batch",),
    passes=(({"min": 2, "max": 3}, [{"id": 1}, {"id": 2}]),),
    fails=(({"min": 1}, []), ({"max": 1}, [{"id": 1}, {"id": 2}])),
)
def row_count(options: RowCountOptions) -> CompiledFrame:
    """A batch has as many rows as one expects of it.

    Options:
        min: the fewest rows that pass.
        max: the most rows that pass. At least one of the two is needed.

    What fails is the batch, not a row of it. An empty batch is what a broken export most often looks like: `min: 1`
    catches it.
    """
    return CompiledFrame(lambda: _RowCount(options))


class _RowCount:
    def __init__(self, options: RowCountOptions) -> None:
        self._options = options
        self._rows = 0

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        self._rows += frame.height
        return {}

    def end(self) -> Finding | None:
        least, most = self._options.min, self._options.max
        if least is not None and self._rows < least:
            return Finding(f"the batch has {self._rows} rows; the least is {least}")
        if most is not None and self._rows > most:
            return Finding(f"the batch has {self._rows} rows; the most is {most}")
        return None
