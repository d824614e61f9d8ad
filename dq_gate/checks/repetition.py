"""Texts that say one thing over and over: a key held down, a paste that looped, a model that could not stop.

A word is a run of letters; in scripts written without spaces every character counts as one. The classes of characters
are spelled out, so that polars and Python's `re` find the same words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dq_gate.checks.base import Compiled, Options, Suspects, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

    from dq_gate.core.model import Span

_FEWEST = 12
"""Fewer repeated letters are emphasis, laughter or a refrain."""
_LONGEST_UNIT = 4
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_LETTERS = (
    r"A-Za-z\u00c0-\u0dff\u0f00-\u0fff\u10a0-\u177f\u1800-\u1fff\u2c00-\u2dff\ua000-\ud7ff\ufb00-\ufdff"
    r"\ufe70-\ufefc\uff21-\uff3a\uff41-\uff5a\uff66-\uffdc"
)
_WORD = rf"[{_LETTERS}]+|[{_UNSPACED}]"
_find_words = re.compile(_WORD).findall
_find_places = re.compile(_WORD).finditer


class RepetitionOptions(Options):
    """How much repetition is too much.

    Attributes:
        max_share: Share of the letters that may stand in repeated sequences of words.
        max_run: Characters that one to four characters may fill in turn, within a word.
    """

    max_share: Annotated[float, Field(ge=0, lt=1)] = 0.6
    max_run: Annotated[int, Field(ge=4, le=100)] = 20


@check(
    "no_repetition",
    RepetitionOptions,
    accepts=("str",),
    passes=(
        ({}, "nooooo, that is very very very slow hahahaha"),
        ({}, "| a | b |\n|-----------------------------|---|\n| 0 | 0 |"),
        ({}, "how do I reset my card? how do I reset my card?"),
    ),
    fails=(
        ({}, "buy now buy now buy now"),
        ({}, "a" * 40),
        ({}, "what is hahahahahahahahahahahahahahaha"),
        ({}, "你好吗" * 8),
        ({"max_share": 0.4}, "how do I reset my card? how do I reset my card?"),
    ),
)
def no_repetition(options: RepetitionOptions) -> Compiled:
    """The text does not say the same thing over and over.

    Options:
        max_share: the share of the text's letters that may stand in sequences of three words which the text had
            before; default 0.6. What was pasted twice passes, what was pasted three times fails; 0.4 fails both.
            Fewer than 12 repeated letters always pass.
        max_run: how many characters of a word may be one to four letters or digits in turn ("aaaa", "hahaha"), from
            4 to 100; default 20.

    It makes no difference whether the repetitions follow one another. Case counts. Rulers, tables of numbers, drawings
    and emoji pass: only letters are compared, and characters of scripts written without spaces (Chinese, Japanese,
    Thai, Lao, Khmer, Burmese) each as a word. A long text that loops only towards its end fails once the loop is the
    larger part.
    """
    find_run = _run_finder(options.max_run)

    def judge(text: str) -> Finding | None:
        if span := find_run(text):
            return Finding("has a word that goes on repeating a few letters", span)
        words = _find_words(text)
        stretches = list(_repeated(words))
        letters = sum(sum(map(len, words[start:end])) for start, end in stretches)
        if letters < _FEWEST or letters <= options.max_share * sum(map(len, words)):
            return None
        share = letters / sum(map(len, words))
        return Finding(f"repeats itself: {share:.0%} of it was there before", _span(text, *stretches[0]))

    return Compiled(judge, _may_repeat(options))


def _run_finder(longest: int) -> Callable[[str], Span | None]:
    """Finds the first word with a run of more than so many characters."""
    long_words = re.compile(rf"[{_LETTERS}0-9]{{{longest + 1},}}").finditer
    units = range(1, _LONGEST_UNIT + 1)
    find = re.compile("|".join(rf"(.{{{size}}})\{size}{{{longest // size}}}" for size in units)).search

    def first(text: str) -> Span | None:
        for word in long_words(text):
            if run := find(text, *word.span()):
                return run.span()
        return None

    return first


def _repeated(words: list[str]) -> Iterator[Span]:
    """The stretches of words that lie in a sequence of three that was there before."""
    triples = list(zip(words, words[1:], words[2:], strict=False))
    if len(set(triples)) == len(triples):
        return
    seen = set()
    start = end = 0
    for index, triple in enumerate(triples):
        if triple not in seen:
            seen.add(triple)
            continue
        if index > end:
            if end:
                yield start, end
            start = index
        end = index + 3
    yield start, end


def _span(text: str, start: int, end: int) -> Span:
    """Where the words between two numbers stand."""
    places = [place.span() for place in _find_places(text)]
    return places[start][0], places[end - 1][1]


def _may_repeat(options: RepetitionOptions) -> Suspects:
    """Marks rows with a long word, and those with too few different words: a repeated sequence adds none."""
    long_word = rf"[{_LETTERS}0-9]{{{options.max_run + 1}}}"

    def mark(texts: pl.Series) -> pl.Series:
        words = texts.str.extract_all(_WORD).list
        letters = words.join("").str.len_chars()
        repeated = letters - words.unique().list.join("").str.len_chars()
        return texts.str.contains(long_word) | ((repeated >= _FEWEST) & (repeated > options.max_share * letters))

    def suspects(column: pl.Expr) -> pl.Expr:
        import polars as pl

        return column.map_batches(mark, return_dtype=pl.Boolean)

    return suspects
