"""Pydantic models as rules: what passes them, what they may say, and which models are refused."""

from __future__ import annotations

import pytest

from tests.engines import compile_check


def judge(model, record, **options):
    compiled = compile_check("pydantic", {"model": f"tests.user_code.models:{model}", **options})
    assert compiled.needs is None
    assert compiled.suspects is None
    finding = compiled.judge(record)
    return finding and finding.message


@pytest.mark.parametrize("model", ["Offer", "StrictOffer", "OfferDict", "OfferData"])
def test_models_typed_dicts_and_dataclasses_judge_records(model):
    assert judge(model, {"name": "tea", "price": 3}) is None
    assert judge(model, {"name": 3, "price": 3}) == "name: string_type"


def test_the_gate_converts_nothing_but_a_lax_model_lets_text_pass_for_a_number():
    record = {"name": "tea", "price": "3"}
    assert judge("Offer", record) is None
    assert record == {"name": "tea", "price": "3"}


@pytest.mark.parametrize(("model", "options"), [("StrictOffer", {}), ("Offer", {"strict": True})])
def test_a_strict_model_or_rule_refuses_text_for_a_number(model, options):
    assert judge(model, {"name": "tea", "price": "3"}, **options) == "price: int_type"


def test_a_rule_can_make_a_strict_model_lax():
    assert judge("StrictOffer", {"name": "tea", "price": "3"}, strict=False) is None


def test_defaults_and_stripping_leave_the_record_alone():
    record = {"name": " tea ", "amount": None}
    assert judge("Stripping", record) is None
    assert record == {"name": " tea ", "amount": None}


def test_a_validator_that_empties_its_input_does_not_reach_the_record():
    record = {"name": "tea"}
    assert judge("Emptying", record) is None
    assert record == {"name": "tea"}


@pytest.mark.parametrize("null", [{}, {"needed": None}, {"needed": float("nan")}])
def test_missing_none_and_nan_are_the_same_to_a_nullable_field(null):
    assert judge("Nullable", {"score": 1.0, **null}) is None


@pytest.mark.parametrize("null", [{}, {"score": None}, {"score": float("nan")}])
def test_missing_none_and_nan_are_the_same_to_a_required_field(null):
    assert judge("Nullable", {"needed": 1, **null}) == "score: missing"


@pytest.mark.parametrize("null", [{}, {"left_out": None}, {"left_out": float("nan")}])
def test_missing_none_and_nan_are_the_same_to_a_field_with_a_default(null):
    assert judge("Nullable", {"needed": 1, "score": 1.0, **null}) is None


def test_a_finding_lists_three_problems_and_counts_the_rest():
    record = {"parts": [{"name": 1}, {"name": "ok", "price": 0}, {}, {}, {}], "labels": {}}
    assert judge("Nested", record) == (
        "parts.0.name: string_type; parts.1.price: greater_than; parts.2.name: missing; and 2 more"
    )


def test_a_finding_names_no_key_and_no_value_of_the_input():
    message = judge("Nested", {"labels": {"secret-key": "secret-value"}, "secret-field": 1, "amount": "secret"})
    assert message == "labels.*: int_parsing; amount: int_parsing; *: extra_forbidden"


def test_an_error_code_made_of_the_input_is_not_repeated():
    assert judge("Telling", {"name": "SECRET"}) == "record: custom"


def test_a_validator_that_breaks_is_a_crash_and_not_a_verdict():
    with pytest.raises(KeyError):
        judge("Crashing", {"name": "x"})


def test_recursive_and_root_models_are_judged_to_the_bottom():
    assert judge("Node", {"value": 1, "child": {"value": 2, "child": {"value": "x"}}}) == (
        "child.child.value: int_parsing"
    )
    assert judge("ClosedNode", {"value": 1, "extra": 2}) == "*: extra_forbidden"
    assert judge("Loose", {"a": 1}) is None
    assert judge("Loose", {"a": "x"}) == "*: int_parsing"


def test_lone_surrogates_are_no_crash():
    assert judge("OfferDict", {"name": "\ud800"}) is None
    assert judge("Offer", {"name": "\ud800"}) == "name: string_unicode"  # its length is limited


def test_a_model_that_is_built_on_first_use_is_built_at_load():
    assert judge("Deferred", {"price": "x"}) == "price: int_parsing"


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("Lazy", "checks no item of an Iterable or Generator"),
        ("LazyWithin", "checks no item of an Iterable or Generator"),
        ("Generated", "checks no item of an Iterable or Generator"),
        ("Unfinished", "name 'NotThereYet' is not defined"),
        ("Anything", "lets everything pass"),
        ("Checked", "lets everything pass"),
        ("function", "is a function"),
        ("_no_null", "is a function"),
        ("Offer.model_fields", "pydantic cannot validate by it"),
        ("NoSuchModel", "has no attribute"),
    ],
)
def test_what_would_pass_everything_or_crash_on_everything_is_refused_at_load(model, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        judge(model, {})
    assert "\n" not in str(caught.value)


def test_a_model_of_an_untrusted_package_is_refused():
    with pytest.raises(ValueError, match="trusted_packages"):
        compile_check("pydantic", {"model": "tests.user_code.models:Offer"}, trusted=("shop",))
