"""Characters that have no place in text: controls, private and impossible code points, piled-up marks."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    import polars as pl

_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_find_control = re.compile(_CONTROLS).search

_NONCHARACTERS = r"\ufdd0-\ufdef\ufffe\uffff" + "".join(
    rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(1, 17)
)
_STRAYS = rf"[\ue000-\uf8ff\U000f0000-\U0010ffff{_NONCHARACTERS}]"
_find_stray = re.compile(_STRAYS).search

_PILE = 4


@check(
    "no_control_characters",
    Options,
    accepts=("str",),
    passes=(({}, "two\r\nlines\tand a tab"), ({}, "naïve")),
    fails=(({}, "nul\x00"), ({}, "\x1b[31mred"), ({}, "next\x85line"), ({}, "\x7f")),
    passes_printable_ascii=True,
)
def no_control_characters(_options: Options) -> Compiled:
    """The text has no control characters besides tab, line feed and carriage return.

    Control characters steer terminals (ESC), cut strings short in C programs (NUL), break CSV and log lines, and are
    no part of what anyone typed. Definition: Unicode's general category Cc, which is ASCII 0 to 31 and 127, and the C1
    controls U+0080 to U+009F.
    """

    def judge(text: str) -> Finding | None:
        if text.isprintable():
            return None
        match = _find_control(text)
        return match and Finding(f"has the control character U+{ord(match[0]):04X}", match.span())

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.contains(_CONTROLS)

    return Compiled(judge, suspects)


@check(
    "no_stray_codepoints",
    Options,
    accepts=("str",),
    passes=(({}, "ज़्यादा हिन्दी"), ({}, "Việt Nam"), ({}, "လျှို့ဝှက်"), ({}, "😀")),
    fails=(({}, "logo \uf8ff"), ({}, "\ufdd0"), ({}, "\U0010ffff"), ({}, "Z\u0321\u0353\u031e\u0345algo")),
    passes_printable_ascii=True,
)
def no_stray_codepoints(_options: Options) -> Compiled:
    """The text has no noncharacters, no private-use characters, and no four combining marks in a row.

    - Noncharacters (U+FDD0 to U+FDEF, and the last two code points of every plane) are never exchanged.
    - Private-use characters (U+E000 to U+F8FF, planes 15 and 16) mean something in one font only: icons and logos
      that were pasted, or text hidden from readers.
    - Four or more combining marks on one letter are "Zalgo" text: no spelling needs them, and they overflow lines and
      drown the letter. Counted are nonspacing and enclosing marks (categories Mn and Me) of the Basic Multilingual
      Plane. Hebrew, Arabic, Tibetan, Myanmar and Tai Tham do pile up four marks: theirs are not counted.
    """
    find_mark, find_pile = re.compile(_counted_marks()).search, re.compile(_pile()).search

    def judge(text: str) -> Finding | None:
        if text.isascii():
            return None
        stray = None if text.isprintable() else _find_stray(text)
        if stray:
            kind = "private-use character" if unicodedata.category(stray[0]) == "Co" else "noncharacter"
            return Finding(f"has a {kind}", stray.span())
        pile = find_mark(text[_PILE - 1 :: _PILE]) and find_pile(text)  # a pile covers one in four places
        return pile and Finding(f"has {_PILE} or more combining marks on one letter", pile.span())

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.contains(_STRAYS) | column.str.contains(_pile())

    return Compiled(judge, suspects)


def _pile() -> str:
    """Four marks, spelled out one by one: Python's `re` searches for a leading class faster than for a repetition."""
    return _counted_marks() * _PILE


_PILING_SCRIPTS = (
    (0x0591, 0x05C7),  # Hebrew: vowel, dagesh, shin dot, accent
    (0x0610, 0x06ED),  # Arabic, with the signs of the Quran
    (0x08D3, 0x08FF),
    (0x0F18, 0x0FC6),  # Tibetan: stacked consonants
    (0x102D, 0x109D),  # Myanmar: medials, two vowel signs, tone
    (0x1A55, 0x1A7F),  # Tai Tham
)

_WHERE_MARKS_ARE = (range(0x0300, 0x3100), range(0xA66F, 0xABF0), range(0xFB1E, 0xFE30))
"""The rest of the plane is ideographs, syllables and private use."""


@cache
def _counted_marks() -> str:
    """A class of the marks that count, as ranges."""
    ranges: list[list[int]] = []
    for codepoint in chain(*_WHERE_MARKS_ARE):
        if _is_counted_mark(codepoint):
            if ranges and ranges[-1][1] == codepoint - 1:
                ranges[-1][1] = codepoint
            else:
                ranges.append([codepoint, codepoint])
    return "[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges) + "]"


def _is_counted_mark(codepoint: int) -> bool:
    is_mark = unicodedata.category(chr(codepoint)) in ("Mn", "Me")
    return is_mark and not any(first <= codepoint <= last for first, last in _PILING_SCRIPTS)
