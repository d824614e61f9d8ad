"""A spike is held against what was usual, so the usual must be known, and silence is not usual."""

from __future__ import annotations

import pytest

from tests.unit.alerts.scene import Scene

UP = (
    "kind: spike, where: {event: dq_gate.input.quarantined}, count: inputs, group_by: [source], within: 5m, "
    "reference: 1h, factor: 3"
)
MINUTE, HOUR = 60, 3600


def traffic(scene, start, end, quarantined, source="web"):
    """A window every 10 s with so many quarantined inputs."""
    for second in range(start, end, 10):
        scene.window(second, **({source: {"quarantined": quarantined, "clean": 10}} if quarantined is not None else {}))


def test_a_count_far_above_the_mean_fires_and_resolves_when_it_is_over():
    scene = Scene(UP)
    traffic(scene, 0, 2 * HOUR, 2)
    traffic(scene, 2 * HOUR, 2 * HOUR + 10 * MINUTE, 20)
    traffic(scene, 2 * HOUR + 10 * MINUTE, 3 * HOUR, 2)
    (fired, resolved) = scene.ends()
    assert (fired[0], resolved[0], fired[2]) == ("fired", "resolved", ("web",))
    # More than 180 in 5 min, where 60 are usual: the seventh window of 20 instead of 2.
    assert fired[1] == 2 * HOUR + 60
    assert 10 * MINUTE < resolved[1] - 2 * HOUR < 15 * MINUTE


def test_the_factor_itself_does_not_fire():
    scene = Scene(UP)
    traffic(scene, 0, 2 * HOUR, 2)
    for second in range(2 * HOUR, 2 * HOUR + 5 * MINUTE, 10):
        scene.window(second, web={"quarantined": 6})
    assert scene.ends() == []


def test_until_the_reference_is_covered_nothing_is_known():
    scene = Scene(UP)
    traffic(scene, 0, HOUR, 1)
    traffic(scene, HOUR, HOUR + 4 * MINUTE, 100)
    assert scene.ends() == []
    assert scene.states() == {("rule-0", "web"): ("unknown", None)}


def test_a_source_that_is_new_has_no_usual():
    scene = Scene(UP)
    traffic(scene, 0, 2 * HOUR, 1)
    traffic(scene, 2 * HOUR, 2 * HOUR + 10 * MINUTE, 50, source="app")
    assert [group for _, _, group in scene.ends()] == []


def test_a_few_are_no_spike_and_few_in_the_reference_say_nothing():
    for limit in ("min_volume: 1000", "min_reference: 1000"):
        scene = Scene(f"{UP}, {limit}")
        traffic(scene, 0, 2 * HOUR, 2)
        traffic(scene, 2 * HOUR, 2 * HOUR + 4 * MINUTE, 30)
        assert scene.ends() == []


def test_a_count_far_below_the_mean_fires_downwards_and_not_upwards():
    up, down, both = Scene(UP), Scene(UP + ", direction: down"), Scene(UP + ", direction: both")
    for scene in (up, down, both):
        traffic(scene, 0, 2 * HOUR, 30)
        traffic(scene, 2 * HOUR, 2 * HOUR + 20 * MINUTE, 0)
    assert up.ends() == []
    # A third of 900 is left when 20 of 30 windows are gone; one less fires.
    assert down.ends() == both.ends() == [("fired", 2 * HOUR + 200, ("web",))]


def test_down_does_not_fire_when_nothing_is_heard():
    scene = Scene(UP + ", direction: down")
    traffic(scene, 0, 2 * HOUR, 30)
    scene.passes(3 * HOUR)
    assert scene.seen == []
    assert scene.states() == {("rule-0", "web"): ("silent", None)}


def test_what_is_heard_again_after_a_silence_is_neither_a_fall_nor_a_spike():
    # With the silence as zeros, the mean would be 35 of 60 minutes, and what is usual 1.7 times that.
    scene = Scene(UP.replace("factor: 3", "factor: 1.5") + ", direction: both")
    traffic(scene, 0, 3 * HOUR, 30)
    traffic(scene, 3 * HOUR + 25 * MINUTE, 6 * HOUR, 30)
    assert scene.ends() == []


def test_events_of_other_kinds_do_not_make_windows_heard():
    scene = Scene(UP + ", direction: down")
    traffic(scene, 0, 2 * HOUR, 30)
    for second in range(2 * HOUR, 3 * HOUR, 5):
        scene.event(second, "store.local")
    assert scene.ends() == []


def test_a_daily_rhythm_is_held_against_the_day_before():
    """Ten times as much at eight as at seven, as every day."""
    plain = UP.replace("reference: 1h", "reference: 2h").replace("within: 5m", "within: 30m")
    scene = Scene(plain, plain + ", offset: 23h")

    def day(number, busy):
        for minute in range(0, 24 * 60, 1):
            at = number * 24 * HOUR + minute * 60
            scene.window(at, web={"quarantined": busy if 8 <= minute // 60 < 18 else 1})

    day(0, 10)
    day(1, 10)
    day(2, 100)
    fired = [(rule_day(second), what) for what, second, _ in scene.ends()]
    of_plain = [entry for entry in fired if entry[1] == "fired"]
    assert (0, "fired") in of_plain
    assert (2, "fired") in of_plain
    quiet = Scene(plain + ", offset: 23h")
    scene = quiet
    day(0, 10)
    day(1, 10)
    assert quiet.ends() == []
    day(2, 100)
    assert [what for what, _, _ in quiet.ends()][:1] == ["fired"]


def rule_day(second):
    return second // (24 * HOUR)


def test_lines_are_counted_when_inputs_are_not_asked_for():
    scene = Scene(
        "kind: spike, where: {event: dq_gate.rule.crashed}, group_by: [rule_id], within: 1m, reference: 10m, "
        "factor: 5, min_volume: 10"
    )
    for second in range(0, 20 * MINUTE, 5):
        scene.event(second, "store.local")
        if second % 30 == 0:
            scene.event(second, "rule.crashed", rule_id="a.b")
    for second in range(20 * MINUTE, 20 * MINUTE + 30):
        scene.event(second, "rule.crashed", rule_id="a.b")
    assert [(what, group) for what, _, group in scene.ends()] == [("fired", ("a.b",))]


@pytest.mark.parametrize("direction", ["up", "down", "both"])
def test_a_spike_does_not_resolve_while_nothing_is_heard(direction):
    scene = Scene(f"{UP}, direction: {direction}")
    traffic(scene, 0, 2 * HOUR, 30)
    traffic(scene, 2 * HOUR, 2 * HOUR + 10 * MINUTE, 0 if direction == "down" else 300)
    assert [what for what, _, _ in scene.seen] == ["fired"]
    scene.passes(8 * HOUR)
    assert [what for what, _, _ in scene.seen] == ["fired"]
