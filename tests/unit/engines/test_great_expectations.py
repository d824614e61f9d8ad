"""Suites of Great Expectations as rules: which rows fail, what fails the batch, and what never passes silently."""

from __future__ import annotations

import gc
import json
import os
import weakref

import polars as pl
import pytest

from dq_gate.engines import great_expectations
from tests.engines import compile_check, judge_batch

BETWEEN = "expect_column_values_to_be_between"
TYPE = "expect_column_values_to_be_of_type"
GREATER = "expect_column_pair_values_a_to_be_greater_than_b"


@pytest.fixture
def compiled(tmp_path):
    def compile_suite(*expectations, **keys):
        suite = {"name": "offers", "expectations": [{"type": type_, "kwargs": kw} for type_, kw in expectations]}
        (tmp_path / "suite.json").write_text(json.dumps(suite | keys))
        return compile_check("great_expectations", {"suite": "suite.json"}, folder=tmp_path)

    return compile_suite


@pytest.fixture
def judge(compiled):
    def judge_frame(frame, *expectations):
        [rows], end = judge_batch(compiled(*expectations), pl.DataFrame(frame))
        return rows, end

    return judge_frame


def test_each_row_gets_its_own_reasons_and_aggregates_fail_the_batch(judge):
    frame = {"name": ["a", "b", "b", None], "price": [1, 0, -1, 5]}
    assert judge(
        frame,
        (BETWEEN, {"column": "price", "min_value": 0}),
        (BETWEEN, {"column": "price", "min_value": 0}),  # twice the same
        ("expect_column_values_to_be_unique", {"column": "name"}),
        ("expect_column_values_to_not_be_null", {"column": "name"}),
        ("expect_column_mean_to_be_between", {"column": "price", "min_value": 3}),
        ("expect_table_row_count_to_be_between", {"min_value": 5}),
        ("expect_column_distinct_values_to_be_in_set", {"column": "name", "value_set": ["a"]}),
        ("expect_column_to_exist", {"column": "colour"}),
        ("expect_column_values_to_be_in_set", {"column": "name", "value_set": ["a", "b"]}),
    ) == (
        {
            1: "name: expect_column_values_to_be_unique",
            2: f"price: {BETWEEN}, name: expect_column_values_to_be_unique",
            3: "name: expect_column_values_to_not_be_null",
        },
        (
            "the batch fails: price: expect_column_mean_to_be_between, expect_table_row_count_to_be_between, "
            "name: expect_column_distinct_values_to_be_in_set and 1 more"
        ),
    )


def test_mostly_lets_some_rows_be_unexpected(judge):
    frame = {"price": [1, 2, 3, -1]}
    assert judge(frame, (BETWEEN, {"column": "price", "min_value": 0, "mostly": 0.7})) == ({}, None)
    assert judge(frame, (BETWEEN, {"column": "price", "min_value": 0, "mostly": 0.8}))[0].keys() == {3}


def test_a_row_condition_keeps_the_numbers_of_the_rows(judge):
    condition = {"row_condition": "price>0", "condition_parser": "pandas"}
    assert judge({"price": [-5, 1, -5, 9]}, (BETWEEN, {"column": "price", "max_value": 5, **condition}))[0].keys() == {
        3
    }


def test_what_a_suite_says_of_its_own_run_hides_no_rows(judge):
    of_a_run = {"result_format": "BOOLEAN_ONLY", "catch_exceptions": False, "include_config": True, "batch_id": "old"}
    kwargs = {"column": "price", "min_value": 0, **of_a_run}
    assert judge({"price": [1, -1]}, (BETWEEN, kwargs))[0].keys() == {1}


def test_a_missing_column_fails_the_batch_and_leaves_the_rest_judged(judge):
    rows, end = judge(
        {"price": [1, -1]},
        (BETWEEN, {"column": "weight", "min_value": 0}),
        (BETWEEN, {"column": "price", "min_value": 0}),
    )
    assert rows.keys() == {1}
    assert end == f"the batch fails: weight: {BETWEEN} (no such column)"


def test_an_expectation_that_raises_is_a_crash_that_tells_nothing_of_the_input(judge):
    with pytest.raises(RuntimeError, match=f"^name: {BETWEEN} raised$"):
        judge({"name": ["SECRET"]}, (BETWEEN, {"column": "name", "min_value": 0}))


def test_whole_numbers_and_bools_keep_their_types_beside_nulls(judge):
    frame = {"price": [1, None, 2**53 + 1], "sold": [True, None, False]}
    assert judge(
        frame,
        (TYPE, {"column": "price", "type_": "int64"}),
        (TYPE, {"column": "sold", "type_": "bool"}),
        (BETWEEN, {"column": "price", "max_value": 2**53}),
    ) == ({2: f"price: {BETWEEN}"}, None)


def test_columns_with_nulls_can_be_compared_with_each_other(judge):
    frame = {"high": [2, None, 1], "low": [1, 1, 2]}
    assert judge(frame, (GREATER, {"column_A": "high", "column_B": "low"}))[0].keys() == {1, 2}


def test_an_empty_frame_is_judged(judge):
    empty = pl.DataFrame(schema={"price": pl.Int64})
    rows_expected = ("expect_table_row_count_to_be_between", {"min_value": 1})
    assert judge(empty, (BETWEEN, {"column": "price", "min_value": 0}), rows_expected) == (
        {},
        "the batch fails: expect_table_row_count_to_be_between",
    )


def test_the_suite_sees_the_whole_batch(compiled):
    assert compiled((BETWEEN, {"column": "price", "min_value": 0})).needs_whole is True


def test_the_old_way_to_write_a_suite_is_read(compiled):
    old = [{"expectation_type": BETWEEN, "kwargs": {"column": "price", "min_value": 0}, "meta": {}}]
    [rows], _ = judge_batch(compiled(expectations=old), pl.DataFrame({"price": [1, -1]}))
    assert rows.keys() == {1}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"type": "expect_nothing_much", "kwargs": {}}, "1 of 1: expect_nothing_much: ExpectationNotFoundError"),
        ({"type": BETWEEN, "kwargs": {"column": "price", "min_val": 0, "max_value": 1}}, "min_val"),
        ({"type": BETWEEN, "kwargs": {"column": "price"}}, "cannot both be None"),
        ({"type": BETWEEN, "kwargs": {"column": "price", "min_value": {"$PARAMETER": "low"}}}, "suite parameters"),
        ({"type": BETWEEN, "kwargs": {"column": "price", "min_value": 0}, "mostly": 0.5}, "is not written as"),
        ({"kwargs": {}}, "is not written as"),
        ({"type": BETWEEN, "kwargs": []}, "is not written as"),
        ("text", "is no mapping"),
    ],
)
def test_what_the_library_would_leave_out_is_refused_at_load(compiled, entry, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        compiled(expectations=[entry])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"expectations": []}', '{"expectations": {}}'])
def test_a_file_that_is_no_suite_is_refused(tmp_path, text):
    (tmp_path / "suite.json").write_text(text)
    with pytest.raises(ValueError, match=r"suite\.json is no"):
        compile_check("great_expectations", {"suite": "suite.json"}, folder=tmp_path)


def test_an_expectation_without_a_result_is_a_crash(compiled, monkeypatch):
    judge = compiled((BETWEEN, {"column": "price", "min_value": 0})).begin()
    monkeypatch.setattr(great_expectations, "_results", lambda *_: {})
    with pytest.raises(RuntimeError, match="has no result"):
        judge.look(pl.DataFrame({"price": [1]}))


def test_the_applications_own_project_stays_current_and_no_batch_is_kept(compiled, monkeypatch):
    from great_expectations.data_context.data_context.context_factory import project_manager

    kept = []
    convert = great_expectations._converted
    monkeypatch.setattr(great_expectations, "_converted", lambda *args: kept.append(f := convert(*args)) or f)
    import great_expectations as gx

    own = gx.get_context(mode="ephemeral")
    judge_batch(compiled((BETWEEN, {"column": "price", "min_value": 0})), pl.DataFrame({"price": [1]}))
    assert project_manager.get_current_project() is own
    frame = weakref.ref(kept.pop())
    gc.collect()
    assert frame() is None


def test_passes_take_turns_for_the_library_has_one_current_project(compiled, monkeypatch):
    judge = compiled((BETWEEN, {"column": "price", "min_value": 0})).begin()
    build, locked = great_expectations._build, []

    def build_and_look(*args):
        locked.append(great_expectations._one_at_a_time.locked())
        return build(*args)

    monkeypatch.setattr(great_expectations, "_build", build_and_look)
    judge.look(pl.DataFrame({"price": [1]}))
    assert locked == [True]
    assert not great_expectations._one_at_a_time.locked()


def test_the_library_is_told_to_report_to_nobody(compiled, monkeypatch):
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    compiled((BETWEEN, {"column": "price", "min_value": 0}))
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_nothing_is_printed_while_a_suite_runs(judge, capfd):
    judge({"price": [1]}, (BETWEEN, {"column": "price", "min_value": 0}))
    assert capfd.readouterr() == ("", "")
