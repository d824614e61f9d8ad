"""Rules for one field of numbers: exact where the sample shows all there is, with room where it cannot."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Any

from dq_gate.packs.profile.rules import Candidate, expected, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.packs.profile.rules import Attachment
    from dq_gate.packs.profile.sample import Column

_FEWEST = 20
_SEEN_ON_AVERAGE = 10
"""How often a number comes in the sample, on average, where bounds are taken as they are."""
_MAX_CODES = 20
_MOST_NEW_CODES = 0.002
"""What is measured or counted has rare values; codes, as those of areas, have few."""
_MAX_STEPS = 50
_LEAST_DENSE = 0.8
_SMALLEST, _GREATEST = 1e-100, 2**62
"""Numbers beyond are nothing that was measured or counted, and sums of them may be no numbers any more."""


def number_rules(column: Column) -> Iterator[Candidate]:
    """What holds of a field's numbers. Those that never repeat count something up, and have no bounds."""
    if column.type not in ("int", "float") or column.counts.total() < _FEWEST:
        return
    if not all(map(_is_moderate, column.counts)) or _is_key(column):
        return
    if column.type == "int" and column.present >= _SEEN_ON_AVERAGE * len(column.counts):
        yield from _exact(column)
    yield _roomy(column)


def _is_moderate(number: float) -> bool:
    return number == 0 or _SMALLEST < abs(number) < _GREATEST


def _is_key(column: Column) -> bool:
    return column.is_unique and all(value == math.floor(value) for value in column.counts)


def _exact(column: Column) -> Iterator[Candidate]:
    """All numbers between two bounds, or codes: a set in which there are gaps, and hardly a number comes once."""
    counts = column.counts
    low, high = min(counts), max(counts)
    if len(counts) >= _LEAST_DENSE * (high - low + 1):
        if len(counts) <= _MAX_STEPS:
            refused = column.rows_where(lambda value: value in (low, high) and counts[value] == 1)
            yield _known(column, f"numbers from {low} to {high}", ("range", {"ge": low, "le": high}, None), refused)
        return
    refused = column.rows_where(lambda value: counts[value] == 1)
    if len(counts) <= _MAX_CODES or len(refused) <= _MOST_NEW_CODES * column.present:
        yield _known(column, "numbers with gaps", listed(column.name, column.slug, sorted(counts)), refused)


def _known(
    column: Column, found: str, rule: tuple[str, dict[str, Any], Attachment | None], refused: frozenset[int]
) -> Candidate:
    check, options, file = rule
    evidence = f"{len(column.counts)} distinct {found} in {column.present} rows"
    return Candidate(
        id=f"{column.slug}.number.known",
        kind="closed",
        field=column.name,
        check=check,
        options=options,
        why=f"{evidence}; another is expected in {expected(refused, column.present)}.",
        passing=(min(column.counts),),
        failing=(max(column.counts) + 1,),
        refused=refused,
        attachment=file,
    )


def _roomy(column: Column) -> Candidate:
    """Bounds as far again from the median as the sample goes; numbers that are never negative stay so."""
    low, high, middle = min(column.counts), max(column.counts), median(column.counts.elements())
    least = 0 if low >= 0 else _outwards(2 * low - middle, math.floor)
    most = 0 if high <= 0 else _outwards(2 * high - middle, math.ceil)
    whole = column.type == "int"
    bounds = {"ge": least, "le": most} if whole else {"ge": float(least), "le": float(most)}
    return Candidate(
        id=f"{column.slug}.number.range",
        kind="bounds",
        field=column.name,
        check="range",
        options=bounds,
        why=f"{low:g} to {high:g} in {column.present} rows, half of them up to {middle:g}; "
        "the bounds leave as much room again.",
        passing=(low,),
        failing=(bounds["le"] + max(1, abs(bounds["le"])),),
    )


def _outwards(number: float, rounded: Any) -> float:
    """A number with two digits, rounded away from what it bounds."""
    if not number:
        return 0
    scale = 10 ** (math.floor(math.log10(abs(number))) - 1)
    digits = rounded(number / scale)
    return int(digits * scale) if scale >= 1 else float(f"{digits * scale:.2g}")
