"""Embedding vectors that an index could not rank by, or would rank wrongly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

_LONGEST = math.sqrt(3.4e38)
"""Indexes compute distances in float32: the square of a longer vector's length is infinite there."""
_SHORTEST = math.sqrt(1.2e-38)
"""Likewise, the square of a shorter one's length is zero, or has lost its digits."""
_UNIT_TOLERANCE = 1e-3
"""float16 and int8 round-trips move the length by less; averaging or truncating unit vectors moves it by more."""
_MANY = 32
"""Fewer numbers than this may well be all the same, or end in zeros, by chance."""
_ROUNDING = 1e-9


class VectorOptions(Options):
    """What a vector must be.

    Attributes:
        dimension: How many numbers it has.
        non_zero: Whether one of them must differ from zero.
        dense: Whether a vector that looks padded or made up fails.
        unit: Whether its length must be 1.
    """

    dimension: Annotated[int, Field(ge=1)]
    non_zero: bool = True
    dense: bool = True
    unit: bool = False


@check(
    "vector",
    VectorOptions,
    accepts=("vector",),
    passes=(({"dimension": 3}, [0.6, 0.0, -0.8]), ({"dimension": 2, "unit": True}, (1, 0))),
    fails=(
        ({"dimension": 3}, [0.6, -0.8]),
        ({"dimension": 2}, [0.6, math.inf]),
        ({"dimension": 2}, [0.0, 0.0]),
        ({"dimension": 2, "unit": True}, [60.0, -80.0]),
        ({"dimension": 64}, [0.125] * 64),
        ({"dimension": 64}, [0.3, -0.2] * 16 + [0.0] * 32),
    ),
)
def vector(options: VectorOptions) -> Compiled:
    """The vector is one that an index can rank by: of the right dimension, finite and not zero.

    Options:
        dimension: how many numbers it has; required.
        non_zero: false lets a vector of length zero pass; default true. No angle can be taken to it.
        dense: false lets vectors of 32 numbers and more pass that are all the same number, or of which the last
            quarter is zeros; default true. Models do not put out such vectors; padding and placeholders look so.
            Sparse vectors need false.
        unit: true asks for a length of 1, within 0.1 %; default false. Turn it on where the index takes dot products
            for cosines.

    A list, a tuple or a one-dimensional array of numbers is a vector. Not-a-number and infinity always fail, and so
    does a vector whose squared length is more than float32 holds (3.4e38), which distances are computed in.
    """

    def judge(value: Any) -> Finding | None:
        numbers = value.tolist() if hasattr(value, "tolist") else value
        if len(numbers) != options.dimension:
            return Finding(f"has {len(numbers)} numbers, not {options.dimension}")
        return _odd_length(numbers, options) or (_odd_shape(numbers) if options.dense else None)

    def suspects(column: pl.Expr) -> pl.Expr:
        import polars as pl

        return column.map_batches(lambda vectors: _may_fail(vectors, options), return_dtype=pl.Boolean)

    return Compiled(judge, suspects)


def _odd_length(numbers: Sequence[float], options: VectorOptions) -> Finding | None:
    length = _length(numbers)
    if not math.isfinite(length):
        return Finding("has a number that is not finite")
    if length > _LONGEST:
        return Finding("is too long for float32: its squared length is infinite")
    if length < _SHORTEST:
        return Finding("has a length of zero") if options.non_zero else None
    if options.unit and abs(length - 1) > _UNIT_TOLERANCE:
        return Finding(f"has a length of {length:.3g}, not 1")
    return None


def _length(numbers: Sequence[float]) -> float:
    try:
        return math.hypot(*numbers)
    except OverflowError:  # a whole number beyond float64
        return math.inf


def _odd_shape(numbers: Sequence[float]) -> Finding | None:
    size = len(numbers)
    if size < _MANY or not any(numbers):
        return None
    if numbers.count(numbers[0]) == size:
        return Finding("is the same number throughout")
    if not any(numbers[-(size // 4) :]):
        return Finding("ends in zeros for a quarter of its length")
    return None


def _may_fail(vectors: pl.Series, options: VectorOptions) -> pl.Series:
    """Marks the vectors of a column of lists or arrays that may fail."""
    import polars as pl

    lists = vectors.cast(pl.List(pl.Float64))
    column = pl.col(vectors.name).list
    squares = column.eval(pl.element() * pl.element())
    length = squares.list.sum().sqrt()
    low, high = (1 - _UNIT_TOLERANCE, 1 + _UNIT_TOLERANCE) if options.unit else (_SHORTEST, _LONGEST)
    marks = [
        column.len() != options.dimension,
        column.drop_nulls().list.len() != options.dimension,
        ~length.is_between(low * (1 + _ROUNDING), high * (1 - _ROUNDING)),
    ]
    if options.dense and options.dimension >= _MANY:
        tail = squares.list.tail(options.dimension // 4)
        marks += [column.min() == column.max(), tail.list.max() == 0]
    return lists.to_frame().select(pl.any_horizontal(marks)).to_series()
