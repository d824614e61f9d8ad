"""Text for terminals: everything unprintable is escaped, and JSON stays JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_gate.cli.output import dump, safe, when

TEXT = st.text(alphabet=st.characters(exclude_categories=()))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(TEXT)
def test_safe_text_is_printable_and_printable_text_is_left_alone(text):
    assert safe(text).isprintable()
    assert safe(safe(text)) == safe(text)
    assert not text.isprintable() or safe(text) == text


@given(VALUES)
def test_a_dump_is_one_printable_line_that_says_the_value(value):
    line = dump(value)

    assert line.isprintable()
    assert json.loads(line) == value


@pytest.mark.parametrize(
    ("character", "escaped"),
    [("\x1b", r"\u001b"), ("\x7f", r"\u007f"), ("\x9b", r"\u009b"), ("\u202e", r"\u202e"), ("\n", r"\n")],
)
def test_escapes_are_those_of_json(character, escaped):
    assert safe(f"a{character}é") == f"a{escaped}é"


def test_every_code_point_is_safe():
    assert all(safe(chr(n)).isprintable() for n in range(0x10000))


def test_times_are_rfc_3339_in_utc():
    assert when(1_700_000_000.9) == "2023-11-14T22:13:20Z"
