"""The engine decides who is called at night: what fires, what resolves, and above all when it cannot know."""

from __future__ import annotations

import random

import pytest

from dq_gate.alerts.evaluation.engine import Engine
from tests.unit.alerts.scene import START, Scene

RATIO = (
    "kind: ratio, where: {event: dq_gate.input.quarantined}, of: inputs, group_by: [source], above: 0.2, "
    "min_volume: 50, within: 5m, for: 2m"
)
CRASHES = "kind: frequency, where: {event: dq_gate.rule.crashed}, above: 2, within: 1m"
SILENCE = "kind: absence, where: {event: dq_gate.window.closed}, group_by: [process], within: 1m"
BAD = {"clean": 70, "quarantined": 30}
GOOD = {"clean": 100}


# frequency


def test_frequency_fires_above_the_bound_and_resolves_when_events_grow_old():
    scene = Scene(CRASHES)
    for second in (0, 10, 20):
        scene.event(second, "rule.crashed")
    for second in (30, 50, 70, 90):
        scene.event(second, "store.local")
    assert scene.ends() == [("fired", 20, ()), ("resolved", 60, ())]


def test_exactly_the_bound_is_not_above_it():
    scene = Scene(CRASHES)
    scene.event(0, "rule.crashed")
    scene.event(59, "rule.crashed")
    assert scene.ends() == []
    assert scene.states() == {("rule-0",): ("ok", 2)}


def test_an_alert_fires_once_however_many_lines_keep_it_burning():
    scene = Scene(CRASHES)
    for second in range(600):
        scene.event(second, "rule.crashed")
    assert scene.ends() == [("fired", 2, ())]


def test_groups_are_kept_apart():
    scene = Scene(CRASHES.replace("above: 2", "above: 1, group_by: [rule_id, pack]"))
    for rule_id in ("a.b", "a.c", "a.c"):
        scene.event(0, "rule.crashed", rule_id=rule_id, pack="query")
    assert scene.ends() == [("fired", 0, ("a.c", "query"))]


def test_where_matches_any_of_several_values_and_any_item_of_a_list():
    scene = Scene(
        "kind: frequency, where: {event: dq_gate.input.quarantined, rules: [a.b, a.c], fallback: true}, "
        "above: 0, within: 1m, group_by: [stored]"
    )
    scene.event(0, "input.quarantined", rules=["x.y", "a.c"], fallback=True, stored="first")
    scene.event(0, "input.quarantined", rules=["x.y"], fallback=True, stored="second")
    scene.event(0, "input.quarantined", rules=["a.b"], fallback=False, stored="third")
    scene.event(0, "input.quarantined", rules={"a.b": 1}, fallback=[True], stored="fourth")
    assert [group for _, _, group in scene.ends()] == [("first",)]


def test_until_ends_the_matter_for_its_group_only():
    scene = Scene(
        "kind: frequency, where: {event: dq_gate.store.degraded}, until: {event: dq_gate.store.restored}, "
        "group_by: [namespace], above: 0, within: 1d"
    )
    scene.event(0, "store.degraded", namespace="a")
    scene.event(0, "store.degraded", namespace="b")
    scene.event(30, "store.restored", namespace="a")
    scene.event(90, "store.local")
    assert scene.ends() == [("fired", 0, ("a",)), ("fired", 0, ("b",)), ("resolved", 30, ("a",))]


def test_until_may_be_any_event_of_a_kind():
    scene = Scene(CRASHES.replace("above: 2", "above: 0, until: {level: info}"))
    scene.event(0, "rule.crashed", level="error")
    scene.event(1, "gate.started", level="info")
    assert scene.ends() == [("fired", 0, ()), ("resolved", 1, ())]


def test_too_few_events_fire_only_after_a_full_stretch_was_watched():
    scene = Scene("kind: frequency, where: {event: dq_gate.batch.completed}, below: 2, within: 1m")
    scene.event(0, "gate.started")
    scene.event(10, "batch.completed")
    scene.event(50, "store.local")
    scene.passes(59)
    assert scene.seen == []
    scene.event(61, "store.local")
    assert scene.ends() == [("fired", 60, ())]


def test_sampled_events_count_for_as_many_as_they_stand_for():
    scene = Scene("kind: frequency, where: {event: dq_gate.input.admitted}, above: 999, within: 1m")
    for second in range(10):
        scene.event(second, "input.admitted", sample_rate=0.01)
    assert scene.ends() == [("fired", 9, ())]


def test_a_firing_frequency_does_not_resolve_while_nothing_is_heard():
    scene = Scene(CRASHES)
    for second in (0, 1, 2):
        scene.event(second, "rule.crashed")
    scene.passes(600)
    assert scene.states() == {("rule-0",): ("firing", None)}
    scene.event(601, "store.local")
    assert scene.ends() == [("fired", 2, ()), ("resolved", 601, ())]


# ratio


def test_ratio_fires_when_it_held_for_long_enough_and_resolves_once():
    scene = Scene(RATIO)
    for turn in range(12):
        scene.window(turn * 10, web=GOOD)
    for turn in range(12, 72):
        scene.window(turn * 10, web=BAD)
    for turn in range(72, 132):
        scene.window(turn * 10, web=GOOD)
    # More than a fifth is 21 bad windows of the last 30: from 320 s, plus two minutes; until 810 s.
    assert scene.ends() == [("fired", 440, ("web",)), ("resolved", 810, ("web",))]


def test_a_fifth_exactly_is_not_above_a_fifth():
    scene = Scene(RATIO)
    for turn in range(60):
        scene.window(turn * 10, web={"clean": 80, "quarantined": 20})
    assert scene.ends() == []
    assert scene.states() == {("rule-0", "web"): ("ok", 0.2)}


def test_too_little_volume_is_unknown_and_neither_fires_nor_resolves():
    scene = Scene(RATIO)
    for turn in range(60):
        scene.window(turn * 10, web=BAD, small={"quarantined": 1})
    for turn in range(60, 120):
        scene.window(turn * 10, web={"clean": 1}, small={"quarantined": 1})
    assert scene.ends() == [("fired", 120, ("web",))]
    assert scene.states() == {("rule-0", "web"): ("firing", None), ("rule-0", "small"): ("unknown", None)}


def test_zero_unknown_and_silent_are_three_states():
    scene = Scene(RATIO)
    assert scene.states() == {("rule-0",): ("silent", None)}
    scene.window(0)
    assert scene.ends() == []
    assert scene.states() == {("rule-0",): ("unknown", None)}
    scene.window(10, web=GOOD)
    assert scene.states() == {("rule-0", "web"): ("ok", 0.0)}
    scene.event(400, "store.local")
    assert scene.ends() == []
    assert scene.states() == {("rule-0", "web"): ("silent", None)}


def test_a_short_burst_does_not_fire():
    scene = Scene(RATIO)
    for turn in range(60):
        scene.window(turn * 10, web=BAD if turn < 6 else GOOD)
    assert scene.ends() == []


def test_unknown_interrupts_the_wait_to_fire():
    scene = Scene(RATIO.replace("within: 5m", "within: 30s").replace("for: 2m", "for: 1m"))
    for turn in range(60):
        scene.window(turn * 10, web=BAD if turn % 6 < 2 else {})
    assert scene.ends() == []


def test_inputs_that_nobody_judged_are_no_part_of_the_whole():
    scene = Scene(RATIO)
    for turn in range(60):
        scene.window(turn * 10, mode="off", web={"unjudged": 100})
    assert scene.ends() == []
    assert scene.states() == {("rule-0",): ("unknown", None)}


def test_ratio_of_one_source_leaves_the_others_out_of_the_whole():
    scene = Scene(RATIO.replace("quarantined}", "quarantined, source: web}").replace("[source]", "[]"))
    for turn in range(30):
        scene.window(turn * 10, web=BAD, app={"clean": 900})
    assert scene.ends() == [("fired", 120, ())]


def test_ratio_by_rule_holds_failures_against_the_inputs_of_their_source():
    scene = Scene(RATIO.replace("[source]", "[source, rule_id]"))
    failures = [
        {"source": "web", "rule_id": "a.b", "mode": "enforce", "count": 30},
        {"source": "web", "rule_id": "a.c", "mode": "enforce", "count": 10},
        {"source": "web", "rule_id": "a.d", "mode": "shadow", "count": 90},
    ]
    for turn in range(30):
        scene.window(turn * 10, web={"clean": 70, "quarantined": 30}, rules=failures)
    assert scene.ends() == [("fired", 120, ("web", "a.b"))]
    assert scene.states() == {
        ("rule-0", "web", "a.b"): ("firing", 0.3),
        ("rule-0", "web", "a.c"): ("ok", 0.1),
    }


def test_ratio_of_one_rule_reads_its_failures_from_windows():
    scene = Scene(RATIO.replace("quarantined}", "quarantined, rule_id: a.b}"))
    failures = [{"source": "web", "rule_id": name, "mode": "enforce", "count": 25} for name in ("a.b", "a.c")]
    for turn in range(30):
        scene.window(turn * 10, web=GOOD, rules=failures)
    assert scene.ends() == [("fired", 120, ("web",))]
    assert scene.states() == {("rule-0", "web"): ("firing", 0.25)}


def test_what_windows_do_not_count_is_counted_from_lines_against_their_inputs():
    scene = Scene(
        "kind: ratio, where: {event: dq_gate.rule.crashed}, of: inputs, group_by: [source], above: 0.05, within: 5m"
    )
    scene.window(0, web=GOOD)
    for second in range(6):
        scene.event(second, "rule.crashed", rule_id="a.b")
    assert scene.ends() == [("fired", 5, ("web",))]


def test_ratio_of_two_clauses_counts_both_from_lines():
    scene = Scene(
        "kind: ratio, where: {event: dq_gate.input.quarantined, stored: spool}, "
        "of: {event: dq_gate.input.quarantined}, above: 0.5, min_volume: 4, within: 5m"
    )
    for second, stored in enumerate(["spool", "spool", "store", "spool", "spool"]):
        scene.event(second, "input.quarantined", stored=stored)
    assert scene.ends() == [("fired", 3, ())]


def test_ratio_below_fires_when_too_small():
    scene = Scene(
        "kind: ratio, where: {event: dq_gate.input.admitted}, of: inputs, group_by: [source], below: 0.5, "
        "min_volume: 100, within: 1m"
    )
    scene.window(0, web={"clean": 90, "repaired": 10})
    scene.window(10, web={"quarantined": 90, "clean": 10})
    scene.window(20, web={"quarantined": 10})
    assert scene.ends() == [("fired", 20, ("web",))]


# absence


def test_absence_fires_for_what_was_seen_and_resolves_when_it_is_back():
    scene = Scene(SILENCE)
    for second in range(0, 200, 10):
        scene.window(second, process="a")
        if second < 50 or second > 150:
            scene.window(second, process="b")
    assert scene.ends() == [("fired", 100, ("b",)), ("resolved", 160, ("b",))]


def test_an_event_at_the_very_end_of_the_stretch_is_in_time():
    scene = Scene(SILENCE)
    for second in (0, 60, 120):
        scene.window(second)
    assert scene.ends() == []


def test_absence_fires_for_what_was_never_seen_since_the_start():
    scene = Scene(SILENCE)
    scene.event(0, "gate.started")
    scene.event(90, "store.local")
    assert scene.seen == [("fired", 60, ())]
    scene.window(95)
    assert scene.ends()[1:] == [("resolved", 95, ())]
    assert scene.states() == {("rule-0", "p"): ("ok", 0.0)}


def test_a_group_that_said_good_bye_is_not_missed():
    scene = Scene(SILENCE.replace("within: 1m", "until: {event: dq_gate.gate.stopped}, within: 1m"))
    scene.window(0, process="a")
    scene.window(0, process="b")
    scene.event(5, "gate.stopped", process="a")
    scene.passes(300)
    assert scene.seen == [("fired", 60, ("b",))]
    scene.event(301, "gate.stopped", process="b")
    assert scene.ends()[1:] == [("resolved", 301, ("b",))]
    assert scene.states() == {("rule-0",): ("silent", None)}


def test_a_wait_is_added_to_the_absence():
    scene = Scene(SILENCE.replace("within: 1m", "within: 1m, for: 30s"))
    scene.window(0)
    scene.passes(89)
    assert scene.seen == []
    scene.passes(90)
    assert scene.seen == [("fired", 90, ("p",))]


def test_time_that_passes_without_lines_lets_absence_fire():
    scene = Scene(SILENCE)
    scene.passes(0)
    scene.passes(59)
    assert scene.seen == []
    scene.passes(60)
    assert scene.seen == [("fired", 60, ())]


# event time


def test_the_result_does_not_depend_on_how_densely_other_lines_come():
    sparse, dense = Scene(RATIO, CRASHES, SILENCE), Scene(RATIO, CRASHES, SILENCE)
    for scene in (sparse, dense):
        for turn in range(40):
            scene.window(turn * 10, web=BAD)
            scene.event(turn * 10, "rule.crashed")
            if scene is dense:
                for second in range(1, 10):
                    scene.event(turn * 10 + second, "store.local")
        if scene is dense:
            for second in range(400, 1000):
                scene.event(second, "store.local")
        scene.event(1000, "store.local")
    found = sparse.ends()
    assert [what for what in found if what[2]] == [what for what in dense.ends() if what[2]]
    assert ("fired", 450, ("p",)) in found


def test_lines_of_several_processes_may_come_out_of_order():
    lines = [(turn * 10, process) for turn in range(60) for process in "abc"]
    shuffled = sorted(lines, key=lambda line: line[0] + random.Random(str(line)).uniform(0, 45))
    ordered, mixed = Scene(RATIO), Scene(RATIO)
    for scene, order in ((ordered, lines), (mixed, shuffled)):
        for second, process in order:
            scene.window(second, process=process, seq=second // 10, web=BAD)
    assert [what for what, _, _ in mixed.ends()] == [what for what, _, _ in ordered.ends()] == ["fired"]
    assert ordered.states() == mixed.states()
    assert mixed.engine.losses.duplicates == mixed.engine.losses.missing == mixed.engine.losses.late == 0


def test_an_event_that_comes_too_late_is_counted_as_late_only():
    scene = Scene(CRASHES)
    for second in range(0, 1001, 100):
        scene.event(second, "store.local")
    for _ in range(5):
        scene.event(699, "rule.crashed")
    assert scene.ends() == []
    assert scene.engine.losses.late == 5


@pytest.mark.parametrize("place", [0, 5, 29])
def test_one_line_from_the_far_future_changes_nothing(place):
    scene = Scene(RATIO)
    for turn in range(30):
        if turn == place:
            scene.event(10**9, "store.local")
        scene.window(turn * 10, web=BAD)
    assert scene.ends() == [("fired", 120, ("web",))]
    assert scene.engine.losses.skewed == 1


def test_a_log_with_a_long_pause_in_it_is_believed():
    scene = Scene(CRASHES)
    scene.event(0, "store.local")
    for second in range(3):
        scene.event(10**6 + second, "rule.crashed")
    assert scene.ends() == [("fired", 10**6 + 2, ())]
    assert scene.engine.losses.skewed == 0


def test_a_last_line_after_a_long_pause_is_believed_unless_it_is_ahead_of_now():
    for now, ahead in (((START + 10**6) * 1000, 0), (START * 1000, 1)):
        scene = Scene(SILENCE)
        scene.window(0)
        scene.event(10**6, "store.local")
        scene.engine.finish(now)
        assert scene.engine.losses.skewed == ahead


# windows


def test_a_window_that_comes_twice_counts_once():
    scene = Scene(RATIO)
    for _ in range(3):
        scene.window(0, seq=0, web=GOOD)
    scene.window(10, seq=1, web=GOOD)
    scene.ends()
    (status,) = scene.engine.report()
    assert (status.volume, scene.engine.losses.duplicates) == (200, 2)


def test_a_window_in_parts_counts_as_one_and_whole():
    scene = Scene(RATIO.replace("for: 2m", "for: 0s"))
    scene.window(0, seq=0, part=1, parts=2, web={"quarantined": 90})
    scene.window(0, seq=0, part=2, parts=2, web={"clean": 910})
    assert scene.ends() == []
    (status,) = scene.engine.report()
    assert (status.value, status.volume) == (0.09, 1000)


def test_parts_that_never_come_are_reported_and_the_others_count():
    scene = Scene(RATIO)
    scene.window(0, seq=0, part=1, parts=2, web=GOOD)
    scene.window(10, seq=1, part=2, parts=3, web=GOOD)
    scene.ends()
    (status,) = scene.engine.report()
    assert (status.volume, scene.engine.losses.incomplete) == (200, 2)


def test_gaps_in_the_numbering_are_missing_windows():
    scene = Scene(RATIO)
    for seq in (7, 8, 12, 10, 6):
        scene.window(seq * 10, seq=seq, web=GOOD)
    scene.ends()
    assert (scene.engine.losses.missing, scene.engine.losses.duplicates) == (2, 0)


def test_a_window_without_a_windows_shape_is_malformed_and_counts_nothing():
    scene = Scene(RATIO)
    scene.event(0, "window.closed", seq=0, inputs=[{"source": "web", "outcome": "clean", "count": -5}])
    scene.event(0, "window.closed", seq="0")
    scene.event(0, "window.closed", seq=3, inputs="none")
    assert scene.ends() == []
    assert scene.engine.losses.malformed == 3


# bounds


def test_too_many_groups_are_dropped_loudly_and_what_fires_is_kept():
    scene = Scene(CRASHES.replace("above: 2", "above: 1, group_by: [rule_id]"), max_groups=10)
    for _ in range(2):
        scene.event(0, "rule.crashed", rule_id="kept")
    for number in range(100):
        scene.event(1, "rule.crashed", rule_id=f"n{number}")
    assert scene.seen == [("fired", 0, ("kept",))]
    assert scene.states()[("rule-0", "kept")] == ("firing", 2)
    assert len(scene.states()) == 10
    assert scene.engine.losses.evicted == 91


def test_groups_that_count_for_nothing_make_room_silently():
    scene = Scene(CRASHES.replace("above: 2", "above: 1, group_by: [rule_id]"), max_groups=10)
    for number in range(100):
        scene.event(number * 100, "rule.crashed", rule_id=f"n{number}")
    scene.ends()
    assert scene.engine.losses.evicted == 0


def test_an_engine_without_any_line_says_silent():
    engine = Scene(RATIO, CRASHES, SILENCE).engine
    assert isinstance(engine, Engine)
    assert engine.finish() == []
    assert [status.state for status in engine.report()] == ["silent"] * 3
