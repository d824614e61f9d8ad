"""Files are opened by name, and what passed is written as it stood, or not at all."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from datetime import UTC, datetime

import pytest

from dq_gate.errors import UnreadableInputError
from dq_gate.intake.files import PendingFile, Writer, format_of, open_input, read_records, to_cell, to_json
from dq_gate.intake.records import Row, Shape

SHAPE = Shape({"query": "str", "top_k": "int", "since": "datetime"}, {}, "query")


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def rewritten(data, file_format, change=lambda value: value, shape=SHAPE):
    """A file read and written again, every record changed on the way."""
    records = read_records(io.BytesIO(data), file_format, shape)
    out = io.BytesIO()
    writer = Writer(out, shape, header=records.header)
    for item in records.items:
        if isinstance(item, Row):
            writer.write(item, change(item.value))
    return out.getvalue()


def mended(value):
    return value | {"query": value["query"].replace("Ã©", "é")}


# Formats


@pytest.mark.parametrize(
    ("name", "file_format"),
    [
        ("-", "jsonl"),
        ("a.jsonl", "jsonl"),
        ("a.JSON", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("dir.x/a.csv", "csv"),
        ("A.CSV", "csv"),
    ],
)
def test_the_ending_tells_the_format(name, file_format):
    assert format_of(name) == file_format


@pytest.mark.parametrize("name", ["a.orc", "a", "csv", "a.csv.gz", ""])
def test_an_ending_that_tells_nothing_is_an_error_with_the_way_out(name):
    with pytest.raises(UnreadableInputError, match="--input-format jsonl, csv or parquet"):
        format_of(name)


# Opening


def test_a_file_is_opened_and_closed(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"{}\n")
    with open_input(str(path)) as stream:
        assert stream.read() == b"{}\n"
    assert stream.closed


def test_a_dash_is_standard_input_which_stays_open(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}\n")))
    with open_input("-") as stream:
        assert stream.read() == b"{}\n"
    assert not stream.closed


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.csv", "No such file"), (".", "Is a directory"), ("a\0b", "null byte")]
)
def test_what_cannot_be_opened_is_an_error_in_one_line(tmp_path, monkeypatch, name, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableInputError, match=reason) as caught, open_input(name):
        pass
    assert str(caught.value).startswith(f"{name}: ")


# Writing what passed

JSONL = b'{"query": "a",  "x": 1e2}\n"bare \\u00e9"\r\n{"query":"\\ud800","id":18446744073709551616}\n[1, 2]\n{}'
CSV = b'\xef\xbb\xbf"query",top_k\r\n"a",007\r\n"two\r\nlines",\r\n5" pipe,+1\n"c" ,"x"\n d ,1.0'


def test_untouched_json_lines_are_written_byte_for_byte():
    assert rewritten(JSONL, "jsonl") == JSONL + b"\n"


def test_untouched_csv_rows_are_written_byte_for_byte():
    assert rewritten(CSV, "csv") == CSV.replace(b'"c" ,"x"\n', b"") + b"\n"


def test_a_csv_header_is_written_when_no_row_passed():
    assert rewritten(b"query,top_k\nonly one cell\n", "csv") == b"query,top_k\n"
    assert rewritten(b"query,top_k", "csv") == b"query,top_k\n"


def test_nothing_comes_of_nothing():
    assert rewritten(b"", "csv") == b""
    assert rewritten(b"", "jsonl") == b""


def test_a_changed_json_record_is_written_anew_under_the_files_names():
    shape = Shape({}, {"text": "query"}, "query")
    data = b'{"id": 12345678901234567890123, "text": "caf\xc3\x83\xc2\xa9", "lone": "\\ud800"}\r\n'
    line = rewritten(data, "jsonl", mended, shape)
    assert line.endswith(b"}\r\n")
    assert json.loads(line) == {"id": 12345678901234567890123, "text": "café", "lone": "\ud800"}


def test_a_changed_bare_string_stays_a_bare_string():
    assert rewritten('"cafÃ©"\n'.encode(), "jsonl", mended) == '"café"\n'.encode()


def test_a_changed_csv_row_keeps_the_cells_that_did_not_change():
    data = 'query,top_k,since\n"cafÃ©",007,2026-01-31\r\n'.encode()
    assert rewritten(data, "csv", mended) == "query,top_k,since\ncafé,007,2026-01-31\r\n".encode()


def test_a_changed_csv_row_is_written_under_the_files_names():
    shape = Shape({}, {"text": "query"}, "query")
    data = "text,n\ncafÃ©,1\n".encode()
    assert rewritten(data, "csv", mended, shape) == "text,n\ncafé,1\n".encode()


def test_a_default_fills_its_cell_and_adds_no_column():
    filled = rewritten(b"query,top_k\na,\n", "csv", lambda value: value | {"top_k": 10, "tenant": "acme"})
    assert filled == b"query,top_k\na,10\n"
    assert json.loads(rewritten(b'{"query": "a"}', "jsonl", lambda value: value | {"top_k": 10})) == {
        "query": "a",
        "top_k": 10,
    }


def test_cells_are_quoted_where_they_need_it():
    data = b"query,top_k\na,1\n"
    written = rewritten(data, "csv", lambda value: value | {"query": 'two\nlines, "quoted"'})
    assert written == b'query,top_k\n"two\nlines, ""quoted""",1\n'


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""), (True, "true"), (5, "5"), (1.5, "1.5"), ("a", "a"), (["a"], '["a"]'), ({"a": 1}, '{"a":1}'),
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00+00:00"),
    ],
)  # fmt: skip
def test_values_have_a_form_as_cells(value, cell):
    assert to_cell(value) == cell


@pytest.mark.parametrize("value", [{"a": "\ud800"}, {"n": 1 << 100}, {"set": {1}}, [[[]]], {"b": b"\xff"}])
def test_any_value_is_one_json_line(value):
    line = to_json(value)
    assert b"\n" not in line
    json.loads(line)


# A file that appears when it is whole


def test_a_file_has_its_name_only_once_it_is_kept(tmp_path):
    path = tmp_path / "clean.jsonl"
    path.write_bytes(b"before")
    pending = PendingFile(path)
    pending.stream.write(b"after")
    assert path.read_bytes() == b"before"
    pending.keep()
    assert path.read_bytes() == b"after"
    pending.drop()
    assert names_in(tmp_path) == ["clean.jsonl"]


def test_a_file_that_is_dropped_leaves_nothing(tmp_path):
    pending = PendingFile(tmp_path / "clean.jsonl")
    pending.stream.write(b"half")
    pending.drop()
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", [".", "missing/clean.jsonl", "x" * 300])
def test_a_name_that_cannot_be_written_is_an_error_at_once(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableInputError):
        PendingFile(tmp_path / name)


def test_what_is_no_file_is_not_replaced_by_one(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableInputError, match="is no regular file"):
        PendingFile(tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_full_disk_is_an_error_and_the_file_does_not_appear(tmp_path, monkeypatch):
    def full(_fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pending = PendingFile(tmp_path / "clean.jsonl")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnreadableInputError, match="cannot be written: No space left"):
        pending.keep()
    pending.drop()
    assert names_in(tmp_path) == []
