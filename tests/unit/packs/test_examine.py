"""What `rules test` finds in a pack."""

from __future__ import annotations

from dq_gate.packs.examine import ExampleResult, run_examples
from tests.packs import make_pack

FIELDS = {"query": {"type": "str"}, "tags": {"type": "list[str]", "required": False}}


def rule(check="not_blank", field="query", **more):
    return {"id": f"{field}.rule.x", "field": field, "check": check} | more


def results(*rules):
    return list(run_examples(make_pack(FIELDS, rules)))


def test_examples_that_hold():
    found = results(rule(examples={"pass": ["a"], "fail": ["", " "]}))
    assert [(result.expected, result.number, result.holds, result.detail) for result in found] == [
        ("pass", 1, True, ""),
        ("fail", 1, True, ""),
        ("fail", 2, True, ""),
    ]


def test_examples_that_do_not_hold_say_what_happened_instead():
    found = results(rule(examples={"pass": [" "], "fail": ["a"]}))
    assert found == [
        ExampleResult("query.rule.x", "pass", 1, holds=False, detail="has no visible character"),
        ExampleResult("query.rule.x", "fail", 1, holds=False, detail="passed"),
    ]


def test_examples_of_the_wrong_type_do_not_hold_and_break_nothing():
    found = results(rule("no_invisible", examples={"pass": [5], "fail": [None]}))
    assert [result.holds for result in found] == [False, False]


def test_examples_of_a_list_field_are_lists():
    found = results(rule(field="tags", examples={"pass": [["a", "b"], []], "fail": [["a", ""]]}))
    assert [result.holds for result in found] == [True, True, True]


def test_every_rule_is_run_whatever_its_mode():
    found = results(rule(mode="shadow", on_fail="warn", examples={"fail": [""]}))
    assert [result.holds for result in found] == [True]


def test_examples_of_a_rule_about_batches_are_lists_of_values():
    found = results(rule("unique", examples={"pass": [["a", "b"], [], [5, 5]], "fail": [["a", "a"], [5, "a", "a"]]}))
    assert [result.holds for result in found] == [True] * 5


def test_examples_of_a_rule_about_the_batch_as_a_whole_are_lists_of_records():
    counted = {"id": "batch.rows.enough", "check": "row_count", "min": 2}
    found = results(
        counted | {"examples": {"pass": [[{"query": "a"}, {"query": "b"}]], "fail": [[], [{"query": "a"}]]}}
    )
    assert [result.holds for result in found] == [True] * 3


def test_an_example_of_one_value_is_no_batch():
    found = results(rule("unique", examples={"pass": ["a", 5], "fail": [None]}))
    assert [(result.holds, result.detail) for result in found] == [(False, "crashed: TypeError")] * 3
