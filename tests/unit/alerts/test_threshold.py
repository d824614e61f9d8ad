"""A gauge is only worth something while it is told: its last value is not its value for ever."""

from __future__ import annotations

import pytest

from dq_gate.alerts.evaluation.engine import Engine
from tests.unit.alerts.scene import Scene

PENDING = "kind: threshold, where: {event: dq_gate.store.measured}, field: pending, group_by: [namespace], within: 3m"


def measured(scene, *steps, **fields):
    for second, pending in steps:
        scene.event(second, "store.measured", pending=pending, **fields)


def test_the_newest_value_fires_beyond_the_bound_and_the_bound_itself_does_not():
    scene = Scene(PENDING + ", above: 100")
    measured(scene, (0, 50), (60, 100), (120, 101), (180, 100))
    assert scene.ends() == [("fired", 120, ("default",)), ("resolved", 180, ("default",))]


def test_below_fires_under_the_bound():
    scene = Scene(PENDING + ", below: 5")
    measured(scene, (0, 5), (60, 4.9), (120, 5))
    assert scene.ends() == [("fired", 60, ("default",)), ("resolved", 120, ("default",))]


def test_what_fires_has_its_own_bound_to_resolve_by():
    scene = Scene(PENDING + ", above: 100, resolve_below: 80")
    measured(scene, (0, 101), (60, 90), (120, 80), (180, 79.9))
    assert scene.ends() == [("fired", 0, ("default",)), ("resolved", 180, ("default",))]


def test_a_gauge_that_is_told_no_more_is_silent_and_what_fired_stays():
    scene = Scene(PENDING + ", above: 100")
    measured(scene, (0, 200), namespace="a")
    measured(scene, (0, 10), namespace="b")
    for second in range(20, 180, 20):
        scene.event(second, "store.local")
    scene.passes(179)
    assert scene.states() == {("rule-0", "a"): ("firing", 200), ("rule-0", "b"): ("ok", 10)}
    scene.passes(180)
    assert scene.states() == {("rule-0", "a"): ("firing", None), ("rule-0", "b"): ("silent", None)}
    assert scene.ends() == [("fired", 0, ("a",))]


def test_what_is_over_only_because_nothing_is_heard_is_not_over():
    scene = Scene(PENDING.replace("3m", "10m") + ", above: 100, aggregate: max")
    measured(scene, (0, 200), (60, 1), (120, 1))
    scene.passes(660)
    assert scene.seen == [("fired", 0, ("default",))]
    scene.event(661, "store.local")
    assert scene.ends()[1:] == [("resolved", 661, ("default",))]


def test_a_wait_to_fire_ends_when_the_gauge_is_told_no_more():
    scene = Scene(PENDING + ", above: 100, for: 5m")
    measured(scene, (0, 200))
    for second in range(10, 600, 10):
        scene.event(second, "store.local")
    assert scene.ends() == []


def test_a_late_line_does_not_replace_a_newer_value():
    scene = Scene(PENDING + ", above: 100")
    measured(scene, (60, 50), (0, 200))
    assert scene.ends() == []
    assert scene.states() == {("rule-0", "default"): ("ok", 50)}


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [("last", 7), ("max", 30), ("min", 4), ("avg", 15.25), ("sum", 61), ("increase", -13)],
)
def test_each_aggregate_is_over_the_values_of_within_whatever_their_order(aggregate, value):
    for order in ((0, 1, 2, 3), (2, 0, 3, 1)):
        scene = Scene(PENDING + f", above: 1000, aggregate: {aggregate}")
        steps = [(200, 20), (210, 30), (220, 4), (230, 7)]
        measured(scene, (0, 999), *(steps[place] for place in order))
        scene.event(231, "store.local")
        assert scene.states() == {("rule-0", "default"): ("ok", value)}


def test_an_aggregate_resolves_when_the_value_that_fired_it_is_older_than_within():
    scene = Scene(PENDING.replace("within: 3m", "within: 5m") + ", above: 100, aggregate: max")
    measured(scene, (0, 200), (60, 1), (120, 1), (290, 1))
    scene.event(301, "store.local")
    assert scene.ends() == [("fired", 0, ("default",)), ("resolved", 300, ("default",))]


def test_an_increase_needs_two_values():
    scene = Scene(PENDING + ", above: 5, aggregate: increase")
    measured(scene, (0, 100))
    scene.event(1, "store.local")
    assert scene.states() == {("rule-0", "default"): ("unknown", None)}
    measured(scene, (60, 105), (120, 106))
    assert scene.ends() == [("fired", 120, ("default",))]


def test_a_number_within_a_field_is_read_by_its_path():
    scene = Scene(
        "kind: threshold, where: {event: dq_gate.window.closed}, field: latency_us.p99, above: 500, within: 1m"
    )
    for seq, latency in enumerate([{"p50": 900, "p99": 500}, None, {"p50": 1, "p99": 501}]):
        scene.event(seq, "window.closed", seq=seq, inputs=[], rules=[], latency_us=latency)
    assert scene.ends() == [("fired", 2, ())]


def test_a_rules_failures_in_a_batch_are_read_by_the_rules_name():
    scene = Scene(
        "kind: threshold, where: {event: dq_gate.batch.completed}, field: rules.query.text.length, above: 9, within: 1m"
    )
    scene.event(0, "batch.completed", rules={"query.text.length": 10, "length": 99})
    assert scene.ends() == [("fired", 0, ())]


@pytest.mark.parametrize("value", [True, "200", float("nan"), float("inf"), 10**400, [200], {"a": 200}])
def test_what_is_no_number_is_left_out_and_counted(value):
    scene = Scene(PENDING + ", above: 100")
    measured(scene, (0, value), (10, None))
    assert scene.ends() == []
    assert scene.states() == {("rule-0",): ("unknown", None)}
    assert scene.engine.losses.not_numbers == 1


def test_nothing_heard_is_silent():
    engine = Scene(PENDING + ", above: 1").engine
    assert isinstance(engine, Engine)
    assert [status.state for status in engine.report()] == ["silent"]
