"""What is left of a value once nothing can be read in it."""

from __future__ import annotations

import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_gate.core.shape import masked, shape


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Card 4111-1111 lost!", "Xxxx 9999-9999 xxxx!"),
        ("naïve 猫 ٣", "xxxxx x x"),
        ("\x07\u200b\ufffd 😀", "\x07\u200b\ufffd 😀"),
        ("", ""),
    ],
)
def test_letters_and_digits_are_gone_and_all_else_stays(text, expected):
    assert shape(text) == expected


@given(st.text())
def test_a_shape_is_as_long_as_its_text_and_can_say_nothing(text):
    made = shape(text)
    assert len(made) == len(text)
    assert not set(made) & set(string.ascii_letters + string.digits) - set("xX9")
    assert shape(made) == made


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None), (True, True), (0, 0), (17, 10), (-2500, -1000), (10**30, 10**18), (3.7, 1.0), (-0.2, 0.0),
        (float("inf"), float("inf")), (["Ab", 1], ["Xx", 1]), ({"query": "Ab", "k": 5}, {"query": "Xx", "k": 1}),
        ({"filters": {"name": "Ann"}}, {"filters": {"xxxx": "Xxx"}}), (datetime(2026, 1, 1, tzinfo=UTC), "<datetime>"),
    ],
)  # fmt: skip
def test_a_masked_record_keeps_its_own_names_and_kinds_of_values(value, expected):
    assert masked(value) == expected


def test_a_value_that_holds_itself_ends():
    loop: list[object] = []
    loop.append(loop)
    assert "<list>" in str(masked(loop))
