"""The contexts of design section 5, one by one."""

from __future__ import annotations

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Options
from dq_gate.checks.invisible import strip_invisible

judge = CATALOGUE["no_invisible"].compile(Options()).judge


def tags(text):
    return "".join(chr(0xE0000 + ord(char)) for char in text)


IN_CONTEXT = {
    "joined emoji": "👩\u200d🚀 👨\u200d👩\u200d👧",
    "joined emoji with skin tones and style": "👩🏽\u200d❤\ufe0f\u200d💋\u200d👨🏿",
    "pirate flag": "🏴\u200d☠\ufe0f",
    "Persian non-joiner": "می\u200cخواهم",
    "Persian ending of a Latin name": "GitHub\u200cها",
    "Hindi non-joiner": "क्\u200cष",
    "Sinhala joiner": "ශ්\u200dරී",
    "Persian abbreviation": "ه\u200d.ش",
    "keycaps": "1\ufe0f\u20e3 #\ufe0f\u20e3 *\ufe0f\u20e3",
    "text style": "☺\ufe0e ©\ufe0f",
    "flags of regions": "".join(f"🏴{tags(region)}\U000e007f" for region in ("gbeng", "gbsct", "gbwls")),
    "direction marks in Hebrew": "שלום\u200f, C\u200e",
    "balanced isolates in Arabic": "ملف \u2066a\u2067b\u2069.txt\u2069 جديد",
    "Thai spaces": "ภาษา\u200bไทย",
    "Khmer spaces": "ភាសា\u200bខ្មែរ\u200bល្អ",
    "registered ideograph variant": "葛\U000e0100飾区",
    "Mongolian vowel shape": "ᠠ\u180b",
}
OUT_OF_CONTEXT = {
    "ZWSP in a word": "pass\u200bword",
    "ZWSP at the edge of Thai": "ไทย\u200b!",
    "soft hyphen": "hy\u00adphen",
    "word joiner": "a\u2060b",
    "byte-order mark": "\ufeffa",
    "byte-order mark inside Arabic": "سل\ufeffام",
    "joiner between letters": "a\u200db",
    "joiner after an emoji alone": "👩\u200d",
    "joiner before an emoji alone": "a\u200d👩",
    "non-joiner between Latin letters": "Auf\u200clage",
    "selector on a letter": "a\ufe0f",
    "two selectors": "❤\ufe0f\ufe0f",
    "pile of high selectors": "😀\U000e0158\U000e0155",
    "pile of high selectors on an ideograph": "葛\U000e0100\U000e0101",
    "tags": f"hi{tags('there')}",
    "tags after a flag": f"🏴{tags('ignore')}\U000e007f",
    "unfinished flag": f"🏴{tags('gbeng')}",
    "flag with a passenger": f"🏴{tags('gbeng')}\U000e007f{tags('x')}",
    "direction mark in English": "left\u200eright",
    "Arabic letter mark alone": "a\u061cb",
    "isolate in English": "a \u2066b\u2069",
    "open isolate in Hebrew": "שלום \u2066a",
    "closed isolate that was not open": "שלום \u2069a\u2066",
    "override": "abc\u202efed\u202c",
    "override in Hebrew": "שלום \u202eabc\u202c",
    "embedding": "a\u202ab\u202c",
    "Hangul filler": "a\u3164b",
    "invisible operator": "a\u2062b",
    "deprecated format": "a\u206ab",
    "annotation": "a\ufff9b",
    "grapheme joiner": "a\u034fb",
    "Khmer vowel without its letter": "a\u17b5b",
}


@pytest.mark.parametrize("text", IN_CONTEXT.values(), ids=list(IN_CONTEXT))
def test_what_real_text_needs_passes(text):
    assert judge(text) is None
    assert strip_invisible(text) is text


@pytest.mark.parametrize("text", OUT_OF_CONTEXT.values(), ids=list(OUT_OF_CONTEXT))
def test_everything_else_fails(text):
    assert judge(text) is not None


def test_the_first_stray_is_the_one_reported():
    assert judge("👩\u200d🚀 a\u200bb\u200b").span == (5, 6)


def test_a_message_says_which_character_but_never_what_a_tag_stands_for():
    assert "U+200B ZERO WIDTH SPACE" in judge("a\u200bb").message
    assert judge(f"hi{tags('s')}").message == judge(f"hi{tags('t')}").message


@pytest.mark.parametrize("char", "\u00ad\u200b\u2060\u2063\ufeff")
def test_what_carries_nothing_is_stripped(char):
    assert strip_invisible(f"{char}pass{char}{char}word{char}") == "password"


@pytest.mark.parametrize(
    "char", ["\u202e", "\u2066", "\u200d", "\u200e", "\ufe0f", "\U000e0041", "\U000e0155", "\u3164"]
)
def test_what_reorders_hides_or_joins_is_left_for_a_human(char):
    repaired = strip_invisible(f"pa\u200bss{char}word")
    assert repaired == f"pass{char}word"
    assert judge(repaired) is not None


def test_a_needed_space_survives_the_repair_of_a_stray_one():
    assert strip_invisible("ไทย\u200bไทย a\u200bb") == "ไทย\u200bไทย ab"
