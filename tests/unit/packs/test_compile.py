"""A resolved pack becomes rules bound to their fields, or an error that says what does not go together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dq_gate.core.decide import decide
from dq_gate.errors import PackError
from tests.packs import make_pack

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def error_of(fields, rules=()):
    with pytest.raises(PackError) as caught:
        make_pack(fields, rules)
    assert (str(caught.value.path), caught.value.line) == ("test.yaml", 1)
    return caught.value


def failed(pack, record):
    return [violation.rule_id for violation in decide(pack.plan, record).violations]


def test_constraints_stand_before_the_packs_rules():
    fields = {"top_k": {"type": "int", "le": 100, "ge": 1}}
    pack = make_pack(fields, [{"id": "top_k.number.small", "field": "top_k", "check": "range", "lt": 50}])
    assert [rule.id for rule in pack.rules] == ["field.top_k.ge", "field.top_k.le", "top_k.number.small"]


def test_every_rule_is_counted_once():
    fields = {"a": {"type": "str", "required": False}, "b": {"type": "int", "ge": 1}}
    rules = [
        {"id": "a.text.there", "field": "a", "check": "not_null"},
        {"id": "a.text.seen", "field": "a", "check": "no_invisible"},
    ]
    assert [rule.id for rule in make_pack(fields, rules).rules] == ["a.text.there", "a.text.seen", "field.b.ge"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"type": "str", "ge": 1}, "check range does not go with type str"),
        ({"type": "bool", "one_of": [True]}, "check one_of does not go with type bool"),
        ({"type": "vector", "le": 1}, "check range does not go with type vector"),
        ({"type": "int", "ge": "one"}, "ge"),
        ({"type": "int", "ge": float("nan")}, "ge"),
        ({"type": "int", "one_of": [1, "2"]}, "allow"),
        ({"type": "datetime", "ge": 5}, "ge: a moment is written in ISO 8601"),
        ({"type": "datetime", "ge": "tomorrow"}, "ge: a moment is written in ISO 8601"),
        ({"type": "int", "ge": "2026-01-31"}, "ge"),
    ],
)
def test_a_constraint_that_does_not_go_with_its_field_is_refused_by_its_id(spec, reason):
    error = error_of({"a": spec})
    assert error.rule_id is not None
    assert error.rule_id.startswith("field.a.")
    assert reason in error.reason


def test_a_moment_is_bounded_by_text():
    pack = make_pack({"since": {"type": "datetime", "ge": "2026-01-31T13:00:00+01:00", "lt": "2027-01-01"}})
    assert failed(pack, {"since": MOMENT}) == []
    assert failed(pack, {"since": MOMENT.replace(tzinfo=None)}) == []
    assert failed(pack, {"since": MOMENT.replace(year=2025)}) == ["field.since.ge"]
    assert failed(pack, {"since": MOMENT.replace(year=2027)}) == ["field.since.lt"]


def test_a_list_field_is_judged_item_by_item_where_the_check_is_of_text():
    rules = [
        {"id": "tags.items.few", "field": "tags", "check": "length", "max": 2},
        {"id": "tags.items.there", "field": "tags", "check": "not_blank"},
    ]
    pack = make_pack({"tags": {"type": "list[str]", "one_of": ["a", "b", ""]}}, rules)
    assert failed(pack, {"tags": ["a", "b"]}) == []
    assert failed(pack, {"tags": ["a", "b", "a"]}) == ["tags.items.few"]
    assert failed(pack, {"tags": ["c"]}) == ["field.tags.one_of"]
    assert failed(pack, {"tags": ["a", ""]}) == ["tags.items.there"]


# Defaults


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"type": "int", "default": "10"}, "default of a is no int"),
        ({"type": "int", "default": True}, "default of a is no int"),
        ({"type": "int", "default": 1.0}, "default of a is no int"),
        ({"type": "float", "default": float("nan")}, "default of a is no float"),
        ({"type": "datetime", "default": "soon"}, "default of a is no datetime"),
        ({"type": "list[str]", "default": ["a", 1]}, "default of a is no list[str]"),
    ],
)
def test_a_default_of_another_type_is_refused(spec, reason):
    assert error_of({"a": spec}).reason == reason


def test_a_default_that_its_own_field_would_refuse_is_refused():
    error = error_of({"top_k": {"type": "int", "le": 100, "default": 500}})
    assert error.rule_id == "field.top_k.le"
    assert error.reason == "default of top_k fails: is above 100"


def test_a_default_may_fail_what_only_warns_or_shadows():
    rules = [
        {"id": "a.text.warned", "field": "a", "check": "not_blank", "on_fail": "warn"},
        {"id": "a.text.shadowed", "field": "a", "check": "not_blank", "mode": "shadow"},
    ]
    assert decide(make_pack({"a": {"type": "str", "default": ""}}, rules).plan, {}).value == {"a": ""}


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"type": "float", "default": 1}, 1),
        ({"type": "bool", "default": False}, False),
        ({"type": "str", "default": ""}, ""),
        ({"type": "datetime", "default": "2026-01-31T12:00:00Z"}, MOMENT),
        ({"type": "list[str]", "default": []}, []),
        ({"type": "object", "default": {}}, {}),
        ({"type": "any", "default": 0}, 0),
    ],
)
def test_a_default_of_the_fields_type_fills_null(spec, value):
    assert decide(make_pack({"a": spec}).plan, {"a": None}).value == {"a": value}


# Names


@pytest.mark.parametrize(
    "fields",
    [
        {"a": {"type": "str", "aliases": ["b"]}, "b": {"type": "str"}},
        {"a": {"type": "str"}, "b": {"type": "str", "aliases": ["a"]}},
        {"a": {"type": "str", "aliases": ["x"]}, "b": {"type": "str", "aliases": ["x"]}},
    ],
)
def test_a_spelling_stands_for_one_field_only(fields):
    assert error_of(fields).reason.startswith("alias ")


def test_an_alias_may_repeat_its_own_fields_name():
    make_pack({"a": {"type": "str", "aliases": ["a", "b", "b"]}})


@pytest.mark.parametrize(
    "rule_id", ["field.a.le", "field.a.type", "field.a.required", "record.size", "record.type", "record.fields.known"]
)
def test_the_gates_own_rule_ids_are_taken(rule_id):
    error = error_of({"a": {"type": "str"}}, [{"id": rule_id, "field": "a", "check": "not_blank"}])
    assert (error.rule_id, "choose another id" in error.reason) == (rule_id, True)


def test_other_ids_that_begin_so_are_free():
    make_pack({"a": {"type": "str"}}, [{"id": "field.b.le", "field": "a", "check": "not_blank"}])


@pytest.mark.parametrize(
    ("type_", "allowed"), [("str", [1, 2]), ("int", ["a"]), ("list[str]", [1])], ids=["numbers", "text", "items"]
)
def test_allowed_values_that_the_field_cannot_have_are_refused_at_load(type_, allowed):
    error = error_of({"a": {"type": type_}}, [{"id": "a.b.c", "field": "a", "check": "one_of", "allow": allowed}])
    assert error.rule_id == "a.b.c"
    assert error.reason.startswith("one of the allowed values is no ")


@pytest.mark.parametrize("type_", ["float", "bool", "datetime", "vector", "object"])
def test_a_subject_is_named_by_text_or_a_number(type_):
    for allowed in ("str", "int", "list[str]", "any"):
        make_pack({"a": {"type": allowed, "subject": True}})
    assert "goes with any, int, list[str], str" in error_of({"a": {"type": type_, "subject": True}}).reason
