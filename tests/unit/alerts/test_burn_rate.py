"""An error budget burns: fast over an hour, slowly over six, and in both cases still."""

from __future__ import annotations

import pytest

from tests.unit.alerts.scene import Scene

BURN = (
    "kind: burn_rate, where: {event: dq_gate.input.quarantined}, of: inputs, group_by: [source], objective: 0.99, "
    "windows: [{long: 1h, short: 5m, factor: 14.4}, {long: 6h, short: 30m, factor: 6}]"
)
ONE = BURN.replace(", {long: 6h, short: 30m, factor: 6}", "")
MINUTE, HOUR = 60, 3600


def traffic(scene, start, end, quarantined, of=1000, step=60):
    for second in range(start, end, step):
        scene.window(second, web={"quarantined": quarantined, "clean": of - quarantined})


def test_a_fast_burn_fires_when_the_long_window_is_beyond_and_resolves_when_the_short_one_is_not():
    scene = Scene(ONE)
    traffic(scene, 0, 2 * HOUR, 0)
    traffic(scene, 2 * HOUR, 3 * HOUR, 500)
    traffic(scene, 3 * HOUR, 4 * HOUR, 0)
    fired, resolved = scene.ends()
    # 14.4 % of an hour is 17.28 min of half; with a good minute forgotten a slice early, the 18th is enough.
    assert fired[0] == "fired"
    assert 17 * MINUTE - 12 <= fired[1] - 2 * HOUR <= 17 * MINUTE
    # 14.4 % of 5 min at half: until 1 of its 5 windows is bad.
    assert resolved == ("resolved", 3 * HOUR + 3 * MINUTE, ("web",))


def test_exactly_the_factor_does_not_fire():
    for quarantined, fires in ((144, False), (145, True)):
        scene = Scene(ONE)
        traffic(scene, 0, 2 * HOUR, quarantined)
        assert bool(scene.ends()) == fires


@pytest.mark.parametrize("objective", [0.9, 0.95, 0.99, 0.999, 0.9999])
def test_a_budget_is_exact_whatever_the_objective_is_in_binary(objective):
    scene = Scene(BURN.replace("0.99", str(objective)).replace("14.4", "5").replace("factor: 6", "factor: 5"))
    traffic(scene, 0, HOUR, round(5 * (1 - objective) * 10_000), of=10_000)
    assert scene.ends() == []
    ((state, value),) = scene.states().values()
    assert (state, value) == ("ok", 5)


def test_a_slow_burn_fires_by_the_longer_pair():
    scene = Scene(BURN)
    traffic(scene, 0, 6 * HOUR, 0)
    traffic(scene, 6 * HOUR, 12 * HOUR, 100)
    ((what, second, _),) = scene.ends()
    # 6 % of six hours at a tenth: 3.6 hours.
    assert what == "fired"
    assert abs(second - (6 + 3.6) * HOUR) <= 2 * MINUTE


def test_what_is_said_is_the_highest_burn_rate_that_both_windows_of_a_pair_exceed():
    scene = Scene(BURN)
    traffic(scene, 0, HOUR, 200)
    scene.ends()
    (status,) = scene.engine.report()
    assert (status.state, status.value, status.volume) == ("firing", 20, 60_000)


def test_too_little_in_the_long_window_is_unknown():
    scene = Scene(BURN + ", min_volume: 1000000")
    traffic(scene, 0, HOUR, 500)
    assert scene.ends() == []
    assert scene.states() == {("rule-0", "web"): ("unknown", None)}


def test_what_fires_does_not_resolve_without_traffic_nor_in_silence():
    scene = Scene(ONE)
    traffic(scene, 0, HOUR, 500)
    for second in range(HOUR, 2 * HOUR, 10):
        scene.window(second)
    assert [what for what, _, _ in scene.seen] == ["fired"]
    scene.passes(9 * HOUR)
    assert [what for what, _, _ in scene.seen] == ["fired"]
    assert scene.states() == {("rule-0", "web"): ("firing", None)}


def test_nothing_heard_is_silent_and_nothing_bad_is_zero():
    scene = Scene(BURN)
    assert scene.states() == {("rule-0",): ("silent", None)}
    traffic(scene, 0, HOUR, 0)
    assert scene.states() == {("rule-0", "web"): ("ok", 0)}
    scene.passes(9 * HOUR)
    assert scene.states() == {("rule-0", "web"): ("silent", None)}


def test_rules_burn_against_the_inputs_of_their_source():
    scene = Scene(ONE.replace("[source]", "[source, rule_id]"))
    for second in range(0, HOUR, 60):
        rules = [
            {"source": "web", "rule_id": rule_id, "mode": "enforce", "count": count}
            for rule_id, count in (("a.b", 200), ("a.c", 100))
        ]
        scene.window(second, rules=rules, web={"quarantined": 250, "clean": 750})
    assert [group for _, _, group in scene.ends()] == [("web", "a.b")]


def test_both_sides_may_be_lines():
    scene = Scene(
        "kind: burn_rate, where: {event: dq_gate.input.quarantined, stored: none}, "
        "of: {event: dq_gate.input.quarantined}, objective: 0.9, windows: [{long: 10m, short: 1m, factor: 2}]"
    )
    for second in range(100):
        scene.event(second, "input.quarantined", stored="none" if second % 3 == 0 else "store")
    assert scene.ends() == [("fired", 0, ())]
