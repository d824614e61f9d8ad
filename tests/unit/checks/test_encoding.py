from __future__ import annotations

import unicodedata

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Options
from dq_gate.checks.encoding import _ALWAYS_NORMAL, nfc

well_formed = CATALOGUE["well_formed"].compile(Options()).judge
complete = CATALOGUE["no_replacement_character"].compile(Options()).judge
normalized = CATALOGUE["normalized"].compile(Options()).judge


@pytest.mark.parametrize(("text", "span"), [("\ud800", (0, 1)), ("aé\udfffb", (2, 3)), ("\ud83d\ude00", (0, 2))])
def test_surrogates_are_found_alone_and_in_unjoined_pairs(text, span):
    assert well_formed(text).span == span


def test_text_beyond_the_basic_plane_is_well_formed():
    assert well_formed("a😀\U0010ffff") is None


def test_a_replacement_character_is_found_where_it_stands():
    assert complete("caf\ufffd?").span == (3, 4)
    assert complete("café?") is None


def test_normal_form_fails_where_it_first_differs():
    assert normalized("abe\u0301d").span == (2, 4)
    assert normalized("ohm \u2126").span == (4, 5)


@pytest.mark.parametrize("text", ["ﬁ", "Ａ", "x²", "①", "한국어", "가"])
def test_compatibility_forms_and_composed_syllables_are_normal(text):
    assert normalized(text) is None


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0f71\u0f72", "\U0001d165\U0001d16d"])
def test_heaps_of_marks_fail_in_linear_time_and_are_left_alone(marks):
    heap = "a" + marks * 250_000
    assert normalized(heap) is not None
    assert nfc(heap) == heap


def test_thirty_marks_in_a_row_are_still_put_in_order():
    assert nfc("a" + "\u0301\u0323" * 15) != "a" + "\u0301\u0323" * 15
    assert nfc("a" + "\u0301\u0323" * 15 + "\u0301") == "a" + "\u0301\u0323" * 15 + "\u0301"


def test_surrogates_do_not_disturb_normalization():
    assert normalized("\ud800é") is None
    assert nfc("\ud800e\u0301") == "\ud800é"


def test_the_characters_said_to_be_always_normal_are():
    import re

    always = [chr(c) for c in range(0x10000) if re.match(f"[{_ALWAYS_NORMAL}]", chr(c))]
    seconds = {decomposed[-1] for c in range(0x110000) if len(decomposed := _canonical(chr(c))) == 2}
    for char in always:
        assert unicodedata.is_normalized("NFC", char)
        assert unicodedata.combining(char) == 0
        assert char not in seconds


def _canonical(char):
    decomposition = unicodedata.decomposition(char)
    if not decomposition or decomposition.startswith("<"):
        return ""
    return "".join(chr(int(code, 16)) for code in decomposition.split())
