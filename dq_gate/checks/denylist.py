"""Phrases that must not occur: a list of any length, at a cost that hardly grows with it.

Text and phrases are folded before they are compared: white space becomes single spaces and, unless case counts,
letters their case-folded forms.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import re2
from pydantic import AfterValidator, Field, StrictStr

from dq_gate.checks.base import Compiled, Options, Suspects, check
from dq_gate.checks.patterns import engine_options, search_set, without_surrogates
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from dq_gate.core.model import Span

_MAX_PHRASE = 200
_HEAD = 32
"""Code points of a phrase that are searched for at first; the rest is compared where these are found."""

_MARKS = (
    r"\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    r"\u0900-\u0963\u0971-\u0df3\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20f0\ufe00-\ufe0f\ufe20-\ufe2f"
)
"""What belongs to the letter before it."""
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
"""Scripts written without spaces: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""
_joins = re.compile(rf"(?:[^\W{_UNSPACED}]|[{_MARKS}]){{2}}").fullmatch
"""Whether two characters stand in one word."""
_ODD_SPACE = r"[\t-\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]|  "


def _valid_phrases(phrases: list[str]) -> list[str]:
    for number, phrase in enumerate(phrases, start=1):
        if reason := _reason(phrase):
            raise ValueError(f"phrase {number} of {len(phrases)} {reason}")
    return phrases


def _reason(phrase: str) -> str | None:
    """Why a phrase is refused."""
    if not phrase.strip():
        return "is blank"
    if len(phrase) > _MAX_PHRASE:
        return f"has more than {_MAX_PHRASE} code points"
    if any("\ud800" <= character <= "\udfff" for character in phrase):
        return "has a lone surrogate"
    return None


class DenylistOptions(Options):
    """The phrases.

    Attributes:
        phrases: Literal text.
        whole_words: Whether a phrase must begin and end where words do.
        ignore_case: Whether letters match in either case.
    """

    phrases: Annotated[list[StrictStr], Field(min_length=1), AfterValidator(_valid_phrases)]
    whole_words: bool = True
    ignore_case: bool = True


@check(
    "denylist",
    DenylistOptions,
    accepts=("str",),
    passes=(
        ({"phrases": ["hell", "project x"]}, "hello, which projects?"),
        ({"phrases": ["IT"], "ignore_case": False}, "is it late?"),
    ),
    fails=(
        ({"phrases": ["hell", "project x"]}, "what is Project\n  X about?"),
        ({"phrases": ["straße"]}, "in der STRASSE"),
        ({"phrases": ["炸弹"]}, "如何制造炸弹"),
        ({"phrases": ["hell"], "whole_words": False}, "hello"),
    ),
)
def denylist(options: DenylistOptions) -> Compiled:
    """The text has none of a list of phrases.

    Options:
        phrases: the phrases, as literal text of at most 200 code points each.
        phrases_file: a UTF-8 file beside the pack, one phrase a line, `#` starts a comment line. It stands in place
            of `phrases`; one of the two is required.
        whole_words: false finds phrases within words too; default true. In scripts written without spaces (Chinese,
            Japanese, Thai, Lao, Khmer, Burmese) phrases are found anywhere.
        ignore_case: false makes case count; default true. Letters are compared by Unicode's full case folding:
            "STRASSE" is "straße".

    White space of any kind and length in the text matches a space of a phrase. The list may be long: ten thousand
    phrases are searched for in about the time of twenty. The finding names a phrase by its number, and where it is.
    Different spellings of one letter (composed or not, full width) are different: put `normalized`, with its repair,
    before this rule.
    """
    fold = _folding(ignore_case=options.ignore_case)
    phrases = [fold(phrase) for phrase in options.phrases]
    heads = [_head(phrase, whole_words=options.whole_words) for phrase in phrases]
    search = search_set(heads, engine_options(ignore_case=False))

    def judge(text: str) -> Finding | None:
        folded = fold(text)
        for number in sorted(search(folded) or ()):
            found = _find(phrases[number], folded, whole_words=options.whole_words)
            if found is not None:
                span = _original_span(text, found, fold)
                return Finding(f"has phrase {number + 1} of {len(phrases)}", span)
        return None

    beginnings = [phrase[:_HEAD] for phrase in phrases]
    return Compiled(without_surrogates(judge), _may_contain(beginnings, ignore_case=options.ignore_case))


def _folding(*, ignore_case: bool) -> Callable[[str], str]:
    if ignore_case:
        return lambda text: " ".join(text.casefold().split())
    return lambda text: " ".join(text.split())


def _head(phrase: str, *, whole_words: bool) -> str:
    """An expression that matches wherever the phrase is found, and, since RE2's word boundary is ASCII, elsewhere."""
    start = r"\b" if whole_words and _is_ascii_word(phrase[0]) else ""
    end = r"\b" if whole_words and _is_ascii_word(phrase[-1]) and len(phrase) <= _HEAD else ""
    return start + str(re2.escape(phrase[:_HEAD])) + end


def _is_ascii_word(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character == "_")


def _find(phrase: str, folded: str, *, whole_words: bool) -> Span | None:
    start = folded.find(phrase)
    while start >= 0:
        end = start + len(phrase)
        if not whole_words or not (_joins(folded[max(start - 1, 0) : start + 1]) or _joins(folded[end - 1 : end + 1])):
            return start, end
        start = folded.find(phrase, start + 1)
    return None


def _original_span(text: str, found: Span, fold: Callable[[str], str]) -> Span:
    """Where in the text something stands that was found in its folded form."""
    origins: list[int] = []
    for index, character in enumerate(text):
        if not character.isspace():
            origins += [index] * len(fold(character))
        elif origins and not text[index - 1].isspace():
            origins.append(index)
    start, end = found
    return origins[start], origins[end - 1] + 1


def _may_contain(beginnings: Sequence[str], *, ignore_case: bool) -> Suspects:
    """Marks the rows with a phrase's beginning in them, and those that only folding can compare."""
    foldable = rf"[^\x00-\x7f]|{_ODD_SPACE}" if ignore_case else _ODD_SPACE

    def suspects(column: pl.Expr) -> pl.Expr:
        found = column.str.contains_any(list(beginnings), ascii_case_insensitive=ignore_case)
        return found | column.str.contains(foldable)

    return suspects
