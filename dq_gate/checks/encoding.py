"""Whether the text is Unicode as it should be: encodable, complete, in normal form."""

# ruff: noqa: RUF001 - text of many scripts is what this file is about
from __future__ import annotations

import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.checks.span import changed_span
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    import polars as pl

_ALWAYS_NORMAL = (
    r"\x00-\u02ff\u0400-\u0482\u048a-\u052f\u05d0-\u05ea\u0621-\u064a\u0660-\u066f\u0e01-\u0e30\u0e40-\u0e46"
    r"\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3"
)
"""The bulk of the characters that no normal form changes, alone or beside any other (Unicode's NFC_Quick_Check=Yes and
combining class 0)."""


@check(
    "well_formed",
    Options,
    accepts=("str",),
    passes=(({}, "naïve 😀"),),
    fails=(({}, "cut off \ud83d"), ({}, "\udc80")),
    passes_printable_ascii=True,
)
def well_formed(_options: Options) -> Compiled:
    r"""The text has no lone surrogate, so that it can be encoded as UTF-8.

    Half of a surrogate pair (`\ud83d`) comes from JSON escapes, from UTF-16 that was cut in two, and from bytes decoded
    with `surrogateescape`. Such text breaks tokenizers, vector stores and log lines. Columns of a frame cannot hold it.
    """

    def judge(text: str) -> Finding | None:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return Finding("has a lone surrogate", (error.start, error.end))
        return None

    return Compiled(judge, lambda column: column.is_null())


@check(
    "no_replacement_character",
    Options,
    accepts=("str",),
    passes=(({}, "really?"),),
    fails=(({}, "caf\ufffd"),),
    passes_printable_ascii=True,
)
def no_replacement_character(_options: Options) -> Compiled:
    """The text has no U+FFFD, which decoders put where they could not read the input.

    What stood there is lost: this cannot be repaired, only read again from its source.
    """

    def judge(text: str) -> Finding | None:
        at = text.find("\ufffd")
        return None if at < 0 else Finding("has a replacement character where input was unreadable", (at, at + 1))

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.contains("\ufffd", literal=True)

    return Compiled(judge, suspects)


_MOST_MARKS = 30
"""More combining marks in a row no stream-safe text has (Unicode Standard Annex 15). Putting them in order takes
quadratic time."""


def nfc(text: str) -> str:
    """Put text into Unicode's composed normal form, unless it is heaped with marks."""
    return unicodedata.normalize("NFC", text) if _is_stream_safe(text) else text


def _is_stream_safe(text: str) -> bool:
    runs = groupby(text, lambda char: unicodedata.combining(char) > 0)
    return all(sum(1 for _ in run) <= _MOST_MARKS for are_marks, run in runs if are_marks)


@check(
    "normalized",
    Options,
    accepts=("str",),
    passes=(({}, "caf\u00e9"), ({}, "हिन्दी"), ({}, "ｆｕｌｌ ｗｉｄｔｈ ﬁ")),
    fails=(({}, "cafe\u0301"), ({}, "10 \u212b")),
    repairs={"nfc": nfc},
    passes_printable_ascii=True,
)
def normalized(_options: Options) -> Compiled:
    """The text is in Unicode normal form NFC, in which equal text is equal code points.

    Repair `nfc` normalizes. Text that looks alike but is coded in two ways is two different words to an index.
    Compatibility forms (full width, ligatures, superscripts) are left alone: NFC keeps them. So is text with more than
    30 combining marks in a row, which fails. Definition: Unicode Standard Annex 15, with its stream-safe limit; the
    tables are those of the running Python.
    """

    def judge(text: str) -> Finding | None:
        if unicodedata.is_normalized("NFC", text):
            return None
        composed = nfc(text)
        span = changed_span(text, composed) if composed != text else None
        return Finding("is not in Unicode normal form NFC", span)

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.contains(f"[^{_ALWAYS_NORMAL}]")

    return Compiled(judge, suspects)
