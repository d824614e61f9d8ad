"""An editor tells of a mistake while it is typed, by the same language that is loaded."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from dq_gate.alerts.jsonschema import alerts_schema
from dq_gate.alerts.rules import KINDS
from dq_gate.packs.shipped import shipped_path
from dq_gate.packs.yaml import load_yaml, read_yaml

VALIDATOR = Draft202012Validator(alerts_schema())
BURN = (
    "kind: burn_rate, where: {event: dq_gate.input.quarantined}, of: inputs, objective: 0.99, severity: page, "
    "windows: [{long: 1h, short: 5m, factor: 14.4}]"
)


def is_valid(text):
    return VALIDATOR.is_valid(load_yaml(f"alerts: [{{name: a, {text}}}]", path="alerts.yaml").value)


def test_the_shipped_alerts_are_valid():
    Draft202012Validator.check_schema(alerts_schema())
    VALIDATOR.validate(read_yaml(shipped_path("alerts")).value)


def test_every_kind_is_part_of_it():
    properties = [model.get("properties", {}) for model in alerts_schema()["$defs"].values()]
    kinds = {one["kind"]["const"] for one in properties if "kind" in one}
    assert kinds == set(KINDS)


@pytest.mark.parametrize(
    "change",
    [
        ("1h", "1 hour"),
        ("burn_rate", "burn"),
        ("objective: 0.99", "objective: 1"),
        ("of: inputs", "of: input"),
        ("of: inputs", "of: {}"),
        ("severity: page", "severity: page, within: 1h"),
        ("severity: page", "severity: page, mute: [{from: '8:00'}]"),
        ("factor", "faktor"),
    ],
)
def test_a_mistake_is_none_of_it(change):
    assert is_valid(BURN)
    assert is_valid(BURN.replace("of: inputs", "of: {plane: [batch, request]}, for: 2m, mute: [{from: '08:00'}]"))
    assert not is_valid(BURN.replace(*change))
