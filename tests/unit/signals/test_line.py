"""A line is one line, whatever its fields hold."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest

from dq_gate.signals.line import MAX_LINE_BYTES, to_line


def parsed(fields):
    line = to_line(fields)
    assert line.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in line[:-1])
    assert len(line) < MAX_LINE_BYTES
    return orjson.loads(line)


def test_plain_fields_are_written_as_orjson_writes_them():
    fields = {"event": "dq_gate.store.local", "rules": ("a.b",), "count": 1, "nothing": None}
    assert to_line(fields) == orjson.dumps(fields) + b"\n"


@pytest.mark.parametrize("microsecond", [0, 123456])
@pytest.mark.parametrize("other", ["plain", "é"])
def test_a_moment_is_rfc_3339_in_utc_however_it_is_written(microsecond, other):
    moment = datetime(2026, 1, 31, 12, 0, 0, microsecond, tzinfo=UTC)
    text = parsed({"timestamp": moment, "other": other})["timestamp"]
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == moment


@pytest.mark.parametrize(
    "text",
    ["a\nb", "a\r\nb", "\x00\x1b[31m", "\x7f", "\x85\x9b", "\u2028\u2029", "\u202e", "é", "\U0001f600", '"}\n{"'],
)
def test_no_character_ends_a_line_or_is_obeyed_by_a_terminal(text):
    assert parsed({"reason": text, text: [text, {"a": text}]}) == {"reason": text, text: [text, {"a": text}]}


def test_a_lone_surrogate_is_replaced():
    assert parsed({"reason": "a\ud800b", "\udfff": 1}) == {"reason": "a?b", "?": 1}


def test_numbers_that_json_has_not_are_null_and_large_ones_stay():
    line = to_line({"é": 0, "nan": math.nan, "infinity": [-math.inf], "large": 2**70})
    assert json.loads(line) == {"é": 0, "nan": None, "infinity": [None], "large": 2**70}


@pytest.mark.parametrize("value", [object(), Decimal(1), {1, 2}, b"bytes"])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(TypeError):
        to_line({"value": value})


def test_a_text_that_is_too_long_is_cut_and_named():
    line = parsed({"event": "dq_gate.pack.rejected", "reason": "x" * 100_000})
    assert (line["event"], line["cut"]) == ("dq_gate.pack.rejected", ["reason"])
    assert line["reason"] == "x" * 4095 + "…"


def test_lists_and_objects_that_are_too_long_are_cut_and_named():
    line = parsed({"rules": ["r" * 100] * 200, "group": {f"{n:090}": n for n in range(200)}, "short": ["a"]})
    assert sorted(line["cut"]) == ["group", "rules"]
    assert line["short"] == ["a"]
    assert line["rules"] == ["r" * 63 + "…"] * 32


def test_texts_that_grow_when_they_are_escaped_are_cut_too():
    assert parsed({"reason": "\U0001f600" * 2000})["cut"] == ["reason"]


def test_nothing_is_cut_that_fits():
    assert "cut" not in parsed({"reason": "é" * 1000})


def test_what_cannot_be_cut_enough_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        to_line({f"field{number}": "x" * 64 for number in range(200)})
