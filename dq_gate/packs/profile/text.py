"""Rules for one field of text: a closed set, a shape, known words, a length."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import re2

from dq_gate.checks.patterns import engine_options
from dq_gate.checks.vocabulary import words_of
from dq_gate.packs.profile.rules import Attachment, Candidate, expected, listed
from dq_gate.packs.profile.shapes import patterns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.packs.profile.sample import Column

FEWEST = 20
"""Fewer values than this show nothing that holds of others."""
_SEEN_ON_AVERAGE = 5
"""How often a value of a closed set comes in the sample, on average."""
_MAX_WORDS = 5000
_MAX_LISTED_WORDS = 60
_MAX_INLINE_WORDS = 1000
_LEAST_WORDED = 0.5
"""The share of values that have words at all, for these to be worth a rule."""
_LONGEST_LISTED = 300
_BLOCKS = " Equal values stand together: a file of other blocks of rows brings others."
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}\b")
_LEAST_DATED = 0.9


def text_rules(column: Column) -> Iterator[Candidate]:
    """What holds of a field's texts."""
    if column.type != "str" or column.counts.total() < FEWEST:
        return
    if not _are_dates(column):
        yield from _closed(column)
        yield from _words(column)
    yield from _shapes(column)
    yield _length(column)


def _are_dates(column: Column) -> bool:
    """Dates move on: those of a sample are no set."""
    dated = sum(count for text, count in column.counts.items() if _DATE.match(text))
    return dated >= _LEAST_DATED * column.present


def _closed(column: Column) -> Iterator[Candidate]:
    counts = column.counts
    if column.present < _SEEN_ON_AVERAGE * len(counts) or max(map(len, counts)) > _LONGEST_LISTED:
        return
    refused = column.rows_where(lambda value: counts[value] == 1)
    values = sorted(counts, key=lambda value: (-counts[value], value))
    number = "one value" if len(values) == 1 else f"{len(values)} distinct values"
    check, options, file = listed(column.name, column.slug, values)
    yield Candidate(
        id=f"{column.slug}.value.known",
        kind="closed",
        field=column.name,
        check=check,
        options=options,
        why=f"{number} in {column.present} rows; a new one is expected in {expected(refused, column.present)}."
        + (_BLOCKS if column.comes_in_blocks else ""),
        passing=tuple(values[:1]),
        failing=(f"{values[0]}?",) if f"{values[0]}?" not in counts else (),
        refused=refused,
        attachment=file,
    )


def _words(column: Column) -> Iterator[Candidate]:
    words_by_text = {text: {word for word, _ in words_of(text)} for text in column.counts}
    rows: Counter[str] = Counter()
    for text, words in words_by_text.items():
        for word in words:
            rows[word] += column.counts[text]
    worded = sum(column.counts[text] for text, words in words_by_text.items() if words)
    if not 0 < len(rows) <= _MAX_WORDS or worded < _LEAST_WORDED * column.present:
        return
    refused = column.rows_where(lambda text: any(rows[word] == 1 for word in words_by_text[text]))
    vocabulary = sorted(rows)
    evidence = f"{len(vocabulary)} distinct words in {column.present} rows; a new one is expected in"
    is_long = len(vocabulary) > _MAX_LISTED_WORDS
    content = "".join(f"{word}\n" for word in vocabulary)
    yield Candidate(
        id=f"{column.slug}.words.known",
        kind="words",
        field=column.name,
        check="known_words",
        options={} if is_long else {"words": vocabulary},
        why=f"{evidence} {expected(refused, column.present)}. Most others are misspelt.",
        passing=(vocabulary[0],),
        failing=("xqz" * 5,),
        refused=refused,
        attachment=Attachment(
            "words_file",
            f"{column.slug}.words.txt",
            content,
            {"words": vocabulary} if len(vocabulary) <= _MAX_INLINE_WORDS else None,
        )
        if is_long
        else None,
    )


def _shapes(column: Column) -> Iterator[Candidate]:
    for pattern in patterns(column.counts):
        matches = re2.compile(pattern.expression, engine_options(ignore_case=False)).search
        if not all(map(matches, column.counts)):
            continue
        refused = column.rows_where(pattern.unlike.__contains__)
        ways = "one way" if pattern.shapes == 1 else f"{pattern.shapes} ways"
        written = f"written in {ways}" if pattern.shapes else "made of these characters"
        failing = next((text for text in ("?", "~ \u00a4 ~", "") if not matches(text)), None)
        yield Candidate(
            id=f"{column.slug}.text.{'shape' if pattern.shapes else 'characters'}",
            kind="shape" if pattern.shapes else "characters",
            field=column.name,
            check="matches",
            options={"pattern": pattern.expression},
            why=f"{column.present} values are {written}; another is expected in {expected(refused, column.present)}.",
            passing=(pattern.example,) if matches(pattern.example) else (),
            failing=() if failing is None else (failing,),
            refused=refused,
        )


def _length(column: Column) -> Candidate:
    lengths = [len(text) for text in column.counts]
    low, high = min(lengths), max(lengths)
    least, most = (low + 1) // 2, _round_up(2 * high)
    return Candidate(
        id=f"{column.slug}.text.length",
        kind="length",
        field=column.name,
        check="length",
        options={"min": least, "max": most} if least else {"max": most},
        why=f"{low} to {high} characters in {column.present} rows; the bounds leave room for half and twice of that.",
        passing=("x" * max(least, 1),),
    )


def _round_up(number: int) -> int:
    """To two digits, upwards."""
    unit: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // unit) * unit
