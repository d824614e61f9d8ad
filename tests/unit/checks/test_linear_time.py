"""No text makes a check take more than linear time, whoever wrote it to that end."""

from __future__ import annotations

import re
from typing import Any

import polars as pl
import pytest

import dq_gate.engines  # noqa: F401 - enters the engines in the catalogue
from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Compiled, CompiledRecord
from tests.batches import compiled
from tests.growth import HOSTILE, Hostile, excesses, repeated

FILES = {"words.txt": b"a\nword\n"}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "foreign_key": [{"file": "words.txt"}],
    "matches": [{"pattern": "^(a+)+$"}, {"pattern": "^(([a-z0-9])+.)+[A-Z]([a-z0-9])+$", "ignore_case": True}],
    "not_matches": [{"patterns": ["(a*)*!", "(.*a){9}!", r"(\w+\s?)+!"]}, {"patterns": ["^test$"]}],
    "cel": [{"expr": "v.matches('^(a+)+$') || v.contains('aab')"}, {"expr": "size(v) > 9 && v + v != v"}],
}
"""Options that are worse than those of the samples."""


def hostile_to(check) -> list[Hostile]:
    """All of that, and the check's own samples, whole and cut off at either end."""
    samples = [value for _, value in (*check.fails, *check.passes) if isinstance(value, str)]
    parts = (part for sample in samples for part in (sample, f"{sample} ", sample[:-1], sample[1:]))
    return [*HOSTILE, *(repeated(part) for part in dict.fromkeys(parts) if part)]


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
        pytest.param(lambda text: sum(text[at:].count("b") for at in range(len(text))), id="a-search-from-each-place"),
        pytest.param(lambda text: sum(text[:at].count("b") for at in range(len(text))), id="a-look-back"),
        pytest.param(lambda text: [text.count(word) for word in text.split()], id="a-count-for-each-word"),
    ],
)
def test_a_judge_of_quadratic_time_is_found(judge):
    assert excesses(judge, [repeated("a"), repeated("a ")]) != []


def test_a_slow_judge_of_linear_time_is_none():
    assert excesses(lambda text: [char.casefold() for char in text for _ in range(20)], [repeated("a")]) == []
