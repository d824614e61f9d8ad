"""What `rules lint` finds in a pack that loads."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.packs.lint import problems
from tests.packs import make_pack

FIELDS = {
    "query": {"type": "str"},
    "page": {"type": "int", "ge": 1, "le": 100, "required": False},
    "tenant": {"type": "str", "one_of": ["acme", "globex"]},
    "note": {"type": "str", "default": "x"},
}
TODAY = date(2026, 6, 30)
TOLD = {"why": "because", "examples": {"pass": ["a"], "fail": [""]}}


def rule(check="not_blank", field="query", number=1, **more):
    return {"id": f"{field}.rule.x{number}", "field": field, "check": check} | TOLD | more


def found(*rules):
    return [(problem.rule_id, problem.problem) for problem in problems(make_pack(FIELDS, rules), TODAY)]


def test_a_rule_with_reason_and_examples_leaves_nothing_to_say():
    assert found(rule()) == []


def test_what_a_rule_lacks_is_told_with_its_place():
    bare = {"id": "query.rule.x", "field": "query", "check": "not_blank"}
    told = list(problems(make_pack(FIELDS, [bare]), TODAY))
    assert [problem.problem for problem in told] == [
        "has no `why`; say what goes wrong without it",
        "has no example that passes",
        "has no example that fails",
    ]
    assert {(problem.rule_id, problem.path, problem.line) for problem in told} == {("query.rule.x", "test.yaml", 1)}


def test_not_null_needs_no_failing_example_as_no_value_fails_it():
    assert found(rule("not_null", "page", examples={"pass": [1]})) == []


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ({}, "is in shadow mode without a `shadow_until`; say when its trial ends"),
        ({"shadow_until": "2026-06-29"}, "was to be in shadow mode until 2026-06-29; enforce it or drop it"),
        ({"shadow_until": "2026-06-30"}, None),
    ],
)
def test_a_trial_in_shadow_mode_wants_an_end(key, problem):
    assert [text for _, text in found(rule(mode="shadow", **key))] == ([problem] if problem else [])


TRIAL = {"mode": "shadow", "shadow_until": "2027-01-01"}
ONE_OF = "it passes every value that `one_of` allows for `tenant`"
NEVER_NULL = "null never reaches it, for `{}` is required or has a default"


@pytest.mark.parametrize(
    ("rules", "unreachable", "why"),
    [
        ([rule(), rule(number=2)], "query.rule.x2", "query.rule.x1 is the same"),
        ([rule(**TRIAL), rule(number=2)], "query.rule.x1", "query.rule.x2 is the same"),
        ([rule("length", max=5), rule("length", number=2, min=1, max=5)], "query.rule.x1", "query.rule.x2 is stricter"),
        ([rule("range", "page", ge=0, le=200)], "page.rule.x1", None),
        ([rule("range", "page", ge=0)], "page.rule.x1", "field.page.ge is stricter"),
        ([rule("length", "tenant", max=9)], "tenant.rule.x1", ONE_OF),
        ([rule("not_null", "query")], "query.rule.x1", NEVER_NULL.format("query")),
        ([rule("not_null", "note")], "note.rule.x1", NEVER_NULL.format("note")),
        (
            [rule("not_matches", patterns=["a", "b"]), rule("not_matches", number=2, patterns=["b"])],
            "query.rule.x2",
            "query.rule.x1 is stricter",
        ),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_decide_anything_is_told(rules, unreachable, why):
    told = [(rule_id, text) for rule_id, text in found(*rules) if "never decide" in text]
    assert told == ([(unreachable, f"can never decide anything: {why}")] if why else [])


@pytest.mark.parametrize(
    "rules",
    [
        [rule("length", max=5), rule("length", number=2, min=1, max=9)],
        [rule(on_fail="warn"), rule(number=2, **TRIAL)],
        [rule("not_matches", patterns=["a", "b"]), rule("not_matches", number=2, patterns=["b"], ignore_case=True)],
        [rule("normalized"), rule("normalized", number=2, repair="nfc")],
        [rule("length", "tenant", max=5)],
        [rule("not_null", "page")],
    ],
)
def test_a_rule_that_can_decide_something_is_not(rules):
    assert [text for _, text in found(*rules) if "never decide" in text] == []


def test_a_rule_about_text_that_is_slow_is_told(monkeypatch):
    plain = CATALOGUE["not_blank"]
    slow = replace(
        plain,
        compile=lambda options, context: replace(plain.compile(options, context), judge=lambda _: time.sleep(0.001)),
    )
    monkeypatch.setitem(CATALOGUE, "not_blank", slow)
    ((rule_id, problem),) = found(rule())
    assert rule_id == "query.rule.x1"
    assert problem.startswith("is slow: ")
