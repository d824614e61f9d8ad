"""Functions as rules: what their answers mean, and which functions are refused."""

from __future__ import annotations

import pytest

from dq_gate.core.model import Finding
from tests.engines import compile_check


def compiled(function, *, field="price", **options):
    return compile_check("python", {"function": f"tests.user_code.functions:{function}", **options}, field=field)


@pytest.mark.parametrize("answer", ["none", "true"])
def test_none_and_true_pass(answer):
    assert compiled("answers").judge(answer) is None


@pytest.mark.parametrize("answer", ["false", "empty"])
def test_false_and_an_empty_message_fail_in_the_functions_name(answer):
    assert compiled("answers").judge(answer) == Finding("answers refuses it")


def test_a_message_is_cut_to_one_printable_line():
    message = compiled("answers").judge("message").message
    assert message.startswith("too many [31m words word")
    assert len(message) == 200


def test_a_finding_keeps_its_span():
    assert compiled("answers").judge("finding") == Finding("bad end", (1, 2))


@pytest.mark.parametrize("answer", ["one", "zero", "list"])
def test_any_other_answer_is_a_crash_and_no_pass(answer):
    with pytest.raises(TypeError, match="None, a bool, a message or a Finding is expected"):
        compiled("answers").judge(answer)


def test_a_record_rule_sees_everything_and_can_change_nothing():
    assert compiled("sensible_price", field=None).needs is None
    assert compiled("sensible_price", field=None).judge({"price": 0}).message == "the price is not above 0"
    record = {"name": "tea"}
    with pytest.raises(TypeError):
        compiled("writes", field=None).judge(record)
    assert record == {"name": "tea"}


def test_options_are_passed_by_keyword():
    judge = compiled("at_least", options={"least": 3}).judge
    assert judge(3) is None
    assert judge(2) == Finding("below 3")


@pytest.mark.parametrize("function", ["at_least_3", "at_least_4"])
def test_objects_that_can_be_called_are_functions_too(function):
    assert compiled(function).judge(9) is None
    assert compiled(function).judge(0) is not None


@pytest.mark.parametrize(
    ("function", "options", "reason"),
    [
        ("later", {}, "is async"),
        ("later_object", {}, "is async"),
        ("stream", {}, "is an async generator"),
        ("one_by_one", {}, "is a generator"),
        ("number", {}, "cannot be called"),
        ("no_input", {}, "too many positional arguments"),
        ("at_least", {}, "missing a required"),
        ("at_least", {"least": 1, "most": 2}, "unexpected keyword argument 'most'"),
        ("without_signature", {}, "does not tell its parameters"),
        ("missing", {}, "has no attribute"),
    ],
)
def test_functions_that_cannot_judge_are_refused_at_load(function, options, reason):
    with pytest.raises(ValueError, match=reason):
        compiled(function, options=options)
