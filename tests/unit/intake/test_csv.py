"""CSV: a row that does not read costs itself, never the rows after it."""

from __future__ import annotations

import csv
import io

import pytest

from dq_gate.errors import UnreadableInputError
from dq_gate.intake import csv as csv_module
from dq_gate.intake import lines as lines_module
from dq_gate.intake.csv import read_csv
from dq_gate.intake.records import Broken, Row, Shape

SHAPE = Shape({"query": "str", "top_k": "int"}, {}, "query")


def items_of(data, shape=SHAPE):
    return list(read_csv(io.BytesIO(data), shape).items)


def values_of(data, shape=SHAPE):
    """The records, and for what is none its line and reason."""
    return [item.value if isinstance(item, Row) else (item.number, item.reason) for item in items_of(data, shape)]


def test_a_row_is_a_record_with_its_line_its_bytes_and_its_cells():
    assert items_of(b'query,top_k\n"a, b",5\r\nc,\n') == [
        Row(2, {"query": "a, b", "top_k": 5}, b'"a, b",5\r\n', {"query": "a, b", "top_k": "5"}),
        Row(3, {"query": "c", "top_k": None}, b"c,\n", {"query": "c", "top_k": ""}),
    ]


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\n"])
def test_an_empty_file_has_neither_header_nor_rows(data):
    records = read_csv(io.BytesIO(data), SHAPE)
    assert (records.header, list(records.items)) == (b"", [])


@pytest.mark.parametrize("data", [b"query,top_k", b"query,top_k\n", b"\nquery,top_k\n\n"])
def test_a_header_alone_has_no_rows(data):
    records = read_csv(io.BytesIO(data), SHAPE)
    assert records.header.strip() == b"query,top_k"
    assert list(records.items) == []


def test_the_header_is_kept_as_it_stands():
    records = read_csv(io.BytesIO(b'\xef\xbb\xbf"query",top_k\r\na,1\n'), SHAPE)
    assert records.header == b'\xef\xbb\xbf"query",top_k\r\n'
    assert next(records.items).value == {"query": "a", "top_k": 1}


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"query,top_k,query\n", "the header names the column 'query' twice"),
        (b"query,,\n", "the header names the column '' twice"),
        (b"qu\xe9ry\n", "the header is no UTF-8 CSV row"),
        (b'"query,top_k\na,1\n', "the header is no UTF-8 CSV row"),
        (b'"query"x,top_k\n', "the header is no UTF-8 CSV row"),
    ],
)
def test_a_header_that_cannot_be_used_ends_the_reading_at_once(header, reason):
    with pytest.raises(UnreadableInputError, match=reason):
        read_csv(io.BytesIO(header), SHAPE)


def test_two_columns_for_one_field_are_refused():
    with pytest.raises(UnreadableInputError, match="the header has two names that stand for the field 'query'"):
        read_csv(io.BytesIO(b"text,query\na,b\n"), Shape({}, {"text": "query"}, None))


def test_columns_are_mapped_to_the_packs_fields():
    shape = Shape({"top_k": "int"}, {"text": "query", "k": "top_k"}, None)
    (row,) = items_of(b"text,k\na,5\n", shape)
    assert row.value == {"query": "a", "top_k": 5}
    assert row.cells == {"text": "a", "k": "5"}


def test_empty_lines_are_passed_over_and_lines_of_blanks_are_not():
    assert values_of(b"query\n\na\n\r\n   \n", Shape({}, {}, None)) == [{"query": "a"}, {"query": "   "}]


def test_a_quoted_cell_may_hold_line_ends_as_they_are():
    data = b'query,top_k\n"one\ntwo\r\nthree",1\nnext,2\n'
    assert values_of(data) == [{"query": "one\ntwo\r\nthree", "top_k": 1}, {"query": "next", "top_k": 2}]
    assert [item.number for item in items_of(data)] == [2, 5]


def test_doubled_quotes_are_one():
    assert values_of(b'query,top_k\n"say ""hi""",1\n') == [{"query": 'say "hi"', "top_k": 1}]


@pytest.mark.parametrize(("row", "count"), [(b"a", 1), (b"a,1,x", 3), (b'"a\nb",1,x', 3)])
def test_a_row_of_the_wrong_length_is_broken_as_a_whole(row, count):
    broken, after = items_of(b"query,top_k\n" + row + b"\nnext,2\n")
    assert broken == Broken(2, row, f"{count} cells where the header has 2")
    assert after.value == {"query": "next", "top_k": 2}


def test_a_quote_that_is_never_closed_costs_its_own_row():
    data = b'query,top_k\n"open,1\nsecond,2\n"third",3\nfourth,4\n'
    assert values_of(data) == [
        (2, "a quote is never closed"),
        {"query": "second", "top_k": 2},
        {"query": "third", "top_k": 3},
        {"query": "fourth", "top_k": 4},
    ]


def test_a_stray_quote_inside_a_cell_is_a_quote():
    data = b'query,top_k\n5" pipe,1\n6" pipe,2\nthird,3\n'
    assert values_of(data) == [
        {"query": '5" pipe', "top_k": 1},
        {"query": '6" pipe', "top_k": 2},
        {"query": "third", "top_k": 3},
    ]


def test_every_row_may_have_an_open_quote():
    data = b"query,top_k\n" + b"".join(b'"open %d,1\nplain %d,2\n' % (n, n) for n in range(500))
    found = values_of(data)
    assert len(found) == 1000
    assert [value["query"] for value in found if isinstance(value, dict)] == [f"plain {n}" for n in range(500)]


def test_a_quote_stays_open_for_so_many_lines_and_no_more(monkeypatch):
    monkeypatch.setattr(csv_module, "MAX_LINES_PER_ROW", 3)
    assert len(values_of(b'query,top_k\n"1\n2\n3",5\n')) == 1
    assert values_of(b'query,top_k\n"1\n2\n3\n4",5\n')[0] == (2, "a quote is never closed")


def test_text_after_a_closing_quote_breaks_the_row():
    assert values_of(b'query,top_k\n"a"b,1\nc,2\n') == [(2, "',' expected after '\"'"), {"query": "c", "top_k": 2}]


def test_bytes_that_are_no_utf_8_cost_their_own_row():
    data = b'query,top_k\ncaf\xe9,1\n"two\nl\xffnes",2\nnext,3\n\xed\xa0\x80,4\n'
    assert values_of(data) == [
        (2, "not UTF-8 at byte 3"),
        (3, "not UTF-8 at byte 6"),
        {"query": "next", "top_k": 3},
        (6, "not UTF-8 at byte 0"),
    ]


def test_bytes_that_are_no_utf_8_hide_no_row_behind_an_open_quote():
    assert values_of(b'query,top_k\n"open,1\ncaf\xe9,2\nnext,3\n') == [
        (2, "a quote is never closed"),
        (3, "not UTF-8 at byte 3"),
        {"query": "next", "top_k": 3},
    ]


def test_nul_is_a_character_like_any_other():
    assert values_of(b"query,top_k\na\x00b,1\n") == [{"query": "a\x00b", "top_k": 1}]


def test_a_line_that_is_too_long_costs_its_own_row(monkeypatch):
    monkeypatch.setattr(lines_module, "MAX_LINE_BYTES", 20)
    monkeypatch.setattr(csv_module, "MAX_LINE_BYTES", 20)
    data = b"query,top_k\n" + b"a" * 100 + b",1\nnext,2\n" + b'"' + b"b" * 100 + b",3\nlast,4\n"
    assert values_of(data) == [
        (2, "102 bytes are too long for a line"),
        {"query": "next", "top_k": 2},
        (4, "103 bytes are too long for a line"),
        {"query": "last", "top_k": 4},
    ]


def test_text_that_does_not_parse_stays_text_and_is_judged_so():
    assert values_of(b"query,top_k\na,many\n") == [{"query": "a", "top_k": "many"}]


def test_what_pythons_own_writer_writes_comes_back():
    cells = ["plain", "a,b", 'say "hi"', "two\nlines", "two\r\nlines", " padded ", "'", '"', "\u2028", "é😀"]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([["query", "top_k"], *([cell, "1"] for cell in cells)])
    assert [value["query"] for value in values_of(text.getvalue().encode())] == cells
