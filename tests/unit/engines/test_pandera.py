"""Pandera schemas as rules, of both kinds: which rows fail, what fails the batch, and what never passes silently."""

from __future__ import annotations

from importlib import import_module

import polars as pl
import pytest

from dq_gate.engines.as_pandas import as_pandas
from tests.engines import compile_check, judge_batch

BOTH = pytest.mark.parametrize("kind", ["polars", "pandas"])


def compiled(kind, schema):
    return compile_check("pandera", {"schema": f"tests.user_code.{kind}_schemas:{schema}"})


def judge(kind, schema, columns):
    """Rows that failed, and what the batch failed by."""
    frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns)
    [rows], end = judge_batch(compiled(kind, schema), frame)
    return rows, end


@BOTH
def test_each_row_gets_its_own_reasons(kind):
    columns = {"name": ["ok", None, "x", "fine", "good"], "price": [1, 2, 0, 13, 400]}
    assert judge(kind, "several", columns) == (
        {
            1: "name: not_nullable",
            2: "name: str_length, price: greater_than",
            3: "price: not_equal_to",
            4: "price: less_than, price: isin",
        },
        None,
    )


@BOTH
def test_a_row_tells_three_reasons_and_counts_the_rest(kind):
    rows, _ = judge(kind, "several", {"name": ["x"], "price": [-20]})
    assert rows == {0: "name: str_length, price: greater_than, price: isin"}


@BOTH
@pytest.mark.parametrize("schema", ["offers", "OfferModel"])
def test_models_are_schemas_and_nulls_of_a_nullable_column_pass(kind, schema):
    assert judge(kind, schema, {"name": ["a", "b", "c"], "price": [1, None, 0]}) == ({2: "price: greater_than"}, None)


@BOTH
def test_a_missing_column_fails_the_batch(kind):
    assert judge(kind, "offers", {"name": ["a"]}) == ({}, "the batch fails: price: no such column")


@BOTH
def test_a_column_of_the_wrong_type_fails_the_batch_or_every_row(kind):
    rows, end = judge(kind, "strict", {"price": ["1", "2"]})
    assert end == "the batch fails: price: dtype" or rows == dict.fromkeys(range(2), "price: dtype")


@BOTH
def test_a_column_too_many_fails_the_batch_without_being_named(kind):
    assert judge(kind, "strict", {"price": [1], "secret": [1]}) == ({}, "the batch fails: column_in_schema")


@BOTH
@pytest.mark.parametrize("schema", ["average", "scalar"])
def test_an_aggregate_fails_the_batch(kind, schema):
    rows, end = judge(kind, schema, {"price": [1, 1]})
    assert rows == {}
    assert end.startswith("the batch fails: price: ")
    assert judge(kind, schema, {"price": [9, 9]}) == ({}, None)


@BOTH
def test_duplicates_fail_as_rows(kind):
    assert judge(kind, "unique", {"name": ["a", "b", "a"]})[0] == dict.fromkeys((0, 2), "name: field_uniqueness")
    rows, end = judge(kind, "unique_together", {"name": ["a", "a", "a"], "price": [1, 1, 2]})
    assert rows == dict.fromkeys((0, 1), "multiple_fields_uniqueness")
    assert end is None


@BOTH
def test_nulls_are_duplicates_of_each_other(kind):
    columns = {"name": [None, None, "b", "b", "c"], "price": [None, None, 1, 1, 1]}
    assert judge(kind, "unique_nullable", columns)[0].keys() == {0, 1, 2, 3}
    assert judge(kind, "unique_together_nullable", columns)[0].keys() == {0, 1, 2, 3}


@BOTH
def test_several_sets_of_unique_columns_fail_the_batch_for_pandera_tells_rows_of_one_only(kind):
    columns = {"name": ["a", "a", "b", "c"], "price": [1, 2, 3, 3]}
    assert judge(kind, "unique_twice", columns) == ({}, "the batch fails: multiple_fields_uniqueness")


@BOTH
def test_duplicates_in_columns_named_by_a_pattern_fail_someone(kind):
    columns = {"price_a": [None, None, 1.5, 1.5], "price_b": [1.5, 2.5, 3.5, 3.5]}
    rows, end = judge(kind, "pattern_unique", pl.DataFrame(columns))
    assert end or rows.keys() == {0, 1, 2, 3}


@BOTH
def test_unique_columns_that_are_not_there_fail_the_batch(kind):
    assert judge(kind, "unique_unknown", {"name": ["a", "a"]})[1] == "the batch fails: code: no such column"


@BOTH
def test_checks_of_the_users_own_fail_rows(kind):
    assert judge(kind, "own_rows", {"price": [1, 0, 3]})[0].keys() == {1}
    assert judge(kind, "between_columns", {"price": [1, 5, 3], "limit": [2, 2, 3]})[0].keys() == {1, 2}


def test_a_check_that_relabels_rows_fails_the_batch():
    assert judge("pandas", "relabelled", {"price": [1, 0]}) == ({}, "the batch fails: price: <lambda>")


@BOTH
def test_passes_share_no_schema_for_pandera_writes_into_it(kind):
    rule = compiled(kind, "pattern")
    assert rule.begin()._schema is not rule.begin()._schema


@BOTH
def test_a_check_that_raises_is_a_crash_that_tells_nothing_of_the_input(kind):
    with pytest.raises(RuntimeError, match=r"^name: _crash raised$"):
        judge(kind, "crashing", {"name": ["a"]})


@BOTH
@pytest.mark.parametrize("schema", ["dropping", "dropping_column"])
def test_a_schema_that_drops_rows_fails_them_instead(kind, schema):
    assert judge(kind, schema, {"name": ["a", "b"], "price": [1, 0]})[0] == {1: "price: greater_than"}


@BOTH
def test_a_schema_that_drops_rows_hides_no_missing_column_and_no_wrong_type(kind):
    assert judge(kind, "dropping", {"name": ["a"]})[1] == "the batch fails: price: no such column"
    rows, end = judge(kind, "dropping", {"name": ["a"], "price": [0.5]})
    assert "price: dtype" in (end or rows[0])


@BOTH
def test_a_schema_that_adds_columns_fails_where_they_are_missing(kind):
    assert judge(kind, "adding", {"price": [1]})[1] == "the batch fails: name: no such column"


@BOTH
def test_a_schema_that_converts_judges_what_it_converts(kind):
    frame = pl.DataFrame({"price": ["1", "0"]})
    assert judge(kind, "coercing", frame) == ({1: "price: greater_than"}, None)
    assert frame["price"].to_list() == ["1", "0"]


@BOTH
def test_values_that_cannot_be_converted_fail_the_batch_and_are_not_told(kind):
    rows, end = judge(kind, "coercing", {"price": ["1", "SECRET"]})
    assert "price: greater_than" in end
    assert "SECRET" not in str((rows, end))


@BOTH
def test_a_check_that_fails_on_a_wrong_type_fails_the_batch_and_is_no_crash(kind):
    assert "price: greater_than" in judge(kind, "offers", {"name": ["a"], "price": ["1"]})[1]


@BOTH
def test_a_check_that_reports_few_cases_still_fails_every_row(kind):
    assert judge(kind, "few_cases", {"price": [0, 1, -1, 0]})[0].keys() == {0, 2, 3}


@BOTH
def test_columns_named_by_a_pattern_are_judged_and_not_named(kind):
    rows, _ = judge(kind, "pattern", {"price_b": [0, 1, 1], "price_secret": [1, 0, 1]})
    assert rows.keys() == {0, 1}
    assert all("greater_than" in reasons and "secret" not in reasons for reasons in rows.values())
    assert "no_regex_column_match" in judge(kind, "pattern", {"x": [1]})[1]


@BOTH
def test_an_empty_frame_is_judged(kind):
    empty = pl.DataFrame(schema={"name": pl.String, "price": pl.Int64})
    assert judge(kind, "several", empty) == ({}, None)
    assert judge(kind, "several", empty.drop("price"))[1] == "the batch fails: price: no such column"


@BOTH
def test_parts_of_a_batch_are_judged_by_their_own_row_numbers(kind):
    frame = pl.DataFrame({"name": ["a", "b"], "price": [1, 0]})
    rows, end = judge_batch(compiled(kind, "offers"), frame, frame.reverse())
    assert rows == [{1: "price: greater_than"}, {0: "price: greater_than"}]
    assert end is None


@BOTH
@pytest.mark.parametrize(
    ("schema", "needs_whole"),
    [
        ("offers", False),
        ("several", False),
        ("own_rows", False),
        ("unique", True),
        ("unique_together", True),
        ("average", True),
        ("named_as_builtin", True),
        ("between_columns", True),
    ],
)
def test_a_schema_says_whether_it_must_see_the_whole_batch(kind, schema, needs_whole):
    assert compiled(kind, schema).needs_whole is needs_whole


def test_a_check_by_groups_needs_the_whole_batch():
    assert compiled("pandas", "in_groups").needs_whole is True


@BOTH
def test_the_users_schema_is_not_changed(kind):
    schema = import_module(f"tests.user_code.{kind}_schemas").dropping
    judge(kind, "dropping", {"name": ["a"], "price": [0]})
    assert schema.drop_invalid_rows is True


@pytest.mark.parametrize(
    ("kind", "schema", "reason"),
    [
        ("polars", "warning_only", "never fails"),
        ("pandas", "warning_only", "never fails"),
        ("pandas", "parsing", "parsers change rows"),
        ("pandas", "parsing_column", "parsers change rows"),
        ("pandas", "indexed", "make the index a column"),
        ("polars", "no_schema", "is no DataFrameSchema"),
        ("polars", "missing", "has no attribute"),
    ],
)
def test_schemas_that_would_let_rows_pass_are_refused_at_load(kind, schema, reason):
    with pytest.raises(ValueError, match=reason):
        compiled(kind, schema)


def test_pandas_types_that_polars_does_not_tell_apart_are_no_failure():
    frame = pl.DataFrame(
        {
            "whole": [1, None],
            "small": pl.Series([1, 2], dtype=pl.Int32),
            "flag": [True, None],
            "text": ["a", "b"],
            "at": pl.Series([0, 1]).cast(pl.Datetime("us")),
        }
    )
    rows, end = judge("pandas", "types", frame)
    assert rows == {1: "whole: not_nullable, flag: not_nullable"}
    assert end is None


def test_a_narrower_int_and_mixed_values_are_still_of_the_wrong_type():
    assert judge("pandas", "wide", {"small": pl.Series([1], dtype=pl.Int32)})[1] == "the batch fails: small: dtype"
    mixed = pl.DataFrame({"text": pl.Series(["a", 1], dtype=pl.Object)})
    rows, end = judge("pandas", "text", mixed)
    assert rows or end


def test_large_whole_numbers_beside_nulls_keep_every_digit():
    price = [2**53 + 1, None]
    frame = pl.DataFrame({"price": price})
    assert as_pandas(frame)["price"].tolist()[0] == 2**53 + 1
    assert as_pandas(frame, as_objects={"price"})["price"].tolist() == price


@BOTH
@pytest.mark.parametrize("off", [{"validation_enabled": False}, {"validation_depth": "SCHEMA_ONLY"}])
def test_nothing_in_the_environment_switches_validation_off(kind, off):
    from pandera.config import config_context

    with config_context(**off):  # what PANDERA_VALIDATION_ENABLED and PANDERA_VALIDATION_DEPTH set at import
        assert judge(kind, "offers", {"name": ["a", "b"], "price": [1, 0]})[0] == {1: "price: greater_than"}


def test_another_backend_of_panderas_is_refused(monkeypatch):
    from pandera.config import get_config_global

    monkeypatch.setattr(get_config_global(), "use_narwhals_backend", True)
    with pytest.raises(ValueError, match="PANDERA_USE_NARWHALS_BACKEND"):
        compiled("polars", "offers")


POLARS_YAML = """
schema_type: polars_dataframe
api: polars
columns:
  name: {dtype: String}
  price:
    dtype: Int64
    checks:
    - {value: 0, options: {check_name: greater_than}}
"""
PANDAS_YAML = """
schema_type: dataframe
columns:
  name: {dtype: str}
  price: {dtype: int64, greater_than: 0}
"""


def judge_yaml(tmp_path, text, columns):
    (tmp_path / "schema.yaml").write_text(text)
    compiled = compile_check("pandera", {"schema": "schema.yaml"}, folder=tmp_path)
    [rows], end = judge_batch(compiled, pl.DataFrame(columns))
    return rows, end


@pytest.mark.parametrize("text", [POLARS_YAML, PANDAS_YAML])
def test_a_schema_in_yaml_judges_as_one_in_code(tmp_path, text):
    columns = {"name": ["a", "b"], "price": [1, 0]}
    assert judge_yaml(tmp_path, text, columns) == ({1: "price: greater_than"}, None)


@BOTH
def test_what_pandera_writes_is_read_back(tmp_path, kind):
    schema = import_module(f"tests.user_code.{kind}_schemas").several
    columns = {"name": ["ok", "x"], "price": [1, 0]}
    assert judge_yaml(tmp_path, schema.to_yaml(), columns) == judge(kind, "several", columns)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("columns: {price: {dtype: int64, greater_then: 0}}", "greater_then"),
        ("columns: {price: {dtype: int64}}\nstrickt: true", "leave out: strickt"),
        ("columns: {price: {dtype: int64, checks: [{value: 0, options: {check_name: greater_then}}]}}", "greater_then"),
        ("columns: {price: {dtype: int64, greater_than: 0, greater_than: -9}}", "'greater_than' stands twice"),
        ("columns: {price: {dtype: int64}}\ncolumns: {}", "'columns' stands twice"),
        ("- a list", "is no schema that pandera can read"),
        ("", "is no schema that pandera can read"),
        ("{", "is no schema that pandera can read"),
        ("columns: {price: {dtype: nonsense}}", "is no schema that pandera can read"),
    ],
)
def test_yaml_that_pandera_would_read_only_in_part_is_refused(tmp_path, text, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        judge_yaml(tmp_path, text, {"price": [1]})
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"missing\.yaml: cannot be read"):
        compile_check("pandera", {"schema": "missing.yaml"}, folder=tmp_path)
