from __future__ import annotations

import pytest
from pydantic import ValidationError

from dq_gate.checks.patterns import MatchesOptions, NotMatchesOptions, matches, not_matches
from dq_gate.core.model import Finding


def deny(text, *patterns, ignore_case=False):
    return not_matches(NotMatchesOptions(patterns=list(patterns), ignore_case=ignore_case)).judge(text)


def test_matches_searches_anywhere_until_anchored():
    assert matches(MatchesOptions(pattern="[0-9]{3}")).judge("order 123 please") is None
    assert matches(MatchesOptions(pattern="^[0-9]{3}$")).judge("order 123 please") is not None


def test_not_matches_names_the_first_expression_and_the_place_in_code_points():
    assert deny("né à l'été password", "x", "pass", "word") == Finding("matches expression 2 of 3", (11, 15))


def test_case_counts_unless_told_otherwise():
    assert deny("PASSWORD", "password") is None
    assert deny("PASSWORD", "password", ignore_case=True) is not None


@pytest.mark.parametrize("text", ["\ud800", "secret \udfff", "\udc80secret"])
def test_lone_surrogates_are_searched_around(text):
    assert (deny(text, "secret") is not None) is ("secret" in text)
    assert matches(MatchesOptions(pattern=".")).judge(text) is None


def test_two_thousand_expressions_fit():
    patterns = [rf"\bforbidden phrase number {n}\b" for n in range(2000)]
    assert deny("a forbidden phrase number 1999!", *patterns).message == "matches expression 2000 of 2000"


def test_a_hostile_expression_takes_linear_time():
    assert deny("a" * 50_000, "^(a+)+$x") is None


@pytest.mark.parametrize("pattern", ["(", "a**", "(?=look)", r"\1", "a{1001}", "[z-a]"])
def test_an_invalid_expression_is_refused_with_its_number_and_the_engines_reason(pattern):
    with pytest.raises(ValidationError, match=r"expression 2 of 3 is not valid: .+RE2 syntax"):
        NotMatchesOptions(patterns=["fine", pattern, "fine"])
    with pytest.raises(ValidationError, match="is no valid expression"):
        MatchesOptions(pattern=pattern)


def test_a_lone_surrogate_in_an_expression_is_refused():
    with pytest.raises(ValidationError, match="lone surrogate"):
        MatchesOptions(pattern="\ud800")


def test_expressions_that_need_too_much_memory_together_are_refused():
    options = NotMatchesOptions(patterns=[rf"{n}(?:[a-z]{{900}}[^a]{{900}})" for n in range(200)])
    with pytest.raises(ValueError, match="exceed 64 MiB"):
        not_matches(options)


def test_an_empty_list_of_expressions_is_refused():
    with pytest.raises(ValidationError):
        NotMatchesOptions(patterns=[])
