"""Whatever a terminal would act on is text once it is escaped, and reads back as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_gate.core.printable import printable


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_escaped_text_is_printable_and_printable_text_is_left_alone(text):
    assert printable(text).isprintable()
    assert not text.isprintable() or printable(text) is text


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x9b", "\u202e", "\u2028", "\ud800", "\U000e0041"])
def test_an_escape_is_jsons_own(character):
    assert json.loads(f'"{printable(character)}"') == character
