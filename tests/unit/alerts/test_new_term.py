"""A value that was never there: the first sign of a new producer, a new release or a new kind of damage."""

from __future__ import annotations

import pytest

from dq_gate.alerts.evaluation.trackers import new_term
from tests.unit.alerts.scene import Scene

RULES = (
    "kind: new_term, where: {event: dq_gate.input.quarantined}, field: rules, group_by: [source], within: 1h, learn: 1d"
)
HOUR, DAY = 3600, 24 * 3600


def test_nothing_fires_while_it_learns_and_what_was_learned_stays_known():
    scene = Scene(RULES)
    for hour in range(24):
        scene.event(hour * HOUR, "input.quarantined", rules=["a.b"])
    scene.event(DAY, "input.quarantined", rules=["a.b"])
    scene.event(DAY + 1, "input.quarantined", rules=["a.b", "a.c"])
    assert scene.ends() == [("fired", DAY + 1, ("web", "a.c"))]


def test_learning_begins_with_the_first_event_whatever_it_says():
    scene = Scene(RULES)
    scene.event(0, "store.local")
    scene.event(DAY - 1, "input.quarantined", rules=["a.b"])
    scene.event(DAY, "input.quarantined", rules=["a.c"])
    assert scene.ends() == [("fired", DAY, ("web", "a.c"))]


def test_it_resolves_by_itself_after_within():
    scene = Scene(RULES.replace("learn: 1d", "learn: 0s"))
    scene.event(0, "input.quarantined", rules=["a.b"])
    scene.event(60, "input.quarantined", rules=["a.b"])
    assert scene.states() == {("rule-0", "web", "a.b"): ("firing", 2)}
    scene.passes(2 * HOUR)
    scene.event(2 * HOUR, "input.quarantined", rules=["a.b"])
    assert scene.ends() == [("fired", 0, ("web", "a.b")), ("resolved", HOUR, ("web", "a.b"))]


def test_groups_learn_for_themselves():
    scene = Scene(RULES.replace("learn: 1d", "learn: 1h"))
    scene.event(0, "input.quarantined", rules=["a.b"])
    scene.event(HOUR, "input.quarantined", rules=["a.b"], source="app")
    scene.event(2 * HOUR - 1, "input.quarantined", rules=["a.c"], source="app")
    scene.event(2 * HOUR, "input.quarantined", rules=["a.d"], source="app")
    assert scene.ends() == [("fired", 2 * HOUR, ("app", "a.d"))]


def test_a_group_that_was_there_without_a_value_has_learned_that_there_was_none():
    scene = Scene(RULES.replace("learn: 1d", "learn: 1h"))
    scene.event(0, "gate.stopped", source="app")
    scene.event(HOUR, "input.quarantined", rules=["a.b"], source="app")
    assert scene.ends() == [("fired", HOUR, ("app", "a.b"))]


def test_a_value_is_new_again_when_it_was_not_seen_for_as_long_as_it_is_remembered():
    scene = Scene(RULES.replace("learn: 1d", "learn: 0s, memory: 7d"))
    for moment in (0, 7 * DAY - 1, 14 * DAY - 1):
        scene.event(moment, "input.quarantined", rules=["a.b"])
    scene.passes(15 * DAY)
    fired = [second for what, second, _ in scene.ends() if what == "fired"]
    assert fired == [0, 14 * DAY - 1]


def test_rules_are_read_off_windows_when_inputs_are_counted():
    scene = Scene(
        "kind: new_term, where: {event: dq_gate.input.quarantined}, count: inputs, field: rule_id, "
        "group_by: [source], within: 1h, learn: 10s"
    )
    for second, rule_id in ((0, "a.b"), (10, "a.b"), (20, "a.c")):
        rules = [{"source": "web", "rule_id": rule_id, "mode": "enforce", "count": 3}]
        rules.append({"source": "web", "rule_id": "a.d", "mode": "shadow", "count": 3})
        scene.window(second, rules=rules, web={"quarantined": 3})
    assert scene.ends() == [("fired", 20, ("web", "a.c"))]


@pytest.mark.parametrize("value", [None, "", [], [None], {"a.b": 1}, [["a.b"]]])
def test_what_holds_no_value_is_no_new_one(value):
    scene = Scene(RULES.replace("learn: 1d", "learn: 0s"))
    scene.event(0, "input.quarantined", rules=value)
    assert scene.ends() == []


def test_a_hostile_value_is_cut():
    scene = Scene(RULES.replace("learn: 1d", "learn: 0s"))
    scene.event(0, "input.quarantined", rules=["x" * 100_000, "x" * 200_000])
    assert scene.ends() == [("fired", 0, ("web", "x" * 128))]


def test_memory_is_bounded_and_what_is_forgotten_is_counted(monkeypatch):
    monkeypatch.setattr(new_term, "MAX_TERMS", 3)
    scene = Scene(RULES)
    scene.event(0, "store.local")
    for number in range(5):
        scene.event(number, "input.quarantined", rules=[f"n.{number}"])
    assert scene.engine.losses.evicted == 2
    scene.event(DAY, "input.quarantined", rules=["n.4", "n.0"])
    assert scene.ends() == [("fired", DAY, ("web", "n.0"))]


def test_learning_unknown_silent_and_ok_are_told_apart():
    scene = Scene(RULES)
    assert scene.states() == {("rule-0",): ("silent", None)}
    scene.event(0, "store.local")
    scene.event(1, "store.local")
    assert scene.states() == {("rule-0",): ("unknown", None)}
    scene.event(DAY, "store.local")
    scene.ends()
    assert scene.states() == {("rule-0",): ("ok", 0)}
    scene.passes(2 * DAY)
    assert scene.states() == {("rule-0",): ("silent", None)}


def test_a_source_without_failures_learns_from_its_windows():
    scene = Scene(
        "kind: new_term, where: {event: dq_gate.input.quarantined}, count: inputs, field: rule_id, group_by: [source], "
        "within: 1h, learn: 1h"
    )
    failed = {"source": "web", "rule_id": "a.b", "mode": "enforce", "count": 1}
    scene.window(0, web={"clean": 5})
    scene.window(HOUR, rules=[failed], web={"quarantined": 1})
    scene.window(HOUR, process="q", source="new", rules=[failed | {"source": "new"}], new={"quarantined": 1})
    assert scene.ends() == [("fired", HOUR, ("web", "a.b"))]
