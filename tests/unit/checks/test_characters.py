from __future__ import annotations

import unicodedata

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Options

controls = CATALOGUE["no_control_characters"].compile(Options()).judge
strays = CATALOGUE["no_stray_codepoints"].compile(Options()).judge

ALL_CONTROLS = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cc"]


def test_exactly_the_controls_of_unicode_fail_but_for_tab_and_line_ends():
    assert [char for char in ALL_CONTROLS if controls(f"a{char}b") is None] == ["\t", "\n", "\r"]


def test_a_control_character_is_found_behind_line_breaks_and_letters():
    finding = controls("naïve\n\tfoo\x85bar")
    assert finding.span == (10, 11)
    assert "U+0085" in finding.message


@pytest.mark.parametrize("plane", range(17))
def test_the_last_two_code_points_of_every_plane_fail(plane):
    assert strays(f"a{chr(plane * 0x10000 + 0xFFFE)}") is not None
    assert strays(f"a{chr(plane * 0x10000 + 0xFFFF)}") is not None


@pytest.mark.parametrize("codepoint", [0xFDD0, 0xFDEF, 0xE000, 0xF8FF, 0xF0000, 0xFFFFD, 0x100000, 0x10FFFD])
def test_private_use_and_the_noncharacters_among_arabic_forms_fail(codepoint):
    assert strays(f"a{chr(codepoint)}b").span == (1, 2)


@pytest.mark.parametrize("codepoint", [0xD7FF, 0xF900, 0xFDCF, 0xFDF0, 0xFFFD, 0x1F600, 0xEFFFD])
def test_their_neighbours_pass(codepoint):
    assert strays(f"a{chr(codepoint)}b") is None


@pytest.mark.parametrize("before", range(5))
def test_four_marks_in_a_row_fail_wherever_they_stand(before):
    assert strays("x" * before + "e\u0301\u0302\u0303") is None
    assert strays("x" * before + "e\u0301\u0302\u0303\u0304").span == (before + 1, before + 5)


def test_marks_on_different_letters_do_not_add_up():
    assert strays("e\u0301\u0302\u0303e\u0301\u0302\u0303") is None


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("Burmese", "လျှို့ဝှက်နံပါတ်"),
        ("Hindi", "ज़्यादा क़िस्में ड़ीं"),
        ("Vietnamese, decomposed", unicodedata.normalize("NFD", "Tiếng Việt rất đặc biệt")),
        ("Thai", "ที่นี่เป็นน้ำที่ดี"),
        ("Hebrew with accents", "בְּרֵאשִׁ֖ית שָּׁ֑מַיִם"),
        ("Arabic of the Quran", "وَٱلَّٰٓـِٔى"),
        ("Tibetan", "བསྒྲུབས་ཧྲཱིཾ"),
        ("Khmer", "ភាសាខ្មែរ ស្ត្រី"),
        ("Amharic", "አማርኛ"),
        ("Greek, decomposed", unicodedata.normalize("NFD", "ᾧ ᾷ")),
    ],
)
def test_real_spelling_passes(language, text):
    assert strays(text) is None
