"""Text that was UTF-8 and was read in an older encoding: finding it, and turning it back.

Telling such text from text that merely looks odd is ftfy's art, and it is slow. A fast look goes first: damage of this
kind always holds characters that stand, in one of those encodings, for the bytes of a multi-byte UTF-8 sequence.
"""

# ruff: noqa: RUF001 - misread text is what this file is about
from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.checks.span import changed_span
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    import polars as pl

_WINDOWS = ("latin-1", "iso8859-2", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257")
_OLDER = ("mac-roman", "cp437")
"""Together, the encodings that ftfy can undo. The older two put letters where the others put signs, and are looked for
apart: what follows in the one family would otherwise often be found after what leads in the other."""


def _class(encodings: tuple[str, ...], first: int, last: int, *, also: str = "") -> str:
    """The characters that bytes stand for in any of some encodings, as a regular expression's class."""
    characters = {_decode(byte, encoding) for encoding in encodings for byte in range(first, last + 1)}
    return "[" + "".join(re.escape(char) for char in sorted(characters | set(also))) + "]"


def _decode(byte: int, encoding: str) -> str:
    """An undefined byte is kept as a control character, as web browsers do."""
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return chr(byte)


def _sequence_parts(encodings: tuple[str, ...]) -> tuple[list[tuple[str, str]], str]:
    """Classes of what leads and of what follows: leads with what comes after the second character, and the second."""
    later = _class(encodings, 0x80, 0xBF, also=" ?\x1a\ufffd")  # or what programs make of a byte they cannot show
    spans = ((0xC2, 0xDF), (0xE0, 0xEF), (0xF0, 0xF4))
    leads = [(_class(encodings, *span), later * length) for length, span in enumerate(spans)]
    return leads, _class(encodings, 0x80, 0xBF)


_MOST_LAYERS = 6
"""How many times over text is taken to have been misread; three is the most that was found in the wild."""


@cache
def _first_look() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Two searches, one of which finds something in any text that ftfy would change.

    Each begins with the class that is rarer in real text: signs, not letters.
    """
    leads, second = _sequence_parts(_WINDOWS)
    after_lead = "|".join(f"(?<={lead}{second}){later}" for lead, later in leads)
    windows = f"[{second[1:-1]}ÂÃ](?:{after_lead}|(?<=[ÂÃ]) )"
    leads, second = _sequence_parts(_OLDER)
    older = _class(_OLDER, 0xC2, 0xF4) + "(?:" + "|".join(f"(?<={lead}){second}{later}" for lead, later in leads) + ")"
    return re.compile(windows), re.compile(older)


def fix_encoding(text: str) -> str:
    """Turn misread UTF-8 back, where nothing of it is lost."""
    windows, older = _first_look()
    if windows.search(text) is None and older.search(text) is None:
        return text
    fixed = _fixed(text)
    return fixed if _is_trusted(fixed, text) else text


def _fixed(text: str) -> str:
    """What ftfy's `fix_encoding` makes of a text, but for guesses at single control characters, and in linear time.

    ftfy itself goes on for as long as it finds something, and into each part of a text that is misread in parts: a
    hostile text of 8,000 characters takes it 25 seconds. Here all parts are gone into at once, for a few layers.
    """
    import ftfy
    from ftfy.badness import is_bad
    from ftfy.chardata import UTF8_DETECTOR_RE

    def fix_one(part: str) -> str:
        return ftfy.fix_encoding(part, decode_inconsistent_utf8=False, fix_c1_controls=False)

    for _ in range(_MOST_LAYERS):
        before = text
        text = fix_one(before)
        if text == before and is_bad(before):
            text = UTF8_DETECTOR_RE.sub(lambda match: fix_one(match[0]), before)
        if text == before:
            break
    return text


def _is_trusted(fixed: str, text: str) -> bool:
    """Whether a fix is whole and needed no guess; otherwise a human should see the original.

    A dagger is what ftfy makes of a closing quotation mark that lost its last byte, eating the space after it.
    """
    from ftfy.badness import is_bad

    if "\ufffd" in fixed or fixed.count("†") > text.count("†") or is_bad(fixed):
        return False
    return _sequences(fixed).isdisjoint(_sequences(text))


def _sequences(text: str) -> set[str]:
    """What in a text could be misread, each with the character before it."""
    found = (match for pattern in _first_look() for match in pattern.finditer(text))
    return {text[max(match.start() - 1, 0) : match.end()] for match in found}


@check(
    "no_mojibake",
    Options,
    accepts=("str",),
    passes=(({}, "a naïve café – “quoted”"), ({}, "Ōba, Łódź, Žižkov, RETWEET SE VOCÊ…"), ({}, "Как дела? Её «СССР»")),
    fails=(({}, "a naÃ¯ve cafÃ©"), ({}, "itâ€™s"), ({}, "РїСЂРёРІРµС‚")),
    repairs={"fix_encoding": fix_encoding},
    passes_printable_ascii=True,
)
def no_mojibake(_options: Options) -> Compiled:
    """The text holds no UTF-8 that was read in an older encoding ("cafÃ©" for "café").

    Repair `fix_encoding` turns the damage back, twofold damage included, and changes nothing else: quotation marks,
    ligatures and widths stay as they are. It leaves a text alone, so that it fails, when bytes are lost or the result
    still looks damaged.

    Detected: UTF-8 read as Latin-1, Latin-2, Windows-1250 to 1254 and 1257, Mac Roman or code page 437. Single
    control characters of Latin-1 are no_control_characters' business. Method: the heuristic of ftfy 6 (R. Speer, "ftfy:
    fixes text for you"), asked only about texts that hold what could be a multi-byte sequence.
    """
    in_windows, in_older = (pattern.search for pattern in _first_look())

    def judge(text: str) -> Finding | None:
        if text.isascii() or (in_windows(text) is None and in_older(text) is None):
            return None
        fixed = _fixed(text)
        if fixed == text:
            return None
        return Finding("holds text that was read in the wrong encoding", changed_span(text, fixed))

    return Compiled(judge, _suspects)


def _suspects(column: pl.Expr) -> pl.Expr:
    """As the first look, less exact: Rust has no look-behind."""
    pairs = (_class(family, 0xC2, 0xF4) + _class(family, 0x80, 0xBF) for family in (_WINDOWS, _OLDER))
    return column.str.contains("|".join((*pairs, "[ÂÃ] ")))
