"""A watch is restarted in the middle of a night: what fired is not said again, and what is over is said."""

from __future__ import annotations

from contextlib import suppress

import orjson
import pytest

from dq_gate.alerts.evaluation.engine import FORGET_MS, IDLE_MS, Engine
from dq_gate.alerts.load import parse_rules
from dq_gate.errors import AlertStateError
from tests.unit.alerts.scene import START, Scene, rule

CRASHES = "kind: frequency, where: {event: dq_gate.rule.crashed}, group_by: [source], above: 0, within: 1d"
SILENCE = "kind: absence, where: {event: dq_gate.window.closed}, group_by: [source], within: 1m"
DAY = 24 * 3600


def started(*texts):
    scene = Scene(*texts)
    scene.event(0, "rule.crashed")
    scene.window(1)
    return scene


def restarted(scene, *rules):
    scene.engine, alerts = Engine.restored(rules, orjson.loads(orjson.dumps(scene.engine.save())))
    scene.seen = []
    return [(alert.alert, alert.id, alert.reason) for alert in alerts]


def test_what_fired_before_a_restart_is_not_said_again_and_resolves_after_it():
    scene = started(CRASHES)
    assert scene.seen == [("fired", 0, ("web",))]
    assert restarted(scene, rule(CRASHES, "rule-0")) == []
    scene.event(60, "rule.crashed")
    scene.passes(2 * DAY)
    scene.event(2 * DAY, "store.local")
    assert [what for what, _, _ in scene.ends()] == ["resolved"]


@pytest.mark.parametrize("kept", [[], [rule(CRASHES.replace("1d", "2d"), "rule-0")], [rule(CRASHES, "other")]])
def test_what_fires_by_a_rule_that_is_gone_or_changed_resolves_as_removed(kept):
    scene = Scene(CRASHES)
    alerts = scene.engine.feed({"event": "dq_gate.rule.crashed"}, START * 1000, START * 1000)
    assert restarted(scene, *kept) == [("rule-0", alerts[0].id, "removed")]
    (change,) = scene.engine.take_transitions()
    assert (change.before, change.after, change.id) == ("firing", "resolved", alerts[0].id)


def test_other_words_make_no_other_rule():
    scene = started(CRASHES)
    assert restarted(scene, rule(CRASHES + ", summary: Look., runbook: a.md, message: '{value}'", "rule-0")) == []
    assert scene.states() == {("rule-0", "web"): ("firing", 1)}


def test_what_nobody_was_told_of_is_not_resolved_when_its_rule_goes():
    scene = started(CRASHES + ", mute: [{}]")
    assert scene.seen == []
    assert restarted(scene) == []


def test_a_mute_that_is_gone_after_a_restart_tells():
    scene = started(CRASHES + ", mute: [{}]")
    restarted(scene, rule(CRASHES, "rule-0"))
    scene.event(5, "store.local")
    assert scene.ends() == [("fired", 1, ("web",))]


def test_a_new_rule_begins_at_the_restart():
    scene = started(CRASHES)
    scene.passes(600)
    restarted(scene, rule(CRASHES, "rule-0"), rule(SILENCE, "new"))
    scene.passes(659)
    assert scene.seen == []
    scene.passes(660)
    assert scene.seen == [("fired", 660, ())]


def test_parts_of_a_window_come_together_over_a_restart():
    text = "kind: ratio, where: {event: dq_gate.input.quarantined}, of: inputs, above: 0.5, within: 5m"
    scene = Scene(text)
    scene.window(0, seq=0, part=1, parts=2, web={"quarantined": 60})
    scene.engine.advance(START * 1000)
    restarted(scene, rule(text, "rule-0"))
    scene.window(0, seq=0, part=2, parts=2, web={"clean": 40})
    scene.window(0, seq=0, part=2, parts=2, web={"clean": 40})
    scene.ends()
    (status,) = scene.engine.report()
    assert (status.value, status.volume, scene.engine.losses.duplicates) == (0.6, 100, 1)


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_a_state_of_an_unknown_release_is_refused(version):
    with pytest.raises(AlertStateError, match="format"):
        Engine.restored([], {**Engine([]).save(), "version": version})


@pytest.mark.parametrize("key", sorted(Engine([]).save().keys() - {"version"}))
@pytest.mark.parametrize("value", [None, "x", 7, [[1]], {"web": 3}])
def test_a_damaged_state_is_refused_or_harmless(key, value):
    scene = started(CRASHES, SILENCE)
    saved = {**orjson.loads(orjson.dumps(scene.engine.save())), key: value}
    with suppress(AlertStateError):
        Engine.restored(parse_rules(f"alerts: [{{name: rule-0, severity: page, {CRASHES}}}]"), saved)


def test_a_group_that_fires_and_is_never_heard_of_again_is_forgotten_after_a_week():
    scene = Scene(SILENCE)
    scene.event(0, "window.closed", source="gone", seq=0, inputs=[])
    for day in range(10):
        scene.passes(day * DAY)
        scene.event(day * DAY, "window.closed", source="web", seq=day + 1, inputs=[])
    scene.ends()
    about = [(what, second) for what, second, group in scene.seen if group == ("gone",)]
    assert about == [("fired", 60), ("resolved", 60 + FORGET_MS // 1000)]


def test_groups_that_say_nothing_any_more_are_forgotten():
    scene = Scene(CRASHES.replace("1d", "1m"))
    scene.event(0, "rule.crashed", source="gone")
    for second in range(0, 2 * IDLE_MS // 1000, 60):
        scene.event(second, "rule.crashed", source="web")
    scene.ends()
    assert list(scene.states()) == [("rule-0", "web")]


def test_what_has_resolved_is_shown_as_such_until_something_else_is_said():
    scene = Scene(CRASHES.replace("1d", "20s"))
    scene.event(0, "rule.crashed")
    for second in range(10, 50, 10):
        scene.event(second, "store.local")
    assert scene.states() == {("rule-0", "web"): ("resolved", 0)}
    scene.ends()
    assert [(change.before, change.after) for change in scene.engine.take_transitions()] == [
        ("unknown", "firing"),
        ("firing", "resolved"),
    ]


def test_what_returns_while_it_is_kept_firing_is_not_said():
    scene = Scene(CRASHES.replace("1d", "20s, keep_firing_for: 30s"))
    for second in range(0, 200, 10):
        scene.event(second, "rule.crashed" if second in (0, 40) else "store.local")
    assert scene.ends() == [("fired", 0, ("web",)), ("resolved", 90, ("web",))]


def test_that_nothing_is_heard_any_more_is_in_the_history():
    scene = Scene("kind: frequency, where: {event: dq_gate.rule.crashed}, above: 2, within: 1h")
    scene.event(0, "rule.crashed")
    scene.event(10, "store.local")
    scene.passes(300)
    (change,) = scene.engine.take_transitions()
    assert (change.before, change.after) == ("ok", "silent")
    scene.event(301, "store.local")
    (change,) = scene.engine.take_transitions()
    assert (change.before, change.after) == ("silent", "ok")
