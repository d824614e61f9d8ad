"""Processes whose clocks differ: nobody is missed who is there, nothing is lost, and one bad clock moves no other."""

from __future__ import annotations

import random

import pytest

from tests.unit.alerts.scene import START, Scene

ABSENT_PROCESS = "kind: absence, where: {event: dq_gate.window.closed}, group_by: [process], within: 1m"
ABSENT_SOURCE = "kind: absence, where: {event: dq_gate.window.closed}, group_by: [source], within: 1m"
RATIO = (
    "kind: ratio, where: {event: dq_gate.input.quarantined}, of: inputs, group_by: [source], above: 0.2, "
    "min_volume: 50, within: 5m"
)
ALL_INPUTS = (
    "kind: ratio, where: {event: dq_gate.input.quarantined}, of: inputs, group_by: [source], above: 0.9, within: 30d"
)
HOUR = 3600


def windows(process, start, end, skew=0.0, source="web", delay=0.0):
    """(when it is read, process, source, what its clock says, number) of a process's windows."""
    return [
        (second + delay, process, source, second + skew, number)
        for number, second in enumerate(range(int(start), int(end), 10))
    ]


def play(scene, *processes, counts=None):
    for _, process, source, says, number in sorted(line for lines in processes for line in lines):
        scene.event(
            says,
            "window.closed",
            process=process,
            source=source,
            mode="enforce",
            seq=number,
            inputs=[{"source": source, "outcome": what, "count": n} for what, n in (counts or {"clean": 10}).items()],
        )
    return scene.ends()


def volume(scene):
    return sum(status.volume for status in scene.engine.report() if status.volume)


@pytest.mark.parametrize("skews", [(0, 90, -90), (90, 0, -90), (-90, 0, 90), (0, 90), (0, -90), (45, -45, 0), (0, 200)])
@pytest.mark.parametrize("starts", [(0, 1, 2), (0, 600, 1200), (0, 5, 900)])
def test_processes_with_other_clocks_are_not_missed_and_all_of_theirs_counts(skews, starts):
    scene = Scene(ABSENT_PROCESS, ABSENT_SOURCE, RATIO, ALL_INPUTS)
    fleet = [
        windows(f"p{number}", start + number / 10, 3 * HOUR, skew, source=f"s{number}")
        for number, (skew, start) in enumerate(zip(skews, starts, strict=False))
    ]
    assert play(scene, *fleet) == []
    counted = sum(status.volume for status in scene.engine.report() if status.alert == "rule-3")
    assert counted == 10 * sum(map(len, fleet))
    assert scene.engine.losses.late == 0


def test_a_process_that_is_behind_for_good_is_late_beyond_five_minutes():
    scene = Scene(ALL_INPUTS)
    slow = windows("slow", 30.5, HOUR, -400, source="slow")
    play(scene, windows("right", 0, HOUR), slow)
    assert scene.engine.losses.late == len(slow)


def test_lines_of_a_clock_that_is_ahead_are_counted_as_skewed():
    scene = Scene(ALL_INPUTS)
    fast = windows("fast", 300.5, HOUR, 1200)
    play(scene, windows("right", 0, HOUR), fast)
    assert scene.engine.losses.skewed == len(fast)


def test_alerts_of_a_clock_that_is_ahead_come_at_the_time_of_the_others():
    scene = Scene("kind: frequency, where: {event: dq_gate.rule.crashed}, group_by: [process], above: 0, within: 5m")
    for second in range(0, 600, 10):
        scene.window(second, process="right")
        scene.window(second + 90, process="fast")
        if second == 300:
            scene.event(second + 91, "rule.crashed", process="fast")
    ((what, second, group),) = scene.ends()
    assert (what, group) == ("fired", ("fast",))
    assert abs(second - 301) <= 10


def test_a_delayed_batch_counts_at_its_own_time():
    scene = Scene("kind: frequency, where: {event: dq_gate.rule.crashed}, above: 2, within: 1m")
    for second in range(0, 900, 10):
        scene.window(second, process="a")
        if not 300 <= second < 500:
            scene.window(second, process="b")
        if second == 500:
            for at in range(300, 500, 50):
                scene.event(at, "rule.crashed", process="b")
    assert scene.ends() == []
    assert (scene.engine.losses.late, scene.engine.losses.skewed) == (0, 0)


def test_an_outage_of_the_shipper_loses_no_count_that_is_not_late():
    scene = Scene(ALL_INPUTS)
    steady, shipped = windows("a", 0, HOUR, source="a"), windows("b", 0, HOUR, source="b")
    burst = [(1500 + n / 1e6 if 1240 <= says < 1500 else says, p, s, says, n) for _, p, s, says, n in shipped]
    play(scene, steady, burst)
    assert volume(scene) == 10 * (len(steady) + len(shipped))
    assert scene.engine.losses.late == 0


@pytest.mark.parametrize("gap", [15, 60, 600, 8 * HOUR])
@pytest.mark.parametrize("process", ["p", "q"])
def test_a_pause_is_a_pause_whoever_ends_it(gap, process):
    scene = Scene(ABSENT_SOURCE)
    back = 600 + gap
    after = [(read, p, s, says, 60 + n) for read, p, s, says, n in windows(process, back, back + 600)]
    play(scene, windows("p", 0, 600), after)
    gone = [("fired", 650, ("web",)), ("resolved", back, ("web",))] if gap > 50 else []
    assert scene.seen == gone
    assert scene.engine.losses.skewed == scene.engine.losses.late == 0


def test_a_fleet_that_restarts_after_a_night_brings_its_skews_along():
    scene = Scene(ABSENT_PROCESS.replace("within: 1m", "until: {event: dq_gate.gate.stopped}, within: 1m"), ALL_INPUTS)
    old = windows("old", 0, 600)
    morning = 600 + 8 * HOUR
    new = [
        windows(f"n{number}", morning + number, morning + 1800, skew) for number, skew in enumerate((90, 0, -60, 30))
    ]
    for _, process, _, says, number in old:
        scene.window(says, process=process, seq=number, web={"clean": 10})
    scene.event(600, "gate.stopped", process="old")
    assert play(scene, *new) == []
    assert volume(scene) == 10 * (len(old) + sum(map(len, new)))


def test_a_process_that_dies_is_missed_at_its_time_though_another_clock_is_ahead():
    scene = Scene(ABSENT_PROCESS)
    play(scene, windows("right", 0, HOUR), windows("dies", 1, 1200), windows("fast", 300.5, HOUR, 90))
    assert scene.seen == [("fired", 1191 + 60, ("dies",))]


def test_a_clock_that_is_put_right_is_right_again():
    scene = Scene(ABSENT_PROCESS, ALL_INPUTS)
    fast = [(r, p, s, says + (1200 if r < 1800 else 0), n) for r, p, s, says, n in windows("b", 0.5, HOUR)]
    play(scene, windows("a", 0, HOUR), fast)
    assert scene.seen == []
    assert volume(scene) == 10 * (len(fast) + 360)


def test_a_held_line_comes_before_the_line_that_bears_it_out():
    scene = Scene("kind: frequency, where: {event: dq_gate.rule.crashed}, above: 0, within: 1m")
    scene.window(0, process="a")
    scene.window(0, process="b")
    scene.event(200, "rule.crashed", process="b")
    scene.window(100, process="a")
    assert scene.seen == [("fired", 200, ())]


def test_a_busy_process_after_a_pause_is_believed_though_all_of_it_cannot_be_held():
    scene = Scene("kind: frequency, where: {event: dq_gate.rule.crashed}, above: 0, within: 1m")
    scene.window(0)
    for number in range(1500):
        scene.event(HOUR + number / 100, "store.local", process="busy")
    scene.event(HOUR + 15, "rule.crashed", process="busy")
    assert scene.seen == [("fired", HOUR + 15, ())]


@pytest.mark.parametrize("place", [0, 5, 29])
def test_one_line_from_the_far_future_counts_as_of_now(place):
    scene = Scene("kind: frequency, where: {event: dq_gate.rule.crashed}, above: 0, within: 1h")
    for turn in range(30):
        if turn == place:
            scene.event(10**9, "rule.crashed")
        scene.window(turn * 10)
    ((what, second, _),) = scene.ends()
    assert (what, scene.engine.losses.skewed) == ("fired", 1)
    assert abs(second - 10 * place) <= 10


def test_what_is_no_name_of_a_process_is_nobodys():
    scene = Scene(ALL_INPUTS)
    for turn, process in enumerate([None, 3, ["x"], {"a": 1}, True]):
        scene.event(turn, "store.local", process=process)
    assert scene.ends() == []


# live


def test_live_a_new_process_after_a_pause_is_believed_at_once():
    scene = Scene("kind: frequency, where: {event: dq_gate.rule.crashed}, above: 0, within: 1m")
    now = START * 1000
    feed = scene.engine.feed
    feed({"event": "dq_gate.store.local", "process": "old"}, now, now)
    now += HOUR * 1000
    scene.engine.advance(now - 2_000)
    assert [alert.name for alert in feed({"event": "dq_gate.rule.crashed", "process": "new"}, now, now)] == [
        "dq_gate.alert.fired"
    ]


def live(scene, lines, until, lag, grace=2, poll=1):
    """Feed lines when they are read, `lag` after they say; between them the reader lets time pass."""
    waiting = sorted(lines)
    seen = []
    for second in range(lag, until, poll):
        now = (START + second) * 1000
        while waiting and waiting[0][0] + lag <= second:
            _, process, source, says, number = waiting.pop(0)
            record = {"event": "dq_gate.window.closed", "process": process, "source": source, "seq": number}
            record |= {"mode": "enforce", "inputs": [{"source": source, "outcome": "clean", "count": 10}]}
            seen += scene.engine.feed(record, int((START + says) * 1000), now)
        seen += scene.engine.advance(now - grace * 1000)
    return [(alert.name.removeprefix("dq_gate.alert."), tuple(alert.group.values())) for alert in seen]


@pytest.mark.parametrize("skew", [-90, -30, 0, 30, 90])
def test_live_a_log_whose_clocks_differ_from_the_readers_raises_nothing(skew):
    scene = Scene(ABSENT_PROCESS, ALL_INPUTS)
    lines = [*windows("a", 0, 1200, skew), *windows("b", 3, 1200, skew)]
    assert live(scene, lines, 1200, lag=0) == []
    assert scene.engine.losses.late == 0


@pytest.mark.parametrize("lag", [20, 90])
def test_live_a_log_that_always_comes_late_raises_nothing(lag):
    scene = Scene(ABSENT_PROCESS, ALL_INPUTS)
    lines = [*windows("a", 0, 1200), *windows("b", 3, 1200)]
    assert live(scene, lines, 1200, lag=lag) == []


@pytest.mark.parametrize("dies", ["a", "b"])
@pytest.mark.parametrize("skew", [-90, 0, 90])
def test_live_who_dies_is_missed_and_nobody_else(dies, skew):
    scene = Scene(ABSENT_PROCESS)
    ends = {dies: 900}
    lines = [*windows("a", 0, ends.get("a", 1800)), *windows("b", 3, ends.get("b", 1800), skew)]
    assert live(scene, lines, 1800, lag=0) == [("fired", (dies,))]


def test_random_skews_and_delays_lose_nothing_and_miss_nobody():
    dice = random.Random(7)
    for _ in range(20):
        scene = Scene(ABSENT_PROCESS, ALL_INPUTS)
        fleet = [
            windows(f"p{n}", dice.uniform(0, 900), HOUR, dice.uniform(-120, 120), source=f"s{n}", delay=dice.random())
            for n in range(dice.randint(2, 6))
        ]
        assert play(scene, *fleet) == []
        assert volume(scene) == 10 * sum(map(len, fleet))
