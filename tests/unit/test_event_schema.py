"""The published schema takes what is emitted, and nothing else."""

from __future__ import annotations

import dataclasses
import types
import typing

import orjson
import pytest
from jsonschema import Draft202012Validator, ValidationError

from dq_gate.core.model import Decision, Violation
from dq_gate.core.window import Window, split
from dq_gate.events import CATALOGUE, CONTEXT_FIELDS, Event, WindowClosed
from dq_gate.events.schema import event_schema
from tests.schemas import assert_valid

MOMENT = "2026-01-31T12:00:00.123456Z"
CONTEXT = {
    "timestamp": MOMENT, "namespace": "default", "source": "support-bot", "process": "0123456789ab",
    "release": "1.2", "plane": "request", "pack": "query", "pack_version": 3, "pack_digest": "0" * 16,
    "trace_id": "0" * 31 + "1", "span_id": "0" * 15 + "1", "cut": ["reason"],
}  # fmt: skip
SAMPLES = {
    "str": "text", "int": 1, "float": 0.5, "bool": True, "tuple[str, ...]": ("a.b",), "dict[str, int]": {"a.b": 1},
    "dict[str, str]": {"source": "faq"}, "dict[str, float]": {"p50": 1.0, "p95": 1.0, "p99": 1.0},
}  # fmt: skip
WORDS = {
    "mode": "enforce", "stored": "store", "severity": "page", "at": MOMENT, "fired_at": MOMENT, "opened_at": MOMENT,
    "closed_at": MOMENT, "inputs": ({"source": "faq", "outcome": "clean", "count": 1},),
    "rules of WindowClosed": ({"source": "faq", "rule_id": "a.b", "mode": "shadow", "count": 1},),
}  # fmt: skip
EVERY_EVENT = pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.__name__)


def value_of(kind: type[Event], field: dataclasses.Field, hint: object) -> object:
    if isinstance(hint, types.UnionType):
        hint = typing.get_args(hint)[0]
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)[0]
    text = hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint)
    word = WORDS.get(f"{field.name} of {kind.__name__}", WORDS.get(field.name))
    return SAMPLES[text] if word is None else word


def sample(kind: type[Event]) -> Event:
    """An event with every field."""
    hints = typing.get_type_hints(kind)
    return kind(**{field.name: value_of(kind, field, hints[field.name]) for field in dataclasses.fields(kind)})


def line_of(event: Event) -> dict:
    return orjson.loads(orjson.dumps({**CONTEXT, "level": event.level, "event": event.name, **event.payload()}))


def is_valid(line: dict) -> bool:
    try:
        assert_valid([line])
    except AssertionError:
        return False
    return True


def test_the_schema_is_one():
    Draft202012Validator.check_schema(event_schema())


@EVERY_EVENT
def test_a_sample_of_every_event_validates(kind):
    assert_valid([line_of(sample(kind))])


@EVERY_EVENT
def test_only_what_may_be_none_may_be_missing(kind):
    line = line_of(sample(kind))
    hints = typing.get_type_hints(kind)
    optional = {name for name, hint in hints.items() if type(None) in typing.get_args(hint)}
    for field in dataclasses.fields(kind):
        rest = {name: value for name, value in line.items() if name != field.name}
        assert is_valid(rest) is (field.name in optional), field.name


@EVERY_EVENT
def test_a_field_of_another_type_an_unknown_one_and_another_level_are_refused(kind):
    line = line_of(sample(kind))
    assert not is_valid(line | {"unknown": 1})
    assert not is_valid(line | {"level": "fatal"})
    for field in dataclasses.fields(kind):
        assert not is_valid(line | {field.name: None}), field.name


@pytest.mark.parametrize("field", sorted(CONTEXT_FIELDS.keys() - {"event"}))
def test_every_context_field_is_held_to_its_form(field):
    line = line_of(sample(CATALOGUE["dq_gate.pack.loaded"]))
    assert not is_valid(line | {field: {}})
    rest = {name: value for name, value in line.items() if name != field}
    always = {"timestamp", "level", "namespace", "source", "process", "plane"}
    assert is_valid(rest) is (field not in always)


@EVERY_EVENT
def test_every_field_says_what_it_means(kind):
    schema = event_schema()["$defs"][kind.name]
    assert schema["description"]
    for field in dataclasses.fields(kind):
        assert schema["properties"][field.name]["description"], field.name


def test_the_whole_tells_events_apart_by_name():
    whole = Draft202012Validator(event_schema())
    whole.validate(line_of(sample(CATALOGUE["dq_gate.store.local"])))
    with pytest.raises(ValidationError):
        whole.validate(line_of(sample(CATALOGUE["dq_gate.store.local"])) | {"event": "dq_gate.store.lokal"})


def test_every_part_of_a_window_validates():
    window = Window(0.0)
    violations = tuple(Violation(f"rule.n{number}", "query", "x", "quarantine", "is bad") for number in range(60))
    window.count("faq", "quarantined", Decision("quarantined", None, violations), 1000)
    window.count("faq", "clean", None, 0)
    parts = split(*window.rows())
    assert len(parts) > 2
    quantiles = {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    assert_valid(
        line_of(WindowClosed(0, part, len(parts), MOMENT, MOMENT, "enforce", inputs, rules, quantiles, None, 0))
        for part, (inputs, rules) in enumerate(parts, 1)
    )
