"""No text makes a check take more than linear time, whoever wrote it to that end.

What is counted is the processor's time for a text and for one eight times as long: linear work takes eight times the
time, quadratic work sixty-four. The bound lies well between, and only what takes long enough to be measured counts.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import process_time
from typing import Any

import polars as pl
import pytest

import dq_gate.engines  # noqa: F401 - enters the engines in the catalogue
from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Compiled, CompiledRecord
from tests.batches import compiled

Call = Callable[[str], object]

LENGTH = 8_000
"""Code points of the shorter text; less for what is slow."""
SLOW = 0.02
"""Seconds from which on a call is measured with shorter texts."""
TIMES = 8
MOST = 24
"""How many times as long the longer text may take."""
FLOOR = 0.01
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

FILES = {"words.txt": b"a\nword\n"}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "foreign_key": [{"file": "words.txt"}],
    "matches": [{"pattern": "^(a+)+$"}, {"pattern": "^(([a-z0-9])+.)+[A-Z]([a-z0-9])+$", "ignore_case": True}],
    "not_matches": [{"patterns": ["(a*)*!", "(.*a){9}!", r"(\w+\s?)+!"]}, {"patterns": ["^test$"]}],
    "cel": [{"expr": "v.matches('^(a+)+$') || v.contains('aab')"}, {"expr": "size(v) > 9 && v + v != v"}],
}
"""Options that are worse than those of the samples."""


@dataclass(frozen=True)
class Hostile:
    """A kind of text, of any length."""

    name: str
    make: Callable[[int], str] = field(repr=False)


def repeated(unit: str, end: str = "") -> Hostile:
    return Hostile(f"{unit!r}..{end!r}", lambda length: unit * (length // len(unit)) + end)


def nested(opening: str, closing: str) -> Hostile:
    pair = len(opening) + len(closing)
    return Hostile(
        f"{opening!r}..{closing!r}", lambda length: opening * (length // pair) + "a" + closing * (length // pair)
    )


HOSTILE = [
    *map(repeated, UNITS),
    *(repeated(unit, end) for unit in ("a", "a ", "0", "漢", "<a ") for end in ENDS),
    *(nested(*pair) for pair in NESTS),
]


def hostile_to(check) -> list[Hostile]:
    """All of that, and the check's own samples, whole and cut off at either end."""
    samples = [value for _, value in (*check.fails, *check.passes) if isinstance(value, str)]
    parts = (part for sample in samples for part in (sample, f"{sample} ", sample[:-1], sample[1:]))
    return [*HOSTILE, *(repeated(part) for part in dict.fromkeys(parts) if part)]


def seconds(call: Call, text: str, tries: int) -> float:
    """Processor time of one call, the best of some."""
    best = float("inf")
    for _ in range(tries):
        started = process_time()
        call(text)
        best = min(best, process_time() - started)
    return best


def excess(call: Call, text: Hostile) -> str | None:
    """How much slower than linear a call is, if it is."""
    length = LENGTH
    while length > 500 and seconds(call, text.make(length), 1) > SLOW:
        length //= 2
    long_text = text.make(TIMES * length)
    if seconds(call, long_text, 1) <= FLOOR:
        return None
    short, long = seconds(call, text.make(length), 5), seconds(call, long_text, 2)
    if long <= FLOOR or long <= MOST * short:
        return None
    return f"{text.name}: {length} code points {short * 1000:.3f} ms, {TIMES * length} {long * 1000:.3f} ms"


def excesses(call: Call, texts: Iterable[Hostile]) -> list[str]:
    """The texts on which a call is slower than linear."""
    gc.disable()
    try:
        return [found for text in texts if (found := excess(call, text))]
    finally:
        gc.enable()


def options_of(check) -> list[dict[str, Any]]:
    """Each set of options that its samples have, those for numbers left out."""
    samples = (*check.fails, *check.passes)
    sets = OPTIONS.get(check.name) or [options for options, value in samples if isinstance(value, (str, dict, list))]
    return [options for number, options in enumerate(sets) if options not in sets[:number]]


def compile_on_text(check, options):
    """The check of a field `v`, beside another one that some checks need."""
    beside = options.get("given", "other")
    return compiled(check.name, options, field="v", fields={"v": "str", beside: "str"}, files=FILES), beside


CHECKS = [
    check
    for check in CATALOGUE.values()
    if "request" in check.planes and ("str" in check.accepts or check.name == "cel") and check.name != "python"
]
CASES = [
    pytest.param(check, options, id=f"{check.name}-{number}")
    for check in CHECKS
    for number, options in enumerate(options_of(check))
]


@pytest.mark.parametrize(("check", "options"), CASES)
def test_judging_takes_linear_time(check, options):
    rule, beside = compile_on_text(check, options)
    if isinstance(rule, CompiledRecord):
        assert excesses(lambda text: rule.judge({"v": text, beside: text}), hostile_to(check)) == []
    else:
        assert excesses(rule.judge, hostile_to(check)) == []


@pytest.mark.parametrize(
    ("check", "repair"), [pytest.param(check, name, id=name) for check in CHECKS for name in check.repairs]
)
def test_repairing_takes_linear_time(check, repair):
    assert excesses(check.repairs[repair], hostile_to(check)) == []


@pytest.mark.parametrize(("check", "options"), CASES)
def test_redacting_takes_linear_time(check, options):
    rule, _ = compile_on_text(check, options)
    if isinstance(rule, Compiled) and rule.redact is not None:
        assert excesses(rule.redact, hostile_to(check)) == []


@pytest.mark.parametrize(("check", "options"), CASES)
def test_the_columnar_form_takes_linear_time(check, options):
    rule, _ = compile_on_text(check, options)
    if isinstance(rule, Compiled) and rule.suspects is not None:
        mark = rule.suspects(pl.col("v"))
        texts = [text for text in hostile_to(check) if is_encodable(text.make(40))]
        assert excesses(lambda text: pl.select(v=pl.lit(text)).select(mark), texts) == []


def test_judging_a_vector_takes_linear_time():
    def judge(text):
        rule = compiled("vector", {"dimension": len(text), "dense": True})
        return rule.judge([0.5] * len(text))

    assert excesses(judge, [repeated("a")]) == []


def is_encodable(text: str) -> bool:
    return not re.search("[\ud800-\udfff]", text)


@pytest.mark.parametrize(
    "judge",
    [
        pytest.param(lambda text: re.search("a*b", text), id="a-regex-that-starts-over"),
        pytest.param(lambda text: sum(text[at:] < "b" for at in range(len(text))), id="a-copy-for-each-character"),
        pytest.param(lambda text: sum(char in text[:at] for at, char in enumerate(text)), id="a-look-back"),
        pytest.param(lambda text: [text.count(word) for word in text.split()], id="a-count-for-each-word"),
    ],
)
def test_a_judge_of_quadratic_time_is_found(judge):
    assert excesses(judge, [repeated("a"), repeated("a ")]) != []


def test_a_slow_judge_of_linear_time_is_none():
    assert excesses(lambda text: [char.casefold() for char in text for _ in range(20)], [repeated("a")]) == []
