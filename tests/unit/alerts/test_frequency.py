"""What counts as too few, and what windows count exactly."""

from __future__ import annotations

import json

from dq_gate.alerts.evaluation.engine import Engine
from tests.unit.alerts.scene import Scene

FAILURES = "kind: frequency, where: {event: dq_gate.input.quarantined}, count: inputs, group_by: [source], within: 1m"


def failures(**counts):
    return [{"source": "web", "rule_id": name, "mode": "enforce", "count": n} for name, n in counts.items()]


def test_inputs_are_counted_from_windows_and_lines_of_them_are_not():
    scene = Scene(FAILURES + ", above: 10")
    for second in range(20):
        scene.event(second, "input.quarantined")
    scene.window(20, web={"quarantined": 10, "clean": 5})
    assert scene.states() == {("rule-0", "web"): ("ok", 10)}
    scene.window(30, web={"quarantined": 1})
    assert scene.ends() == [("fired", 30, ("web",))]


def test_failures_are_counted_by_rule_when_rule_id_is_asked_for():
    scene = Scene(
        FAILURES.replace("quarantined}", "quarantined, rule_id: [ab, ac]}").replace("[source]", "[rule_id]")
        + ", above: 5"
    )
    scene.window(0, rules=failures(ab=6, ac=5, ad=9), web={"quarantined": 20})
    assert scene.ends() == [("fired", 0, ("ab",))]


def test_what_fires_has_its_own_bound_to_resolve_by():
    scene = Scene(FAILURES + ", above: 10, resolve_below: 5")
    for second, count in ((0, 6), (10, 5), (40, 4), (50, 1), (60, 0), (70, 0), (80, 0)):
        scene.window(second, web={"quarantined": count})
    # 16, from 70 on 5, which is not below 5 yet; at 100 nothing is left but what silence hides.
    assert scene.ends() == [("fired", 10, ("web",))]
    for second in range(90, 120, 10):
        scene.window(second)
    assert scene.ends()[1:] == [("resolved", 100, ("web",))]


def test_too_few_inputs_do_not_fire_while_no_window_comes_whatever_else_does():
    scene = Scene(FAILURES + ", below: 5")
    for second in range(0, 120, 10):
        scene.window(second, web={"quarantined": 9})
    for second in range(120, 400, 5):
        scene.event(second, "store.local")
    assert scene.seen == []
    assert scene.states() == {("rule-0", "web"): ("silent", None)}
    for second in range(400, 480, 10):
        scene.window(second)
    ((what, second, _),) = scene.ends()
    # The minute before must have been heard, give or take a tick of 30 s.
    assert what == "fired"
    assert 430 <= second <= 470


def test_a_firing_count_of_inputs_resolves_with_a_window_and_with_no_other_line():
    scene = Scene(FAILURES + ", above: 10")
    scene.window(0, web={"quarantined": 11})
    for second in range(5, 300, 5):
        scene.event(second, "store.local")
    assert scene.seen == [("fired", 0, ("web",))]
    scene.window(300, web={"clean": 1})
    assert scene.ends()[1:] == [("resolved", 300, ("web",))]


def test_a_break_in_the_log_is_not_counted_as_too_few():
    scene = Scene("kind: frequency, where: {event: dq_gate.batch.completed}, below: 3, within: 10m")
    for start in (0, 3600):
        for second in range(start, start + 1800, 10):
            scene.event(second, "store.local")
            if second % 120 == 0:
                scene.event(second, "batch.completed")
    assert scene.ends() == []


def test_what_was_silent_when_the_watch_was_restarted_resolves_with_the_first_window():
    scene = Scene(FAILURES + ", above: 10")
    scene.window(0, web={"quarantined": 11})
    scene.window(1)
    scene.passes(600)
    saved = json.loads(json.dumps(scene.engine.save()))
    scene.engine, _ = Engine.restored([tracker.rule for tracker in scene.engine._trackers], saved)
    scene.window(610)
    scene.window(620)
    assert scene.ends() == [("fired", 0, ("web",)), ("resolved", 610, ("web",))]
