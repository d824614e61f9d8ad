"""`foreign_key`: values that must stand in a file or in another column."""

from __future__ import annotations

import io

import polars as pl
import pytest
from pydantic import ValidationError

from dq_gate.checks.base import Compiled
from tests.batches import compiled, failing_rows, judge


def parquet(**columns):
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


FILES = {
    "ids.txt": "\ufeffa\n\nb c\r\né\n".encode(),
    "ids.csv": b'name,id\n"x, y",a\nz,b c\n,\nq,"\xc3\xa9"\n',
    "ids.jsonl": '{"id": "a"}\n{"id": "b c", "name": null}\n{"name": "x"}\n\n{"id": "é"}\n'.encode(),
    "ids.parquet": parquet(id=["a", "b c", None, "é"]),
    "numbers.txt": b"1\n20\n9223372036854775808\n-9223372036854775809\n",
    "numbers.csv": b"n\n1\n20\n",
    "numbers.jsonl": b'{"n": 1}\n{"n": 20}\n',
    "numbers.parquet": parquet(n=[1, 20]),
    "mixed.jsonl": b'{"n": 1}\n{"n": "a"}\n',
    "booleans.jsonl": b'{"n": true}\n',
    "broken.jsonl": b'{"n": 1',
    "broken.csv": b'n\n"a',
    "broken.parquet": b"PAR1",
    "latin.txt": b"caf\xe9\n",
    "empty.txt": b"\n",
}


def against_file(name, field_type="str", column=None):
    options = {"file": name} if column is None else {"file": name, "column": column}
    return compiled("foreign_key", options, field="v", fields={"v": field_type}, files=FILES)


@pytest.mark.parametrize(
    ("name", "column"), [("ids.txt", None), ("ids.csv", "id"), ("ids.jsonl", "id"), ("ids.parquet", "id")]
)
def test_every_format_gives_the_values_of_its_column(name, column):
    rule = against_file(name, column=column)
    assert [rule.judge(value) is None for value in ("a", "b c", "é", "x", "", "A", "id")] == [True] * 3 + [False] * 4
    assert rule.judge("x").message == f"is none of the 3 values of {name}"


@pytest.mark.parametrize(("name", "column"), [("numbers.csv", "n"), ("numbers.jsonl", "n"), ("numbers.parquet", "n")])
def test_numbers_are_read_as_the_field_has_them(name, column):
    rule = against_file(name, "int", column)
    assert [rule.judge(value) is None for value in (1, 20, 2)] == [True, True, False]


def test_a_text_field_may_refer_to_cells_that_look_like_numbers():
    assert against_file("numbers.csv", "str", "n").judge("20") is None


def test_both_planes_find_the_same_values():
    rule = against_file("numbers.txt", "int")
    assert isinstance(rule, Compiled)
    frame = pl.DataFrame({"v": [1, 2, 20, -1, None]})
    assert frame.select(rule.suspects(pl.col("v")).fill_null(value=False))["v"].to_list() == [0, 1, 0, 1, 0]
    assert rule.judge(2**63) is None


def test_items_of_a_list_refer_one_by_one():
    assert against_file("ids.txt", "list[str]").judge("a") is None


@pytest.mark.parametrize(
    ("name", "field_type", "column", "reason"),
    [
        ("missing.txt", "str", None, "missing.txt: cannot be read"),
        ("ids.csv", "str", "ID", "has no column 'ID'"),
        ("ids.jsonl", "str", "ID", "has no column 'ID'"),
        ("ids.parquet", "str", "ID", "has no column 'ID'"),
        ("ids.txt", "int", None, "a value is no int"),
        ("mixed.jsonl", "str", "n", "a value is no str"),
        ("booleans.jsonl", "int", "n", "a value is no int"),
        ("broken.jsonl", "int", "n", "cannot be read"),
        ("broken.csv", "str", "n", "cannot be read"),
        ("broken.parquet", "str", "n", "no Parquet file"),
        ("latin.txt", "str", None, "cannot be read"),
        ("empty.txt", "str", None, "holds no value"),
    ],
)
def test_a_file_that_does_not_serve_is_refused_with_the_reason(name, field_type, column, reason):
    with pytest.raises(ValueError, match=reason):
        against_file(name, field_type, column)


@pytest.mark.parametrize(
    "options", [{}, {"file": "ids.xlsx", "column": "id"}, {"file": "ids.csv"}, {"file": "ids.txt", "column": "id"}]
)
def test_options_that_name_no_place_are_refused(options):
    with pytest.raises(ValidationError):
        compiled("foreign_key", options, field="v", fields={"v": "str"})


def against_column(frame, field_type="str"):
    rule = compiled("foreign_key", {"column": "id"}, field="parent", fields={"parent": field_type, "id": field_type})
    return failing_rows(rule, pl.DataFrame(frame))


def test_a_value_may_stand_in_any_row_of_the_batch():
    assert against_column({"id": ["a", "b", "c"], "parent": ["c", "d", None]}) == [1]


def test_a_batch_is_only_judged_as_a_whole():
    fields = {"parent": "str", "id": "str"}
    assert compiled("foreign_key", {"column": "id"}, field="parent", fields=fields).needs_whole


def test_nulls_refer_to_nothing_and_nothing_refers_to_nulls():
    assert against_column({"id": [None, "a"], "parent": [None, "a"]}) == []


def test_numbers_refer_by_value_whatever_their_column():
    frame = {"id": pl.Series([1, 2], dtype=pl.UInt8), "parent": pl.Series([2, 3], dtype=pl.Object)}
    assert against_column(frame, "int") == [1]


def test_without_the_other_column_no_value_has_its_place():
    assert against_column({"parent": ["a"]}) == [0]


def test_the_finding_names_the_column_and_no_value():
    rule = compiled("foreign_key", {"column": "id"}, field="parent", fields={"parent": "str", "id": "str"})
    rows, batch = judge(rule, pl.DataFrame({"parent": ["secret"], "id": ["a"]}))
    assert (rows[0].message, batch) == ("is no value of the column id", None)


@pytest.mark.parametrize(
    ("column", "reason"),
    [("parent", "always has its own"), ("ids", "unknown field"), ("page", "page is of type int"), ("tags", "of type")],
)
def test_a_column_that_does_not_fit_is_refused(column, reason):
    fields = {"parent": "str", "id": "str", "page": "int", "tags": "list[str]"}
    with pytest.raises(ValueError, match=reason):
        compiled("foreign_key", {"column": column}, field="parent", fields=fields)
