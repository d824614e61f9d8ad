"""Characters that draw nothing: needed in some places of real text, damage or a hiding place everywhere else.

Each kind is judged by its neighbours. The table of contexts below is the definition; all of it is linear.
"""

# ruff: noqa: RUF001 - text of many scripts is what this file is about
from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

_INVISIBLE = (
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    r"\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point without the formats of music and shorthand; and interlinear annotation."""

_STRIPPABLE = frozenset("\u00ad\u200b\u2060\u2061\u2062\u2063\u2064\ufeff")
"""Soft hyphen, zero-width space, word joiner, invisible operators, byte-order mark: gone without a loss."""

_PICTURES = (
    r"\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff\u3030"
    r"\u303d\u3297\u3299\U0001f000-\U0001faff"
)
"""Extended_Pictographic of emoji-data.txt, rounded to blocks; skin tones are among them."""
_JOINING = (
    r"\u0600-\u08ff\u0900-\u0dff\u0f00-\u0fff\u1000-\u109f\u1780-\u18af\u1a20-\u1aaf\u1b00-\u1bff\ua840-\ua8ff\ua930-\ua9ff"
    r"\uaa00-\uaa7f\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00011000-\U000114ff"
)
"""Arabic and its kin, and the scripts descended from Brahmi: their letters change shape beside others."""
_WITHOUT_SPACES = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\ua9e0-\ua9ff\uaa60-\uaa7f"
"""Thai, Lao, Myanmar, Khmer: words are not set apart, so that line breaks need marking."""
_IDEOGRAPHS = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RIGHT_TO_LEFT = (
    r"\u05d0-\u05f4\u0620-\u064a\u066e-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
)
"""Letters, so that a mark of direction alone makes no text right-to-left."""

_REGIONS = "|".join("".join(chr(0xE0000 + ord(char)) for char in region) for region in ("gbeng", "gbsct", "gbwls"))

_CONTEXTS = (
    rf"(?<=[{_PICTURES}\ufe0f\U000e007f])\u200d(?=[{_PICTURES}])",  # ZWJ between pictures
    rf"(?<=[{_JOINING}])\u200d",  # ZWJ after a joining letter
    rf"(?<=[{_JOINING}])\u200c|\u200c(?=[{_JOINING}])",  # ZWNJ beside a joining letter
    rf"(?<=[{_PICTURES}0-9#*])[\ufe0e\ufe0f]",  # emoji or text style
    rf"(?<=[{_IDEOGRAPHS}])[\ufe00-\ufe02\U000e0100-\U000e010f]",  # registered variant of an ideograph
    r"(?<=[\u1800-\u18af])[\u180b-\u180f]",  # Mongolian letter shapes
    r"(?<=[\u1780-\u17b3])[\u17b4\u17b5]",  # inherent Khmer vowels
    r"(?<=[\u0591-\u05f4])\u034f",  # keeps the order of Hebrew points
    rf"(?<=[{_WITHOUT_SPACES}])\u200b(?=[{_WITHOUT_SPACES}])",  # ZWSP between letters of such a script
    rf"(?<=\U0001f3f4)(?:{_REGIONS})\U000e007f",  # the flags of England, Scotland, Wales
)
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f")
_ISOLATES = frozenset("\u2066\u2067\u2068\u2069")

_find_invisible = re.compile(_INVISIBLE).search
_fits = re.compile("|".join(_CONTEXTS)).match
_find_isolates = re.compile(r"[\u2066-\u2069]").findall
_find_right_to_left = re.compile(f"[{_RIGHT_TO_LEFT}]").search


def strays(text: str) -> Iterator[int]:
    """Where the invisible characters stand that have no business there, first to last."""
    fit_anywhere = _fit_anywhere(text)
    match = _find_invisible(text)
    while match is not None:
        at = match.start()
        fitting = _fits(text, at)
        if fitting is None and text[at] not in fit_anywhere:
            yield at
        match = _find_invisible(text, fitting.end() if fitting else at + 1)


def _fit_anywhere(text: str) -> frozenset[str]:
    """The characters that fit wherever they stand in a text, because it is written from right to left."""
    if _find_right_to_left(text) is None:
        return frozenset()
    return _DIRECTION_MARKS | _ISOLATES if _isolates_balance(text) else _DIRECTION_MARKS


def _isolates_balance(text: str) -> bool:
    """Whether every isolate that is opened is closed, and none is closed that was not opened."""
    depth = 0
    for char in _find_isolates(text):
        depth += -1 if char == "\u2069" else 1
        if depth < 0:
            return False
    return depth == 0


def strip_invisible(text: str) -> str:
    """Drop the stray invisible characters that carry nothing; leave the others to be judged."""
    if _find_invisible(text) is None:
        return text
    drop = [at for at in strays(text) if text[at] in _STRIPPABLE]
    starts, ends = (0, *(at + 1 for at in drop)), (*drop, len(text))
    return "".join(text[start:end] for start, end in zip(starts, ends, strict=True))


@check(
    "no_invisible",
    Options,
    accepts=("str",),
    passes=(
        ({}, "👩\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"),
        ({}, "می\u200cخواهم"),
        ({}, "क्\u200dष"),
        ({}, "שלום\u200f (\u2066abc\u2069)"),
        ({}, "ភាសា\u200bខ្មែរ"),
    ),
    fails=(
        ({}, "pass\u200bword"),
        ({}, "\ufeffstart"),
        ({}, "abc\u202edcba\u202c"),
        ({}, "left\u200eright"),
        ({}, "hidden\U000e0068\U000e0069"),
        ({}, "a\u200d"),
        ({}, "a\ufe0f"),
        ({}, "שלום \u2066abc"),
    ),
    repairs={"strip_invisible": strip_invisible},
    passes_printable_ascii=True,
)
def no_invisible(_options: Options) -> Compiled:
    """The text has no invisible characters but those that its script or its emoji need.

    Invisible characters hide instructions from readers, split words so that no search finds them, and reverse what is
    shown. They are judged in context, because real text needs some of them:

    - zero-width joiner: between pictographs, or after Arabic and Indic letters;
    - zero-width non-joiner: beside Arabic and Indic letters;
    - variation selectors: text and emoji style after a pictograph, a digit, `#` or `*`; the registered ones after a
      Chinese or Japanese ideograph or a Mongolian letter;
    - tag characters: in the flags of England, Scotland and Wales alone;
    - direction marks, and isolates that are all closed: in text with right-to-left letters alone;
    - zero-width space: between Thai, Lao, Khmer or Myanmar letters;
    - combining grapheme joiner: after Hebrew letters and points.

    Everything else fails: overrides and embeddings of direction, other tags, piles of variation selectors, fillers.

    Repair `strip_invisible` drops what carries nothing where it is stray: zero-width space, soft hyphen, word joiner,
    byte-order mark, invisible mathematical operators. It leaves all else in place, so that the text fails. Definition:
    Unicode's Default_Ignorable_Code_Point and emoji-data.txt (Unicode 16).
    """

    def judge(text: str) -> Finding | None:
        if text.isascii() or _find_invisible(text) is None:
            return None
        at = next(strays(text), None)
        return None if at is None else Finding(f"has the invisible character {_name(text[at])}", (at, at + 1))

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.contains(_INVISIBLE)

    return Compiled(judge, suspects)


def _name(char: str) -> str:
    """What to call it; tags and high variation selectors stand for letters, which no message may carry."""
    if char > "\uffff":
        return "of plane 14 (a tag or a variation selector)"
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()
