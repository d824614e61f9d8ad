"""How a file's text becomes values of the pack's types, and names become the pack's names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dq_gate.intake.records import ClashingNamesError, Row, Shape, parse_cell


@pytest.mark.parametrize(
    "type_name", ["str", "int", "float", "bool", "datetime", "list[str]", "vector", "object", "any"]
)
def test_an_empty_cell_is_null(type_name):
    assert parse_cell("", type_name) is None


@pytest.mark.parametrize(
    ("cell", "type_name", "value"),
    [
        ("5", "int", 5), ("-5", "int", -5), ("+5", "int", 5), ("0" * 30 + "7", "int", 7),
        ("1" * 4000, "int", int("1" * 4000)),
        ("5", "float", 5.0), (".5", "float", 0.5), ("5.", "float", 5.0), ("-1.5e3", "float", -1500.0),
        ("true", "bool", True), ("FALSE", "bool", False),
        ("2026-01-31T12:00:00Z", "datetime", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ('["a", "b"]', "list[str]", ["a", "b"]), ("[1, 2.5]", "vector", [1, 2.5]), ('{"a": 1}', "object", {"a": 1}),
        ("5", "str", "5"), ("5", "any", "5"), (" ", "str", " "),
    ],
)  # fmt: skip
def test_a_cell_is_parsed_by_its_declared_type(cell, type_name, value):
    parsed = parse_cell(cell, type_name)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("cell", "type_name"),
    [
        ("5.0", "int"), (" 5", "int"), ("5 ", "int"), ("1_000", "int"), ("٣", "int"), ("1" * 5000, "int"),
        ("0x10", "int"),
        ("five", "float"), ("nan", "float"), ("inf", "float"), ("1,5", "float"), ("1e99999", "float"), ("5\n", "float"),
        ("yes", "bool"), ("1", "bool"), ("soon", "datetime"), ("2026-13-01", "datetime"), ("[1", "vector"),
        ("a,b", "list[str]"), ("[" * 100_000, "object"),
    ],
)  # fmt: skip
def test_a_cell_that_does_not_parse_stays_text(cell, type_name):
    assert parse_cell(cell, type_name) == cell


def test_names_go_to_the_packs_and_back():
    shape = Shape({}, {"text": "query", "n": "top_k"}, None)
    record = shape.from_json({"text": "a", "n": 1, "other": 2})
    assert record == {"query": "a", "top_k": 1, "other": 2}
    assert shape.back(record) == {"text": "a", "n": 1, "other": 2}


def test_names_that_clash_are_refused():
    shape = Shape({}, {"text": "query", "question": "query"}, None)
    assert shape.from_json({"text": "a"}) == {"query": "a"}
    with pytest.raises(ClashingNamesError):
        shape.from_json({"text": "a", "question": "b"})


def test_a_record_that_needs_no_change_is_parsed_as_it_is():
    assert Shape({}, {}, None).from_json({"a": {"b": [1]}}) == {"a": {"b": [1]}}


@pytest.mark.parametrize(("source", "end"), [(b"a\r\n", b"\r\n"), (b"a\n", b"\n"), (b"a", b"\n"), (b"a\r", b"\n")])
def test_a_row_knows_what_ends_it(source, end):
    assert Row(1, {}, source).end == end
