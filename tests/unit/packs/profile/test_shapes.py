"""How texts are written, as expressions."""

from __future__ import annotations

import pytest
import re2

from dq_gate.packs.profile.shapes import patterns


def narrowest(*texts, times=20):
    return next(iter(patterns(dict.fromkeys(texts, times))))


@pytest.mark.parametrize(
    ("texts", "expression"),
    [
        (("12345", "99501"), "^[0-9]{5}$"),
        (("37 patients", "5 patients", "empty"), "^(?:[0-9]{1,2} patients|empty)$"),
        (("AB-12", "CD-3"), r"^[A-Z]{2}\-[0-9]{1,2}$"),
        (("Bend", "Gary", "Denver"), "^[A-Z][a-z]*$"),
        (("été", "où"), r"^\pL+$"),
        (("2026-7", "2026-8"), r"^[0-9]{4}\-[0-9]$"),
        (("a.b", "c.d"), r"^[a-z]\.[a-z]$"),
    ],
)
def test_runs_become_classes_and_what_never_changes_stays(texts, expression):
    assert narrowest(*texts).expression == expression


def test_numbers_may_be_short_and_grow_by_a_digit_if_long_ones_are_rare():
    common = {"10": 50, "999": 50}
    rare = {"10": 98, "999": 2}

    assert next(iter(patterns(common))).expression == "^[0-9]{1,3}$"
    assert next(iter(patterns(rare))).expression == "^[0-9]{1,4}$"


def test_texts_that_a_pattern_hangs_on_alone_are_named():
    found = next(iter(patterns({"12345": 99, "A-1": 1})))

    assert found.unlike == {"A-1"}


def test_texts_of_many_shapes_are_known_by_their_characters_behind_a_common_start():
    texts = [f"https://a.example/{'x1' * n}{'y' * (n % 3)}" for n in range(1, 30)]

    (found,) = patterns(dict.fromkeys(texts, 5))

    assert (found.expression, found.shapes) == (r"^https://a\.example/[0-9a-z]*$", 0)


def test_brackets_come_in_pairs():
    texts = {f"{'ab ' * n}(": 5 for n in range(1, 20)}

    (found,) = patterns(texts)

    assert re2.search(found.expression, "ab (ab)")


@pytest.mark.parametrize("text", ["\x00", "a\nb", "½", "क़", "²x", "\U0001f600", "a\u0301"])
def test_odd_characters_are_matched_or_left_alone(text):
    for found in patterns({text: 20, "abc": 20}):
        assert re2.search(found.expression, text)
        assert re2.search(found.expression, found.example)
