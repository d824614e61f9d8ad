"""Vectors: what makes one useless to an index, in every form a vector comes in."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from tests.batches import compiled

SIZE = 64
_WAVES = [math.sin(number + 1) for number in range(SIZE)]
GOOD = [wave / math.hypot(*_WAVES) for wave in _WAVES]
BROKEN = {
    "not-a-number": [math.nan, *GOOD[1:]],
    "infinite": [*GOOD[1:], -math.inf],
    "zero": [0.0] * SIZE,
    "short": GOOD[1:],
    "long": [*GOOD, 0.1],
    "empty": [],
    "constant": [0.125] * SIZE,
    "padded": GOOD[:48] + [0.0] * 16,
    "huge": [1e30, *GOOD[1:]],
    "vanishing": [number * 1e-25 for number in GOOD],
}


def rule(**options):
    return compiled("vector", {"dimension": SIZE, **options}, field="v", fields={"v": "vector"})


def passes(value, **options):
    return rule(**options).judge(value) is None


@pytest.mark.parametrize("form", [list, tuple, np.array, lambda numbers: np.array(numbers, dtype=np.float32)])
@pytest.mark.parametrize(("kind", "good"), [("good", True), *((kind, False) for kind in BROKEN)])
def test_broken_vectors_fail_in_every_form(form, kind, good):
    assert passes(form(BROKEN.get(kind, GOOD))) is good


def test_whole_numbers_are_numbers():
    assert passes([3, -4] * 32)
    assert passes(np.array([3, -4] * 32, dtype=np.int8))
    assert not passes([10**400, *GOOD[1:]])


def test_a_zero_vector_may_be_allowed():
    assert passes(BROKEN["zero"], non_zero=False)
    assert not passes(BROKEN["not-a-number"], non_zero=False)


@pytest.mark.parametrize("kind", ["constant", "padded"])
def test_vectors_that_are_not_dense_may_be_allowed(kind):
    assert passes(BROKEN[kind], dense=False)


def test_a_short_vector_may_be_constant_or_end_in_zeros_by_chance():
    assert compiled("vector", {"dimension": 4}).judge([0.5, 0.5, 0.5, 0.5]) is None
    assert compiled("vector", {"dimension": 4}).judge([0.5, 0.0, 0.0, 0.0]) is None


@pytest.mark.parametrize(
    ("factor", "passing"), [(1, True), (1.0005, True), (0.998, False), (1.002, False), (100, False)]
)
def test_unit_asks_for_a_length_of_one_within_a_thousandth(factor, passing):
    scaled = [number * factor for number in GOOD]
    assert passes(scaled, unit=True) is passing
    assert passes(scaled)


def test_the_finding_says_what_is_wrong_without_the_numbers():
    messages = {kind: rule().judge(value).message for kind, value in BROKEN.items()}
    assert messages["short"] == "has 63 numbers, not 64"
    assert messages["zero"] == "has a length of zero"
    assert messages["infinite"] == messages["not-a-number"] == "has a number that is not finite"


@pytest.mark.parametrize("dimension", [0, -1, 3.0, True])
def test_a_dimension_is_a_positive_whole_number(dimension):
    with pytest.raises(ValueError, match="dimension"):
        compiled("vector", {"dimension": dimension})


def unmarked(values, dtype, **options):
    """Vectors that fail on their own and would pass in a column; nulls are nobody's."""
    column = pl.Series("v", values, dtype=dtype)
    marks = column.to_frame().select(rule(**options).suspects(pl.col("v")).fill_null(value=False)).to_series()
    judge = rule(**options).judge
    rows = column.to_list()
    return [row for row, mark in zip(rows, marks, strict=True) if row is not None and not mark and judge(row)]


@pytest.mark.parametrize("options", [{}, {"unit": True}, {"non_zero": False}, {"dense": False}])
@pytest.mark.parametrize("inner", [pl.Float64, pl.Float32])
def test_columns_of_lists_mark_every_broken_vector(inner, options):
    values = [GOOD, None, *BROKEN.values(), [None, *GOOD[1:]]]
    column = pl.Series("v", values, dtype=pl.List(inner))
    assert unmarked(values[:-1], pl.List(inner), **options) == []
    marks = column.to_frame().select(rule(**options).suspects(pl.col("v"))).to_series().to_list()
    assert marks[-1]
    assert not marks[0]


@pytest.mark.parametrize("inner", [pl.Float64, pl.Float32])
def test_columns_of_arrays_mark_every_broken_vector(inner):
    values = [GOOD, None, *(value for value in BROKEN.values() if len(value) == SIZE)]
    assert unmarked(values, pl.Array(inner, SIZE)) == []
    assert unmarked([GOOD[1:]] * 2, pl.Array(inner, SIZE - 1)) == []


def test_columns_of_whole_numbers_are_columns_of_vectors():
    assert unmarked([[3, -4] * 32, [0] * 64, [7] * 64, [1]], pl.List(pl.Int16)) == []
