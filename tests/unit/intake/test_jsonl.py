"""JSON Lines: a line is a record or a broken line, and never the end of the file."""

from __future__ import annotations

import base64
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dq_gate.intake import lines as lines_module
from dq_gate.intake.jsonl import MAX_DEPTH, read_jsonl
from dq_gate.intake.records import Broken, Row, Shape

DATA = Path(__file__).parents[2] / "data"
SHAPE = Shape({"query": "str", "since": "datetime"}, {}, "query")


def items_of(data, shape=SHAPE):
    return list(read_jsonl(io.BytesIO(data), shape))


def row_of(data, shape=SHAPE):
    (row,) = items_of(data, shape)
    assert isinstance(row, Row), row
    return row


def broken_by(data):
    (broken,) = items_of(data)
    assert isinstance(broken, Broken), broken
    assert broken.data == data
    return broken.reason


def test_a_line_is_a_record_with_its_number_and_its_bytes():
    assert items_of(b'{"query": "a"}\n\n  \n{"query":"\xc3\xa9"}\r\n[1]') == [
        Row(1, {"query": "a"}, b'{"query": "a"}\n'),
        Row(4, {"query": "é"}, b'{"query":"\xc3\xa9"}\r\n'),
        Row(5, [1], b"[1]"),
    ]


def test_an_empty_file_has_no_records():
    assert items_of(b"") == []


def test_a_byte_order_mark_at_the_beginning_is_passed_over():
    assert row_of(b'\xef\xbb\xbf{"query": "a"}') == Row(1, {"query": "a"}, b'{"query": "a"}')


def test_a_byte_order_mark_elsewhere_breaks_its_line():
    _, broken = items_of(b'{}\n\xef\xbb\xbf{"query": "a"}')
    assert isinstance(broken, Broken)


def test_a_bare_string_stands_for_the_only_required_field():
    assert row_of(b'"where is my card"').value == {"query": "where is my card"}
    assert row_of(b'"text"', Shape({}, {}, None)).value == "text"


@pytest.mark.parametrize("text", ["5", "null", "true", "[]", "1.5"])
def test_other_values_are_records_of_their_own_kind(text):
    assert row_of(text.encode()).value == json.loads(text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"query": "a"', "not JSON: Expecting ',' delimiter at column 14"),
        (b"{'query': 'a'}", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        (b'{"query": "a"} {"query": "b"}', "not JSON: Extra data at column 16"),
        (b'{"query": "a\x00b"}', "not JSON: Invalid control character at at column 13"),
        (b"\x00\x00\x00\x00", "not JSON: Expecting value at column 1"),
        (b'{"query": "caf\xe9"}', "not UTF-8 at byte 14"),
        (b'{"query": "\xed\xa0\x80"}', "not UTF-8 at byte 11"),
        (b'\xff\xfe{\x00"\x00', "not UTF-8 at byte 0"),
        (b'{"x": NaN}', "not JSON: NaN and Infinity are no JSON values"),
        (b'{"x": -Infinity}', "not JSON: NaN and Infinity are no JSON values"),
        (b'{"x": 1e999}', "not JSON: a number is too large for a float"),
        (b'{"x": ' + b"1" * 5000 + b"}", "not JSON: Exceeds the limit"),
        (b"[" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        (b"[" * 100_000 + b"]" * 100_000, f"nested deeper than {MAX_DEPTH} levels"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, f"nested deeper than {MAX_DEPTH} levels"),
    ],
)
def test_what_is_no_record_says_why_without_its_content(data, reason):
    assert broken_by(data).startswith(reason)


def test_lines_after_a_broken_one_are_read():
    items = items_of(b'{"query": "a"}\n{"query": "a\n\xff\xfe\n[[[[\n{"query": "b"}\n')
    assert [type(item).__name__ for item in items] == ["Row", "Broken", "Broken", "Broken", "Row"]
    assert [item.number for item in items] == [1, 2, 3, 4, 5]


def test_a_line_that_is_too_long_is_broken_and_the_next_one_is_read(monkeypatch):
    monkeypatch.setattr(lines_module, "MAX_LINE_BYTES", 20)
    long, row = items_of(b'{"query": "' + b"a" * 100 + b'"}\n{"query": "b"}\n')
    assert (long.number, long.reason, len(long.data)) == (1, "113 bytes are too long for a line", 20)
    assert row.value == {"query": "b"}


def test_nesting_up_to_the_limit_is_read():
    assert isinstance(row_of(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH).value, list)
    assert "nested" in broken_by(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


def test_many_brackets_side_by_side_are_no_nesting():
    assert len(row_of(b"[" + b"[]," * 1000 + b"[]]").value) == 1001


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\ud83d\\ud83d"])
def test_lone_surrogates_in_escapes_are_read(escape):
    value = row_of(f'{{"query": "a{escape}"}}'.encode()).value["query"]
    assert value == json.loads(f'"a{escape}"')


def test_nul_in_an_escape_is_read():
    assert row_of(b'{"query": "a\\u0000b"}').value == {"query": "a\x00b"}


@pytest.mark.parametrize("digits", ["9223372036854775808", "18446744073709551616", "1" * 400, "-" + "9" * 30])
def test_long_whole_numbers_are_not_rounded(digits):
    value = row_of(f'{{"id": {digits}}}'.encode()).value["id"]
    assert (value, type(value)) == (int(digits), int)


def test_moments_are_parsed_where_the_pack_says_so_and_only_there():
    row = row_of(b'{"since": "2026-01-31T12:00:00Z", "query": "2026-01-31"}')
    assert row.value == {"since": datetime(2026, 1, 31, 12, tzinfo=UTC), "query": "2026-01-31"}
    assert row_of(b'{"since": "soon"}').value == {"since": "soon"}
    assert row_of(b'{"since": 5}').value == {"since": 5}


def test_names_are_mapped_to_the_packs():
    shape = Shape({"query": "str"}, {"text": "query"}, "query")
    assert row_of(b'{"text": "a", "id": 1}', shape).value == {"query": "a", "id": 1}


def test_two_names_for_one_field_break_the_line():
    shape = Shape({"query": "str"}, {"text": "query"}, "query")
    (broken,) = items_of(b'{"text": "a", "query": "b"}', shape)
    assert broken.reason == "has two names that stand for the field 'query'; map one of them elsewhere"


def test_a_broken_lines_record_and_violation_are_for_the_quarantine():
    (broken,) = items_of(b'{"query": "caf\xe9"}')
    assert broken.record == {"line": 1, "bytes": b'{"query": "caf\xe9"}'}
    violation = broken.violation
    assert (violation.rule_id, violation.field, violation.on_fail) == ("record.syntax", "*", "quarantine")
    assert violation.message == "line 1 is no record: not UTF-8 at byte 14"


def suite(must):
    """Cases of the JSON test suite that are one line."""
    with (DATA / "json_test_suite.jsonl").open(encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    texts = [base64.b64decode(case["bytes_b64"]) for case in cases if case["must"] == must]
    return [text for text in texts if b"\n" not in text and text.strip()]


@pytest.mark.parametrize(("must", "kinds"), [("accept", {Row}), ("reject", {Broken}), ("either", {Row, Broken})])
def test_the_json_test_suite_is_read_as_it_demands(must, kinds):
    assert suite(must)
    found = {text: {type(item) for item in items_of(text)} for text in suite(must)}
    assert [text for text, types in found.items() if not types <= kinds] == []
