"""Keyboard mash: letters in an order that no language has."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING

import re2

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    import polars as pl

_LONGEST = 5000
"""Characters looked at: what begins like text is no mash."""
_FEWEST_LETTERS = 7
"""Of mash in all; fewer could be an abbreviation."""
_SHORTEST_WORD = 5
_SHORTEST_CAPITALS = 8
"""Shorter words in capitals are abbreviations."""
_RARE = 6
_LIMIT = 5
_LIMIT_OF_NAMES = 9
"""Levels as in data/letter_triples.txt: a word of mash has a triple that is rare in words, and all of its triples
together exceed a limit, which is higher for a word that begins with a capital."""

_tokens = re.compile(r"[^\W_]+").finditer
_pieces = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])").findall
_shorten_runs = re.compile(r"(.)\1{2,}").sub


@check(
    "not_gibberish",
    Options,
    accepts=("str",),
    passes=(
        ({}, "whre is teh 7th game of the world serie playd"),
        ({}, "part WH-1000XM4 or B07XJ8C8F5, error 0x80070005"),
        ({}, "NSXMLParserDelegateAbortedParseError"),
        ({}, "Rechtsschutzversicherungsgesellschaft"),
        ({}, "noooooo hahahaha"),
        ({}, "what does dfgkjhsdfg mean?"),
    ),
    fails=(
        ({}, "dfgkjhsdfg"),
        ({}, "SDFKJHSDKJFH"),
        ({}, "sdkfjh hskdjfh skdjhf"),
        ({}, "qwertyuiop asdfghjkl"),
    ),
)
def not_gibberish(_options: Options) -> Compiled:
    """The text is not, for the most part, letters typed at random.

    A text fails when more than half of its letters are in words of mash, and those have seven letters or more. Words
    are judged by their triples of letters: how much more likely these are under fingers drumming on a keyboard than
    in the words of 48 languages of Latin script, in names and in identifiers.

    Passed as undecided: words of fewer than five letters, words in capitals of fewer than eight (abbreviations),
    words with digits (part numbers, hashes), and letters beyond ASCII, so that a text in another script never fails.
    Misspelled text passes, as do laughter and drawn-out words. Of a text longer than 5,000 characters, the beginning
    is judged.
    """
    find_rare = _finder_of_rare_triples()
    levels = _levels()

    def judge(text: str) -> Finding | None:
        head = text[:_LONGEST]
        if find_rare(head.encode("ascii", "replace")) is None:
            return None
        return _judge_words(head, levels)

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.contains(_rare_triples())

    return Compiled(judge, suspects)


def _judge_words(text: str, levels: dict[str, int]) -> Finding | None:
    letters = mash = 0
    first = None
    for token in _tokens(text):
        word = token[0]
        if word.isdigit():
            continue
        letters += len(word)
        mashed = _mashed_letters(word, levels)
        if mashed:
            mash += mashed
            first = first or token
    if first is None or mash < _FEWEST_LETTERS or mash * 2 <= letters:
        return None
    return Finding("is mostly letters in an order that no language has", first.span())


def _mashed_letters(word: str, levels: dict[str, int]) -> int:
    if len(word) < _SHORTEST_WORD or not word.isascii() or not word.isalpha():
        return 0
    if word.islower():
        return len(word) if _is_mash(word, _LIMIT, levels) else 0
    if word.isupper():
        is_long = len(word) >= _SHORTEST_CAPITALS
        return len(word) if is_long and _is_mash(word.lower(), _LIMIT, levels) else 0
    parts = [part for part in _pieces(word) if not part.isupper()]  # capitals within a word: an abbreviation
    return sum(len(part) for part in parts if _is_mash(part.lower(), _LIMIT_OF_NAMES, levels))


def _is_mash(word: str, limit: int, levels: dict[str, int]) -> bool:
    word = _shorten_runs(r"\1\1", word)
    if len(word) < _SHORTEST_WORD:
        return False
    found = [levels[word[i : i + 3]] for i in range(len(word) - 2)]
    return sum(found) > limit and max(found) >= _RARE


@cache
def _levels() -> dict[str, int]:
    """The level of each triple of small letters."""
    text = resources.files("dq_gate.checks").joinpath("data/letter_triples.txt").read_text("utf-8")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {pair + chr(ord("a") + i): ord(level) - ord("I") for pair, row in rows for i, level in enumerate(row)}


@cache
def _rare_triples() -> str:
    """An expression for any triple that is rare in words: without one, nothing is mash."""
    rare = [triple for triple, level in sorted(_levels().items()) if level >= _RARE]
    pairs = groupby(rare, key=lambda triple: triple[:2])
    thirds = {pair: "".join(triple[2] for triple in group) for pair, group in pairs}
    firsts = groupby(thirds, key=lambda pair: pair[0])
    seconds = [(first, "|".join(f"{pair[1]}[{thirds[pair]}]" for pair in group)) for first, group in firsts]
    return f"(?i:{'|'.join(f'{first}(?:{second})' for first, second in seconds)})"


@cache
def _finder_of_rare_triples() -> re2._Regexp:
    options = re2.Options()
    options.never_capture = True
    return re2.compile(_rare_triples(), options).search
