"""Whether work grows faster than what it is done on: hostile texts, and how the time they take is held against a line.

What is counted is the processor's time for an input and for one eight times as long: linear work takes eight times the
time, quadratic work sixty-four. The bound lies well between, and only what takes long enough to be measured counts, so
that a busy machine makes no difference.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import process_time
from typing import Any

Call = Callable[[Any], object]

LENGTH = 4_000
"""Code points of the shorter text; less for what is slow."""
SLOW = 0.01
"""Seconds from which on a call is measured with shorter texts."""
TIMES = 8
MOST = 24
"""How many times as long the longer text may take."""
ROUNDS = ((1, MOST / 2), (2, MOST / 2), (8, MOST))
"""How often the longer text is measured, and how many times as long it may take then. What looks slow is measured for
longer: a busy machine slows some calls, a quadratic judge the best of them."""
FLOOR = 0.005
"""Seconds that the longer text may take in any case: a sixth of a microsecond for a character."""

UNITS = [
    *"aA0 \n.,;:@%<>&=-+/\\()[]{}'\"_#$~",
    *"éßяаα漢か한عא๑क", "\u200b", "\u200d", "\u00ad", "\u202e", "\ufe0f", "\u0301", "\u0345", "\u05b8", "\u0e49",
    "😀", "👩\u200d", "🏴\U000e0067", "\ufffd", "\ue000", "\x00", "\x1b[", "\ud83d", "ſ", "İ", "ﬁ", "ａ", "𝐚",
    "ab", "a ", " a", "a.", "a@", "@a.", "a-", "a_", "a1", "A1", "aB", "1 ", "1-", "1.", "1,", "0x", "9" * 15 + " ",
    "<a", "<a ", "<a b=", "<!--", "</", "<>", "&a", "&#1", "&amp", "%2", "%25", "=a", "a=", "a:b", "://", "http://a",
    "()", ")(", "([", "{}", "[[", "\\\\", "\\u00", "''", '"a', "e\u0301", "a\u200b", "\u200b\u0301", "é ", "Ã", "Ã©",
    "â€", "Ã ", "aя", "pа", "а a", "漢a", "عא", "क्", "\u2066", "\u2066\u2069", "word ", "word\n", "wordword", "the ",
    "ignore ", "-----BEGIN ", "password=", "password: '", "AKIA", "eyJ", "eyJh.", "a@a.a,", "+1 ", "DE", "\t=", "=1+",
]  # fmt: skip
"""What is repeated to make a text: runs, pairs, beginnings that never end, broken characters."""
ENDS = ["!", "@", "1", "<", "я", "\u0301", "\n"]
"""What comes after a long run, to take it all back."""
NESTS = [("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"), ("<b>", "</b>"), ("\u2066", "\u2069"), ("'", "'")]


@dataclass(frozen=True)
class Hostile:
    """A kind of input, of any length: usually a text."""

    name: str
    make: Callable[[int], Any] = field(repr=False)


def repeated(unit: str, end: str = "") -> Hostile:
    return Hostile(f"{unit!r}..{end!r}", lambda length: unit * (length // len(unit)) + end)


def nested(opening: str, closing: str) -> Hostile:
    pair = len(opening) + len(closing)
    return Hostile(
        f"{opening!r}..{closing!r}", lambda length: opening * (length // pair) + "a" + closing * (length // pair)
    )


def all_different(unit: str, end: str) -> Hostile:
    """Words of which none comes twice."""

    def make(length: int) -> str:
        each = len(unit) + len(end) + 6
        return "".join(f"{unit}{number:06}{end}" for number in range(length // each))

    return Hostile(f"{unit!r}000000{end!r}.. counting up", make)


HOSTILE = [
    *map(repeated, UNITS),
    *(
        all_different(*parts)
        for parts in (("w", " "), ("", " "), ("a@b", ".c "), ("&#", ";"), ("<a", ">"), ("а", "a "))
    ),
    *(repeated(unit, end) for unit in ("a", "a ", "0", "漢", "<a ") for end in ENDS),
    *(nested(*pair) for pair in NESTS),
]


def seconds(call: Call, value: Any, tries: int) -> float:
    """Processor time of one call, the best of some."""
    best = float("inf")
    for _ in range(tries):
        started = process_time()
        call(value)
        best = min(best, process_time() - started)
    return best


def excess(call: Call, kind: Hostile) -> str | None:
    """How much slower than linear a call is, if it is."""
    length = LENGTH
    while length > 500 and seconds(call, kind.make(length), 1) > SLOW:
        length //= 2
    shorter, longer = kind.make(length), kind.make(TIMES * length)
    short = long = float("inf")
    for tries, most in ROUNDS:
        long = min(long, seconds(call, longer, tries))
        if long <= FLOOR:
            return None
        short = min(short, seconds(call, shorter, 3 * tries))
        if long <= most * short:
            return None
    return f"{kind.name}: {length} long {short * 1000:.3f} ms, {TIMES * length} {long * 1000:.3f} ms"


def excesses(call: Call, kinds: Iterable[Hostile]) -> list[str]:
    """The kinds of input on which a call is slower than linear."""
    gc.disable()
    try:
        return [found for kind in kinds if (found := excess(call, kind))]
    finally:
        gc.enable()
