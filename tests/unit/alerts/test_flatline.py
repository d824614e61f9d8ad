"""What used to come and comes no more, told apart from a log that comes no more."""

from __future__ import annotations

from tests.unit.alerts.scene import Scene

INPUTS = (
    "kind: flatline, where: {event: dq_gate.input.quarantined, rule_id: a.b}, count: inputs, group_by: [source], "
    "within: 10m, reference: 1h"
)
LINES = "kind: flatline, where: {event: dq_gate.batch.completed}, within: 10m, reference: 30m, below: 2"
MINUTE, HOUR = 60, 3600


def windows(scene, start, end, failures, process="p"):
    rules = [{"source": "web", "rule_id": "a.b", "mode": "enforce", "count": failures}] if failures else []
    for second in range(start, end, 10):
        scene.window(second, process=process, rules=rules, web={"clean": 5})


def test_a_rule_that_stopped_firing_fires_it_and_one_failure_resolves_it():
    scene = Scene(INPUTS)
    windows(scene, 0, HOUR, 1)
    windows(scene, HOUR, 2 * HOUR, 0)
    assert scene.seen == [("fired", HOUR - 10 + 10 * MINUTE, ("web",))]
    windows(scene, 2 * HOUR, 2 * HOUR + 10, 1)
    assert scene.ends()[1:] == [("resolved", 2 * HOUR, ("web",))]


def test_a_rule_that_never_fired_is_not_missed():
    scene = Scene(INPUTS)
    windows(scene, 0, 2 * HOUR, 0)
    assert scene.ends() == []
    assert scene.states() == {("rule-0",): ("unknown", None)}


def test_a_dead_gate_is_silent_and_not_at_zero():
    scene = Scene(INPUTS)
    windows(scene, 0, HOUR, 1)
    scene.passes(3 * HOUR)
    assert scene.seen == []
    assert scene.states() == {("rule-0", "web"): ("silent", None)}


def test_the_first_windows_after_a_silence_do_not_make_it_zero():
    scene = Scene(INPUTS)
    windows(scene, 0, HOUR, 1)
    windows(scene, HOUR + 20 * MINUTE, HOUR + 25 * MINUTE, 0, process="q")
    assert scene.seen == []
    windows(scene, HOUR + 25 * MINUTE, HOUR + 45 * MINUTE, 0, process="q")
    ((what, second, _),) = scene.ends()
    assert what == "fired"
    assert HOUR + 29 * MINUTE <= second <= HOUR + 31 * MINUTE


def test_a_source_that_was_retired_is_silent_while_others_go_on():
    scene = Scene(INPUTS)
    for second in range(0, 2 * HOUR, 10):
        if second < HOUR:
            failed = {"source": "old", "rule_id": "a.b", "mode": "enforce", "count": 1}
            scene.window(second, process="old", source="old", rules=[failed], old={"quarantined": 1})
        scene.window(second, web={"clean": 5})
    assert scene.seen == []
    assert scene.states()["rule-0", "old"] == ("silent", None)


def test_a_source_of_a_process_of_several_is_heard_while_the_process_is():
    scene = Scene(INPUTS)
    failed = {"source": "feed", "rule_id": "a.b", "mode": "enforce", "count": 1}
    for second in range(0, 2 * HOUR, 10):
        rows = {"rules": [failed], "feed": {"quarantined": 1}} if second < HOUR else {}
        scene.window(second, web={"clean": 5}, **rows)
    assert scene.seen == [("fired", HOUR - 10 + 10 * MINUTE, ("feed",))]


def test_what_was_put_aside_counts_when_it_is_late_that_nothing_came():
    scene = Scene(INPUTS)
    windows(scene, 0, HOUR, 1)
    windows(scene, HOUR, HOUR + 10, 1, process="q")
    windows(scene, HOUR + 10, 2 * HOUR, 0, process="q")
    assert scene.seen == [("fired", HOUR + 10 * MINUTE, ("web",))]


def test_exactly_the_bound_is_not_below_it():
    scene = Scene(LINES)
    for second in range(0, HOUR, 10):
        scene.event(second, "store.local")
        if second % 300 == 0:
            scene.event(second, "batch.completed")
    assert scene.ends() == []


def test_fewer_than_the_bound_fire_it_when_there_were_enough_before():
    scene = Scene(LINES)
    for second in range(0, 2 * HOUR, 10):
        scene.event(second, "store.local")
        if second % 300 == 0 and second <= HOUR:
            scene.event(second, "batch.completed")
    # At 3600 came the last; from 3900 on it is the only one of 10 min.
    assert scene.ends() == [("fired", 3900, ())]


def test_it_stays_firing_when_the_reference_has_nothing_left_to_say():
    scene = Scene(INPUTS)
    windows(scene, 0, HOUR, 1)
    windows(scene, HOUR, 8 * HOUR, 0)
    assert [what for what, _, _ in scene.ends()] == ["fired"]


def test_too_few_before_make_nothing_expected():
    scene = Scene(INPUTS + ", min_reference: 400")
    windows(scene, 0, HOUR, 1)
    windows(scene, HOUR, 2 * HOUR, 0)
    assert scene.ends() == []
