"""Text whose words all stand in a list: what misspellings and foreign bodies do not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StrictStr

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

_find_words = re.compile(r"[^\W_]+").finditer
_ASCII_WORD = "[0-9a-z]+"
_NOT_ASCII = r"[^\x00-\x7F]"
_FINDING = "has a word that is not in the list of {} words"


def words_of(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The words of a text, letter case aside, and where they stand. Whole numbers are no words.

    A word is a run of letters and digits; everything else separates words.
    """
    for match in _find_words(text):
        word = match.group()
        if not word.isdecimal():
            yield word.casefold(), match.span()


class KnownWordsOptions(Options):
    """The words allowed.

    Attributes:
        words: Each a run of letters and digits, in either case.
    """

    words: Annotated[list[StrictStr], Field(min_length=1)]


@check(
    "known_words",
    KnownWordsOptions,
    accepts=("str",),
    passes=(({"words": ["acute", "care"]}, "Acute-care, 24"), ({"words": ["pn", "3b"]}, "pn_3b")),
    fails=(({"words": ["acute", "care"]}, "acxte care"), ({"words": ["patients"]}, "3x patients")),
)
def known_words(options: KnownWordsOptions) -> Compiled:
    """Every word of the text is in a list.

    Options:
        words: the words that pass, all of them plain letters and digits.
        words_file: a UTF-8 file beside the pack, one word a line, `#` starts a comment line. It stands in place of
            `words`; one of the two is required.

    For text that is put together from few words, such as categories, codes and the names of a fixed set of things:
    a misspelt word is one that is not in the list. A word is a run of letters and digits; its case does not count, and
    numbers always pass. The finding says where the first unknown word stands. `rules profile` writes such a rule where
    its sample holds nearly every word there is.
    """
    known = frozenset(word.casefold() for word in options.words)
    for word in options.words:
        if [found for found, _ in words_of(word)] != [word.casefold()]:
            raise ValueError(f"{word!r} is no single word of letters and digits")
    message = _FINDING.format(len(known))

    def judge(text: str) -> Finding | None:
        for word, span in words_of(text):
            if word not in known:
                return Finding(message, span)
        return None

    return Compiled(judge, lambda column: _suspects(column, sorted(filter(str.isascii, known))))


def _suspects(column: pl.Expr, known: list[str]) -> pl.Expr:
    """Marks text with an unknown word, and text that is not ASCII, whose words Rust may cut differently."""
    import polars as pl

    word = pl.element()
    is_unknown = ~(word.is_in(known) | word.str.contains("^[0-9]+$"))
    words = column.str.to_lowercase().str.extract_all(_ASCII_WORD)
    return words.list.eval(is_unknown).list.any() | column.str.contains(_NOT_ASCII)
