"""The verdict on one record: what is judged, in which order, and what the caller gets back."""

from __future__ import annotations

from collections import OrderedDict, UserDict
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dq_gate.core import decide as decide_module
from dq_gate.core.decide import Rule, decide
from dq_gate.core.model import Crash, Finding, Violation
from tests.packs import make_pack

QUERY = {"query": {"type": "str"}}
NFC = {"id": "query.text.normal", "field": "query", "check": "normalized", "repair": "nfc"}
DECOMPOSED, COMPOSED = "cafe\u0301", "caf\u00e9"


def check(record, fields=None, rules=(), waived=frozenset(), **options):
    return decide(make_pack(fields or QUERY, rules, **options).plan, record, waived=waived)


def failed(decision):
    return [violation.rule_id for violation in decision.violations]


def crash(_value):
    raise ZeroDivisionError("some text of the input")


def check_with(rule, record):
    """The verdict of a pack whose one field has this rule only."""
    plan = make_pack(QUERY).plan
    fields = (replace(plan.fields[0], rules=(rule,)),)
    made = decide_module.plan(
        fields, unknown_rule=None, type_rule=plan.type_rule, size_rule=plan.size_rule, max_bytes=plan.max_bytes
    )
    return decide(made, record)


# Clean records


@pytest.mark.parametrize("make", [dict, OrderedDict, UserDict])
def test_a_clean_record_comes_back_as_the_same_object(make):
    record = make(query="where is my card")
    decision = check(record, rules=[NFC])
    assert decision.outcome == "clean"
    assert decision.value is record
    assert decision.violations == ()


def test_a_warning_leaves_the_outcome_clean_and_is_told():
    rule = {"id": "query.text.short", "field": "query", "check": "length", "max": 3, "on_fail": "warn"}
    record = {"query": "four"}
    decision = check(record, rules=[rule])
    assert decision.outcome == "clean"
    assert decision.value is record
    assert [(v.rule_id, v.on_fail) for v in decision.violations] == [("query.text.short", "warn")]


# Types are strict


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("int", "5"), ("int", 5.0), ("int", True), ("float", True), ("float", "1.5"), ("str", 5), ("str", b"text"),
        ("bool", 1), ("bool", "true"), ("datetime", "2026-01-31"), ("list[str]", "text"), ("list[str]", ["a", 1]),
        ("list[str]", ["a", None]), ("vector", [1.0, True]), ("vector", "12"), ("vector", [None]),
        ("vector", range(10**12)), ("object", [("a", 1)]),
    ],
)  # fmt: skip
def test_a_value_of_another_type_fails_and_is_not_converted(type_name, value):
    decision = check({"query": value}, {"query": {"type": type_name}})
    assert failed(decision) == ["field.query.type"]
    assert decision.outcome == "quarantined"
    assert decision.value is None


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("int", -5), ("int", 10**30), ("float", 5), ("float", float("inf")), ("bool", False), ("list[str]", []),
        ("list[str]", ("a", "b")), ("vector", [1, 2.5]), ("vector", ()), ("object", {}), ("object", OrderedDict(a=1)),
        ("datetime", datetime(2026, 1, 31, tzinfo=UTC)), ("any", object()), ("any", b""), ("str", ""),
    ],
)  # fmt: skip
def test_a_value_of_its_type_passes(type_name, value):
    record = {"query": value}
    assert check(record, {"query": {"type": type_name}}).value is record


def test_the_types_message_names_the_kind_and_never_the_value():
    (violation,) = check({"query": ["secret"]}).violations
    assert violation == Violation("field.query.type", "query", "type", "quarantine", "list where str is expected")


# Null


@pytest.mark.parametrize("record", [{}, {"query": None}, {"query": float("nan")}])
def test_null_fails_a_required_field_once(record):
    decision = check(record, {"query": {"type": "float", "ge": 1}})
    assert failed(decision) == ["field.query.required"]


@pytest.mark.parametrize("record", [{}, {"query": None}, {"query": float("nan")}])
def test_rules_of_an_optional_field_are_skipped_for_null(record):
    assert check(record, {"query": {"type": "float", "required": False, "ge": 1}}).value is record


def test_not_null_fails_the_null_of_an_optional_field():
    rule = {"id": "query.text.there", "field": "query", "check": "not_null"}
    fields = {"query": {"type": "str", "required": False}}
    assert failed(check({}, fields, [rule])) == ["query.text.there"]
    assert check({}, fields, [rule | {"on_fail": "warn"}]).outcome == "clean"
    shadowed = check({}, fields, [rule | {"mode": "shadow"}])
    assert (shadowed.outcome, failed(shadowed)) == ("clean", [])
    assert [v.rule_id for v in shadowed.shadowed] == ["query.text.there"]


# Defaults


@pytest.mark.parametrize("record", [{"query": "a"}, {"query": "a", "top_k": None}])
def test_a_default_stands_in_for_null_and_is_no_repair(record):
    before = dict(record)
    decision = check(record, {"query": {"type": "str"}, "top_k": {"type": "int", "default": 10}})
    assert decision.outcome == "clean"
    assert decision.value == {"query": "a", "top_k": 10}
    assert decision.repaired_by == ()
    assert record == before


def test_a_default_is_a_copy_that_the_caller_may_change():
    plan = make_pack({"filters": {"type": "object", "default": {"tags": []}}}).plan
    decide(plan, {}).value["filters"]["tags"].append("mine")
    assert decide(plan, {}).value == {"filters": {"tags": []}}


def test_a_value_that_is_there_beats_the_default():
    record = {"top_k": 0}
    assert check(record, {"top_k": {"type": "int", "default": 10}}).value is record


# Repairs


def test_a_repair_gives_a_changed_copy():
    record = {"query": DECOMPOSED, "other": [1]}
    decision = check(record, rules=[NFC], unknown_fields="allow")
    assert decision.outcome == "repaired"
    assert decision.repaired_by == ("query.text.normal",)
    assert decision.value == {"query": COMPOSED, "other": [1]}
    assert record == {"query": DECOMPOSED, "other": [1]}


def test_checks_judge_the_repaired_value_wherever_they_stand():
    short = {"id": "query.text.short", "field": "query", "check": "length", "max": 4}
    assert check({"query": DECOMPOSED}, rules=[short, NFC]).outcome == "repaired"


def test_repairs_run_in_pack_order():
    strip = {"id": "query.text.seen", "field": "query", "check": "no_invisible", "repair": "strip_invisible"}
    value = "e\u200b\u0301"
    assert check({"query": value}, rules=[strip, NFC]).value == {"query": "\u00e9"}
    assert failed(check({"query": value}, rules=[NFC, strip])) == ["query.text.normal"]


def test_what_a_repair_cannot_mend_fails_as_it_came():
    rule = {"id": "query.text.seen", "field": "query", "check": "no_invisible", "repair": "strip_invisible"}
    decision = check({"query": "abc\u202e"}, rules=[rule])
    assert decision.outcome == "quarantined"
    assert decision.repaired_by == ()


def test_a_repaired_record_may_still_fail_another_rule():
    deny = {"id": "query.text.deny", "field": "query", "check": "not_matches", "patterns": ["é"]}
    decision = check({"query": DECOMPOSED}, rules=[NFC, deny])
    assert (decision.outcome, decision.value, failed(decision)) == ("quarantined", None, ["query.text.deny"])


def test_a_rule_in_shadow_mode_repairs_nothing():
    record = {"query": DECOMPOSED}
    decision = check(record, rules=[NFC | {"mode": "shadow"}])
    assert (decision.outcome, decision.value) == ("clean", record)
    assert [violation.rule_id for violation in decision.shadowed] == ["query.text.normal"]


@pytest.mark.parametrize("make", [list, tuple])
def test_a_list_is_repaired_item_by_item_and_stays_of_its_kind(make):
    rule = NFC | {"field": "tags", "id": "tags.text.normal"}
    decision = check({"tags": make(["a", DECOMPOSED])}, {"tags": {"type": "list[str]"}}, [rule])
    assert decision.value == {"tags": make(["a", COMPOSED])}


@pytest.mark.parametrize("make", [list, tuple])
def test_a_list_that_no_repair_could_mend_is_not_called_repaired(make):
    rule = {"id": "tags.text.seen", "field": "tags", "check": "no_invisible", "repair": "strip_invisible"}
    record = {"tags": make(["abc\u202e"])}
    decision = check(record, {"tags": {"type": "list[str]"}}, [rule | {"on_fail": "warn"}])
    assert (decision.outcome, decision.repaired_by) == ("clean", ())
    assert decision.value is record


# Spans and messages


def test_a_span_is_in_code_points():
    rule = {"id": "query.text.deny", "field": "query", "check": "not_matches", "patterns": ["bad"]}
    (violation,) = check({"query": "é😀 bad"}, rules=[rule]).violations
    assert violation.span == (3, 6)


def test_a_span_points_into_the_value_as_it_came_not_as_it_was_repaired():
    deny = {"id": "query.text.deny", "field": "query", "check": "not_matches", "patterns": ["bad"]}
    (violation,) = check({"query": DECOMPOSED + " bad"}, rules=[NFC, deny]).violations
    assert violation.span == (6, 9)


def test_a_fault_that_only_the_repaired_value_has_carries_no_span():
    deny = {"id": "query.text.deny", "field": "query", "check": "not_matches", "patterns": ["é"]}
    (violation,) = check({"query": DECOMPOSED}, rules=[NFC, deny]).violations
    assert violation.span is None


def test_an_item_of_a_list_is_named_by_its_number():
    rule = {"id": "tags.text.there", "field": "tags", "check": "not_blank"}
    (violation,) = check({"tags": ["a", " "]}, {"tags": {"type": "list[str]"}}, [rule]).violations
    assert violation.message == "item 1: has no visible character"


def test_every_rule_that_fails_is_told_in_order_of_fields_and_rules():
    rules = [
        {"id": "b.text.deny", "field": "b", "check": "not_matches", "patterns": ["x"]},
        {"id": "a.text.long", "field": "a", "check": "length", "min": 3},
        {"id": "a.text.there", "field": "a", "check": "not_blank"},
    ]
    decision = check({"a": "", "b": "x"}, {"a": {"type": "str"}, "b": {"type": "str"}}, rules)
    assert failed(decision) == ["a.text.long", "a.text.there", "b.text.deny"]


def test_a_fields_constraints_are_rules_too():
    fields = {"top_k": {"type": "int", "ge": 1, "le": 100}, "tenant": {"type": "str", "one_of": ["acme"]}}
    assert failed(check({"top_k": 0, "tenant": "Acme"}, fields)) == ["field.top_k.ge", "field.tenant.one_of"]
    assert failed(check({"top_k": 101, "tenant": "acme"}, fields)) == ["field.top_k.le"]


# Unknown fields, aliases


@pytest.mark.parametrize(
    ("unknown_fields", "outcome", "rules"),
    [
        ("allow", "clean", []),
        ("warn", "clean", ["record.fields.known"]),
        ("quarantine", "quarantined", ["record.fields.known"]),
    ],
)
def test_unknown_fields_are_treated_as_the_pack_says(unknown_fields, outcome, rules):
    decision = check({"query": "a", "x": 1, "y": 2}, unknown_fields=unknown_fields)
    assert (decision.outcome, failed(decision)) == (outcome, rules)


def test_unknown_fields_are_counted_and_never_named():
    (violation,) = check({"query": "a", "secret": 1}).violations
    assert violation.message == "1 field that the pack does not name"


def test_a_field_is_found_under_its_alias_and_repaired_there():
    fields = {"query": {"type": "str", "aliases": ["q", "question"]}}
    decision = check({"question": DECOMPOSED}, fields, [NFC], unknown_fields="quarantine")
    assert decision.value == {"question": COMPOSED}


def test_a_default_fills_the_spelling_that_is_there():
    fields = {"top_k": {"type": "int", "default": 3, "aliases": ["k"]}}
    assert check({"k": None}, fields).value == {"k": 3}
    assert check({}, fields).value == {"top_k": 3}


def test_a_second_spelling_beside_the_first_is_an_unknown_field():
    fields = {"query": {"type": "str", "aliases": ["q"]}}
    decision = check({"q": "hidden", "query": "a"}, fields, unknown_fields="quarantine")
    assert failed(decision) == ["record.fields.known"]


# The record as a whole


@pytest.mark.parametrize("record", [None, 5, "text", b"bytes", ["query"], object()])
def test_what_is_no_mapping_fails_as_a_record(record):
    decision = check(record)
    assert failed(decision) == ["record.type"]
    assert (decision.outcome, decision.value) == ("quarantined", None)


def test_a_large_record_fails_before_any_rule_is_run():
    blank = {"id": "query.text.there", "field": "query", "check": "not_blank"}
    decision = check({"query": " " * 10_000_000}, rules=[blank])
    assert failed(decision) == ["record.size"]


def test_a_large_field_that_the_pack_does_not_name_counts():
    assert failed(check({"query": "a", "other": ["x" * 600_000] * 2})) == ["record.size"]
    allowed = check({"query": "a", "other": ["x" * 600_000] * 2}, unknown_fields="allow")
    assert failed(allowed) == ["record.size"]


def test_the_limit_is_on_bytes_not_code_points():
    assert check({"query": "a" * 600}, max_bytes=1024).outcome == "clean"
    assert failed(check({"query": "é" * 600}, max_bytes=1024)) == ["record.size"]


def test_a_number_of_a_million_bytes_is_too_large():
    assert failed(check({"query": 1 << 10_000_000}, {"query": {"type": "int"}})) == ["record.size"]


# Crashes


CRASHING = Rule("query.text.x", "query", "x", crash)
REPORTED = (Crash("query.text.x", "query", "x", "ZeroDivisionError"),)


def test_a_crash_of_a_check_fails_closed_and_is_reported_without_its_text():
    decision = check_with(CRASHING, {"query": "a"})
    assert decision.outcome == "quarantined"
    assert decision.crashes == REPORTED
    assert "text of the input" not in str(decision)


def test_a_crash_lets_the_value_through_where_the_rule_says_so_and_is_reported():
    record = {"query": "a"}
    decision = check_with(replace(CRASHING, crash_passes=True), record)
    assert (decision.outcome, decision.violations) == ("clean", ())
    assert decision.value is record
    assert decision.crashes == REPORTED


def test_a_crash_in_shadow_mode_refuses_nothing():
    decision = check_with(replace(CRASHING, shadow=True), {"query": "a"})
    assert (decision.outcome, decision.violations) == ("clean", ())
    assert [violation.rule_id for violation in decision.shadowed] == ["query.text.x"]
    assert decision.crashes == REPORTED


def test_a_crash_of_a_repair_is_reported_and_the_value_fails_as_it_came():
    decision = check_with(replace(CRASHING, judge=lambda _: Finding("is wrong"), repair=crash), {"query": "a"})
    assert failed(decision) == ["query.text.x"]
    assert decision.crashes == REPORTED


# Shadow rules, waivers


def test_a_rule_in_shadow_mode_is_judged_and_refuses_nothing():
    rule = {"id": "query.text.long", "field": "query", "check": "length", "min": 3, "mode": "shadow"}
    record = {"query": "a"}
    decision = check(record, rules=[rule])
    assert (decision.outcome, decision.violations) == ("clean", ())
    assert decision.value is record
    assert [violation.rule_id for violation in decision.shadowed] == ["query.text.long"]


def test_waived_rules_and_no_others_are_skipped():
    rules = [
        {"id": "query.text.long", "field": "query", "check": "length", "min": 3},
        {"id": "query.text.there", "field": "query", "check": "not_blank"},
    ]
    decision = check({"query": ""}, rules=rules, waived=frozenset({"query.text.long"}))
    assert failed(decision) == ["query.text.there"]


@pytest.mark.parametrize(
    ("record", "rule_id"),
    [
        ({"query": 5}, "field.query.type"),
        ({}, "field.query.required"),
        ({"query": "a", "x": 1}, "record.fields.known"),
        ({"query": "a" * 2000}, "record.size"),
        (["query"], "record.type"),
    ],
)
def test_the_gates_own_rules_can_be_waived(record, rule_id):
    options = {"unknown_fields": "quarantine", "max_bytes": 1024}
    assert failed(check(record, **options)) == [rule_id]
    decision = check(record, waived=frozenset({rule_id}), **options)
    assert (decision.outcome, decision.value) == ("clean", record)


def test_a_waived_repair_repairs_nothing():
    record = {"query": DECOMPOSED}
    assert check(record, rules=[NFC], waived=frozenset({"query.text.normal"})).value == record


# Rules about several fields

TWO = {
    "query": {"type": "str", "aliases": ["q"]},
    "limit": {"type": "int", "default": 7},
    "page": {"type": "int", "required": False},
}


def check_record(judge, record, *, needs=("query", "page"), rules=(NFC,), waived=frozenset(), **options):
    """The verdict of a pack with one rule about the whole record."""
    plan = make_pack(TWO, rules).plan
    rule = Rule("record.pair.fits", decide_module.RECORD, "python", judge, **options)
    made = decide_module.plan(
        plan.fields,
        record_rules=(decide_module.RecordRule(rule, needs),),
        unknown_rule=plan.unknown_rule,
        type_rule=plan.type_rule,
        size_rule=plan.size_rule,
        max_bytes=plan.max_bytes,
    )
    return decide(made, record, waived=waived)


def test_a_record_rule_judges_what_the_fields_made_of_it():
    seen = []
    check_record(seen.append, {"q": DECOMPOSED, "page": 2, "other": 1})
    assert seen == [{"query": COMPOSED, "limit": 7, "page": 2}]


def test_a_record_rule_without_needs_takes_the_whole_record_under_the_packs_names():
    seen = []
    check_record(seen.append, {"q": DECOMPOSED, "page": "x", "other": 1}, needs=None)
    assert seen == [{"query": COMPOSED, "page": "x", "other": 1, "limit": 7}]


def test_a_record_rule_refuses_plainly_typed_records_too():
    decision = check_record(lambda _: Finding("the two do not go together"), {"query": "a", "limit": 1, "page": 2})
    assert decision.violations == (
        Violation("record.pair.fits", "*", "python", "quarantine", "the two do not go together"),
    )


@pytest.mark.parametrize("page", [None, float("nan"), "two"])
def test_a_record_rule_is_skipped_where_a_field_it_needs_is_null_or_of_another_type(page):
    seen = []
    check_record(seen.append, {"query": "a", "limit": 1, "page": page})
    assert seen == []


def test_a_record_rule_in_shadow_or_waived_enforces_nothing():
    def refuse(_record):
        return Finding("no")

    record = {"query": "a", "limit": 1, "page": 2}
    shadowed = check_record(refuse, record, shadow=True)
    assert (shadowed.outcome, [v.rule_id for v in shadowed.shadowed]) == ("clean", ["record.pair.fits"])
    assert check_record(refuse, record, waived=frozenset({"record.pair.fits"})).outcome == "clean"


def test_a_record_rule_that_crashes_fails_closed():
    decision = check_record(crash, {"query": "a", "limit": 1, "page": 2})
    assert decision.outcome == "quarantined"
    assert decision.crashes == (Crash("record.pair.fits", "*", "python", "ZeroDivisionError"),)
    assert check_record(crash, {"query": "a", "limit": 1, "page": 2}, crash_passes=True).outcome == "clean"
