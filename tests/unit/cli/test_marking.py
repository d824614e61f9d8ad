"""What a reviewer sees of a text: all of it, and nothing that a terminal would obey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_gate.cli.reviewer.marking import INVISIBLE, MAX_SHOWN, OFFENDING, marked

ANY_TEXT = st.text(st.characters(categories=None) | st.sampled_from("\x1b\x07\u202e\u200b\ud800\n\u0300"), max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("a\u200bb", "a[ZWSP]b"),
        ("\x1b[31m", "␛[31m"),
        ("del\x7f", "del␡"),
        ("one\ntwo", "one␊\ntwo"),
        ("\ud800", "[U+D800]"),
        ("\U000e0041", "[U+E0041]"),
        ("e" + "\u0301" * 5, "e" + "\u0301" * 3 + "[U+0301][U+0301]"),
        ("हिन्दी 😀 é", "हिन्दी 😀 é"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text, shown):
    assert marked(text).plain == shown


@given(ANY_TEXT)
def test_only_printable_characters_and_line_ends_come_out(text):
    assert all(character.isprintable() or character == "\n" for character in marked(text).plain)


def test_the_offending_span_is_marked_and_nothing_else():
    text = marked("say \x00 this", [(4, 5)])
    assert [(text.plain[span.start : span.end], span.style) for span in text.spans] == [("␀", OFFENDING)]


def test_an_invisible_character_outside_a_span_is_told_apart_from_what_offends():
    text = marked("a\u200bb", [(0, 1)])
    assert [(text.plain[span.start : span.end], span.style) for span in text.spans] == [
        ("a", OFFENDING),
        ("[ZWSP]", INVISIBLE),
    ]


@pytest.mark.parametrize("span", [(-5, 2), (3, 900), (2, 1)])
def test_a_span_that_does_not_fit_marks_what_there_is(span):
    assert marked("four", [span]).plain == "four"


def test_a_long_text_is_cut_and_says_so():
    assert marked("x" * (MAX_SHOWN + 5)).plain.endswith("… 5 more characters")
