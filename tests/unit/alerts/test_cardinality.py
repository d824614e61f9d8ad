"""How many different values there are, exactly, and in bounded memory."""

from __future__ import annotations

from dq_gate.alerts.evaluation.trackers import cardinality
from tests.unit.alerts.scene import Scene

MANY = "kind: cardinality, where: {event: dq_gate.rule.crashed}, field: rule_id, group_by: [pack], within: 1m, above: 2"
FEW = "kind: cardinality, where: {event: dq_gate.window.closed}, field: process, within: 1m, below: 3"


def crash(scene, second, *rule_ids, pack="query"):
    for rule_id in rule_ids:
        scene.event(second, "rule.crashed", rule_id=rule_id, pack=pack)


def test_different_values_are_counted_once_each_and_the_bound_does_not_fire():
    scene = Scene(MANY)
    crash(scene, 0, "a.b", "a.b", "a.c", "a.c")
    crash(scene, 10, "a.d", pack="other")
    assert scene.states() == {("rule-0", "query"): ("ok", 2), ("rule-0", "other"): ("ok", 1)}
    crash(scene, 20, "a.d")
    assert scene.ends() == [("fired", 20, ("query",))]


def test_a_value_counts_until_it_was_not_seen_for_within_exactly():
    scene = Scene(MANY)
    crash(scene, 0, "a.b", "a.c", "a.d")
    crash(scene, 30, "a.b", "a.c")
    for second in range(40, 100, 10):
        scene.event(second, "store.local")
    assert scene.ends() == [("fired", 0, ("query",)), ("resolved", 60, ("query",))]


def test_it_does_not_resolve_while_nothing_is_heard():
    scene = Scene(MANY)
    crash(scene, 0, "a.b", "a.c", "a.d")
    scene.passes(600)
    assert scene.states() == {("rule-0", "query"): ("firing", None)}
    scene.event(601, "store.local")
    assert scene.ends()[1:] == [("resolved", 601, ("query",))]


def test_too_few_fire_after_a_full_stretch_was_watched():
    scene = Scene(FEW)
    for second in range(0, 300, 10):
        for process in ("a", "b", "c") if second < 150 else ("a", "b"):
            scene.window(second, process=process)
    assert scene.ends() == [("fired", 200, ())]


def test_too_few_do_not_fire_when_nothing_is_heard():
    scene = Scene(FEW)
    for second in range(0, 150, 10):
        for process in ("a", "b", "c"):
            scene.window(second, process=process)
    scene.passes(600)
    assert scene.seen == []
    assert scene.states() == {("rule-0",): ("silent", None)}


def test_sources_are_counted_from_windows_when_inputs_are():
    scene = Scene(
        "kind: cardinality, where: {event: dq_gate.input.quarantined}, count: inputs, field: source, within: 1m, "
        "above: 1"
    )
    scene.window(0, web={"quarantined": 1}, app={"clean": 5})
    scene.window(10, web={"quarantined": 1}, app={"quarantined": 5})
    assert scene.ends() == [("fired", 10, ())]


def test_memory_is_bounded_and_what_is_turned_away_is_counted(monkeypatch):
    monkeypatch.setattr(cardinality, "MAX_TERMS", 5)
    scene = Scene(MANY)
    crash(scene, 0, *(f"a.{number}" for number in range(9)))
    assert scene.states() == {("rule-0", "query"): ("firing", 5)}
    assert scene.engine.losses.evicted == 4
    crash(scene, 70, *(f"b.{number}" for number in range(5)))
    scene.ends()
    assert scene.states() == {("rule-0", "query"): ("firing", 5)}
    assert scene.engine.losses.evicted == 4


def test_a_late_value_counts_at_its_own_time():
    scene = Scene(MANY)
    crash(scene, 100, "a.b", "a.c")
    crash(scene, 50, "a.d")
    for second in range(105, 130, 5):
        scene.event(second, "store.local")
    assert scene.ends() == [("fired", 100, ("query",)), ("resolved", 110, ("query",))]
