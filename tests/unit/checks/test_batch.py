"""`null_ratio` and `row_count`: findings about a batch as a whole."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from tests.batches import compiled, judge


def null_share(limit, *columns, field_type="str"):
    rule = compiled("null_ratio", {"max": limit}, field="v", fields={"v": field_type})
    rows, batch = judge(rule, *(pl.DataFrame({"v": column}) for column in columns))
    assert rows == {}
    return batch and batch.message


def test_a_share_up_to_the_limit_passes():
    assert null_share(0.5, ["a", None, "b", None]) is None


def test_a_share_above_the_limit_fails_and_is_told():
    assert null_share(0.4, ["a", None, "b", None]) == "0.5 of 4 values are null; the limit is 0.4"


def test_the_share_is_that_of_all_frames_together():
    assert null_share(0.3, [None, None], ["a"] * 8) is None
    assert null_share(0.1, ["a"] * 8, [None, None]) is not None
    assert null_share(0.3, [None, None], ["a"] * 6, [None, None]) == "0.4 of 10 values are null; the limit is 0.3"


@pytest.mark.parametrize("dtype", [pl.Float64, pl.Object])
def test_nan_is_null(dtype):
    column = pl.Series([1.0, math.nan, None, 2.0], dtype=dtype)
    assert null_share(0.4, column, field_type="float") == "0.5 of 4 values are null; the limit is 0.4"


def test_a_vector_is_no_null():
    assert null_share(0.0, pl.Series([np.array([1.0, math.nan]), np.zeros(2)], dtype=pl.Object)) is None


def test_a_missing_column_is_all_null():
    rule = compiled("null_ratio", {"max": 0.9}, field="v", fields={"v": "str"})
    assert judge(rule, pl.DataFrame({"w": [1, 2]}))[1].message == "1 of 2 values are null; the limit is 0.9"


def test_a_value_of_another_type_is_no_null():
    assert null_share(0.0, ["a", "b"], field_type="int") is None


@pytest.mark.parametrize("frames", [[], [[]]])
def test_no_rows_have_no_nulls(frames):
    assert null_share(0.0, *(pl.Series(frame, dtype=pl.String) for frame in frames)) is None


def row_count(options, *heights):
    batch = judge(compiled("row_count", options), *(pl.DataFrame({"v": [0] * height}) for height in heights))[1]
    return batch and batch.message


@pytest.mark.parametrize("heights", [(2,), (3,), (1, 1), (1, 0, 2)])
def test_counts_within_the_bounds_pass(heights):
    assert row_count({"min": 2, "max": 3}, *heights) is None


def test_counts_outside_the_bounds_fail():
    assert row_count({"min": 2, "max": 3}, 1) == "the batch has 1 rows; the least is 2"
    assert row_count({"min": 2, "max": 3}, 2, 2) == "the batch has 4 rows; the most is 3"


@pytest.mark.parametrize("heights", [(), (0,)])
def test_an_empty_batch_has_too_few_rows(heights):
    assert row_count({"min": 1}, *heights) == "the batch has 0 rows; the least is 1"


@pytest.mark.parametrize("options", [{}, {"min": 3, "max": 2}, {"min": 0}, {"max": -1}, {"min": True}])
def test_bounds_that_say_nothing_are_refused(options):
    with pytest.raises(ValidationError):
        compiled("row_count", options)
