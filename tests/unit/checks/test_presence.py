from __future__ import annotations

import unicodedata

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Options

not_blank = CATALOGUE["not_blank"].compile(Options()).judge
not_null = CATALOGUE["not_null"].compile(Options()).judge


@pytest.mark.parametrize(
    "text", ["", " ", "\t\r\n", "\u00a0\u3000", "\u200b\u2060\ufeff", "\u3164", "\u2800", "\x00\x1f"]
)
def test_text_that_shows_nothing_is_blank(text):
    assert not_blank(text) is not None


def test_every_space_character_is_blank():
    spaces = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) in ("Zs", "Zl", "Zp")]
    assert all(not_blank(space) for space in spaces)


@pytest.mark.parametrize("text", ["a", "  .", "\u200bx", "猫", "\u0301", "😀", "\ud800"])
def test_one_visible_character_is_enough(text):
    assert not_blank(text) is None


@pytest.mark.parametrize("value", ["", 0, False, [], {}])
def test_not_null_leaves_every_other_value_to_other_rules(value):
    assert not_null(value) is None
