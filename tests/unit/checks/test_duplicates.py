"""`unique`: which rows repeat an earlier one."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.batches import compiled, failing_rows, judge


def repeats(values, *, field_type="str", dtype=None, cuts=()):
    """The rows that fail, in one frame, and in several when there are cuts."""
    column = pl.Series("v", values, dtype)
    bounds = [0, *cuts, len(values)]
    frames = [column[start:end].to_frame() for start, end in itertools.pairwise(bounds)]
    return failing_rows(compiled("unique", {}, field="v", fields={"v": field_type}), *frames)


def test_every_later_occurrence_fails_and_the_first_passes():
    assert repeats(["a", "b", "a", "c", "b", "a"]) == [2, 4, 5]


@pytest.mark.parametrize("cuts", [(3,), (1, 2, 3, 4, 5), (0, 3, 3)])
def test_frames_of_one_batch_are_one_sequence_of_rows(cuts):
    assert repeats(["a", "b", "a", "c", "b", "a"], cuts=cuts) == [2, 4, 5]


def test_batches_know_nothing_of_each_other():
    rule = compiled("unique", {}, field="v", fields={"v": "str"})
    frame = pl.DataFrame({"v": ["a", "b"]})
    assert judge(rule, frame) == judge(rule, frame) == ({}, None)


def test_nulls_are_not_compared():
    assert repeats([None, "a", None, None]) == []
    assert repeats([float("nan"), float("nan"), None, 1.0], field_type="float") == []
    assert repeats([float("nan"), float("nan")], field_type="float", dtype=pl.Object) == []


def test_a_missing_column_repeats_nothing():
    assert failing_rows(compiled("unique", {}, field="v", fields={"v": "str"}), pl.DataFrame({"w": [1, 1]})) == []


def test_comparison_is_exact():
    assert repeats(["a", "A", " a", "a ", "á", "a\u0301", "1", "01"]) == []


@pytest.mark.parametrize("frames", [[[1, 2.5], [1.0, 2.5]], [[2**53], [2.0**53]], [[-0.0], [0]]])
def test_numbers_are_compared_by_value_whatever_their_column(frames):
    rule = compiled("unique", {}, field="v", fields={"v": "float"})
    found = failing_rows(rule, *(pl.DataFrame({"v": pl.Series(values, strict=False)}) for values in frames))
    assert found == list(range(len(frames[0]), 2 * len(frames[0])))


def test_booleans_are_values_too():
    assert repeats([True, False, None, True], field_type="bool") == [3]
    assert repeats([True, "True", 1, True], field_type="bool", dtype=pl.Object) == [3]


def test_wide_numbers_are_told_apart():
    assert repeats([2**53, 2**53 + 1], field_type="float") == []
    assert repeats([2**70, 2**70 + 1, 2**70], field_type="int", dtype=pl.Object) == [2]


def test_numbers_too_wide_for_any_column_are_not_compared():
    assert repeats([2**127, 2**127, -(2**127), 1, 1], field_type="int", dtype=pl.Object) == [4]


def test_moments_are_compared_as_moments():
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    later_zone = noon.astimezone(timezone(timedelta(hours=2)))
    assert repeats([noon, noon.replace(tzinfo=None), later_zone], field_type="datetime", dtype=pl.Object) == [1, 2]
    naive = pl.DataFrame({"v": [noon.replace(tzinfo=None)]})
    zoned = pl.DataFrame({"v": pl.Series([later_zone]).dt.convert_time_zone("Asia/Tokyo")})
    assert failing_rows(compiled("unique", {}, field="v", fields={"v": "datetime"}), naive, zoned) == [1]


def test_values_of_another_type_are_left_to_the_type_rule():
    assert repeats(["1", "1"], field_type="int") == []
    assert repeats([1, "a", True, True, 1], field_type="int", dtype=pl.Object) == [4]


def test_categories_and_objects_are_text_like_any_other():
    rule = compiled("unique", {}, field="v", fields={"v": "str"})
    frames = [pl.DataFrame({"v": pl.Series(["a", "b"], dtype=dtype)}) for dtype in (pl.Categorical, pl.Object)]
    assert failing_rows(rule, *frames) == [2, 3]


def combination(*rows, **types):
    rule = compiled("unique", {"fields": list(types)}, fields=types)
    return judge(rule, pl.DataFrame(list(rows), schema=list(types), orient="row"))[0]


def test_combinations_are_compared_as_a_whole():
    found = combination(("a", 1), ("b", 1), ("a", 2), ("b", 1), doc="str", page="int")
    assert {row: finding.message for row, finding in found.items()} == {3: "repeats the values of an earlier row"}


def test_no_two_combinations_look_alike_once_put_together():
    assert combination(("a", "bc"), ("ab", "c"), ("1:a", ""), ("", "1:a"), ("a:1", "a"), left="str", right="str") == {}


def test_a_combination_with_a_null_is_not_compared():
    assert combination(("a", None), ("a", None), left="str", right="str") == {}


@pytest.mark.parametrize(
    ("field", "options", "reason"),
    [
        (None, {}, "either one `field`, or several"),
        ("a", {"fields": ["a", "b"]}, "either one `field`, or several"),
        (None, {"fields": ["a", "c"]}, "unknown field 'c'"),
        (None, {"fields": ["a", "tags"]}, "tags is of type list"),
        ("tags", {}, "tags is of type list"),
    ],
)
def test_a_rule_that_names_no_fitting_fields_is_refused(field, options, reason):
    with pytest.raises(ValueError, match=reason):
        compiled("unique", options, field=field, fields={"a": "str", "b": "str", "tags": "list[str]"})


def test_a_million_equal_rows_are_one_value():
    assert len(repeats(["same"] * 1_000_000)) == 999_999


@given(
    values=st.lists(st.none() | st.sampled_from([0, 1, 1.0, -0.0, 2.5, 2**53, 2.0**53, 2**53 + 1]), max_size=20),
    cut=st.integers(0, 20),
)
def test_rows_fail_as_python_would_have_it_wherever_the_frames_are_cut(values, cut):
    expected = [row for row, value in enumerate(values) if value is not None and value in values[:row]]
    assert repeats(values, field_type="float", dtype=pl.Object, cuts=(min(cut, len(values)),)) == expected
