"""No record takes the shipped packs more than linear time, on either plane, whatever is in it."""

from __future__ import annotations

import polars as pl
import pytest

from dq_gate import Gate
from dq_gate.packs.shipped import shipped_packs
from tests.growth import HOSTILE, Hostile, excesses


def nested_lists(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


VALUES = [
    Hostile("a wide list", lambda length: ["a"] * length),
    Hostile("a wide object", lambda length: {str(number): number for number in range(length)}),
    Hostile("a list of empty lists", lambda length: [[]] * length),
    Hostile("lists within each other", nested_lists),
    Hostile("a long number", lambda length: 1 << length),
    Hostile("the same list over and over", lambda length: [["a"] * 40] * (length // 40)),
]


@pytest.fixture(scope="module", params=shipped_packs())
def gate(request):
    return Gate.load(request.param)


def field_of(gate):
    """The field that takes the text."""
    return next(plan.name for plan in gate.pack.plan.fields if plan.null_rule)


def test_a_hostile_text_takes_linear_time(gate):
    name = field_of(gate)
    assert excesses(lambda text: gate.check({name: text}), HOSTILE) == []


def test_a_hostile_value_of_another_type_takes_linear_time(gate):
    name = field_of(gate)
    assert excesses(lambda value: gate.check({name: "a", "unknown": value}), VALUES) == []
    assert excesses(lambda value: gate.check({name: value}), VALUES) == []


def test_many_unknown_fields_take_linear_time(gate):
    name = field_of(gate)
    fields = Hostile("fields", lambda length: {str(number): "é" for number in range(length)})
    assert excesses(lambda record: gate.check({name: "a"} | record), [fields]) == []


def test_a_frame_of_hostile_rows_takes_linear_time(gate):
    name = field_of(gate)
    rows = [
        Hostile(repr(text), lambda length, text=text: [text] * (length // 8))
        for text in ("a", "", "\x00", "cafe\u0301", "a\u200bb", "Ã©", "<p>", "pаssword", "a\u0301" * 40)
    ]
    assert excesses(lambda texts: gate.check_frame(pl.DataFrame({name: texts})), rows) == []
