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
    from collections.abc import Callable

    import polars as pl

_ENCODINGS = (
    "latin-1", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257", "iso8859-2", "mac-roman", "cp437",
)  # fmt: skip
"""Those that ftfy can undo."""


def _class(first: int, last: int, *, also: str = "") -> str:
    """The characters that bytes stand for in any of the encodings, as a regular expression's class."""
    characters = {_decode(byte, encoding) for encoding in _ENCODINGS for byte in range(first, last + 1)}
    return "[" + "".join(re.escape(char) for char in sorted(characters | set(also))) + "]"


def _decode(byte: int, encoding: str) -> str:
    """An undefined byte is kept as a control character, as web browsers do."""
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return chr(byte)


def _utf8_pattern() -> str:
    """Matches from the second character of such a sequence on: it is rarer than the first, so the search is faster."""
    lead, lead_of_2, lead_of_3, lead_of_4 = (
        _class(*span) for span in ((0xC2, 0xF4), (0xC2, 0xDF), (0xE0, 0xEF), (0xF0, 0xF4))
    )
    follows = _class(0x80, 0xBF)
    follows_or_lost = _class(0x80, 0xBF, also=" ?\x1a\ufffd")  # what programs make of a byte they cannot show
    second = _class(0x80, 0xBF, also="ÂÃ\ufffd")
    return (
        f"{second}(?:(?<={lead_of_2}.)|(?<={lead_of_3}{follows}){follows_or_lost}"
        f"|(?<={lead_of_4}{follows}){follows_or_lost}{{2}}|(?<=[ÂÃ]) |(?<={lead}\ufffd))"
    )


@cache
def _first_look() -> Callable[[str], re.Match[str] | None]:
    return re.compile(_utf8_pattern(), re.DOTALL).search


def fix_encoding(text: str) -> str:
    """Turn misread UTF-8 back, where nothing of it is lost."""
    return text if _first_look()(text) is None else _trusted(text, _fixed(text))


def _fixed(text: str) -> str:
    import ftfy

    return ftfy.fix_encoding(text)


def _trusted(text: str, fixed: str) -> str:
    """The fixed text, unless it still looks damaged or a guess was needed: then a human should see the original.

    A dagger is what ftfy makes of a closing quotation mark that lost its last byte, eating the space after it.
    """
    from ftfy.badness import is_bad

    is_guess = "\ufffd" in fixed or fixed.count("†") > text.count("†")
    return text if is_guess or is_bad(fixed) else fixed


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
    first_look = _first_look()

    def judge(text: str) -> Finding | None:
        if first_look(text) is None:
            return None
        fixed = _fixed(text)
        if fixed == text:
            return None
        return Finding("holds text that was read in the wrong encoding", changed_span(text, fixed))

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.contains(_polars_pattern())

    return Compiled(judge, suspects)


@cache
def _polars_pattern() -> str:
    """As the first look, less exact: Rust has no look-behind."""
    lead, second = _class(0xC2, 0xF4), _class(0x80, 0xBF, also="\ufffd")
    return f"{lead}{second}|[ÂÃ] "
