"""Processes come and go; what is expected of a group is that one of them is there."""

from __future__ import annotations

from dq_gate.alerts.evaluation.trackers import absence
from tests.unit.alerts.scene import Scene

ALIVE = (
    "kind: absence, where: {event: dq_gate.window.closed}, until: {event: dq_gate.gate.stopped}, "
    "group_by: [source], within: 1m"
)


def windows(scene, start, end, *processes):
    for second in range(start, end, 10):
        for process in processes:
            scene.window(second, process=process)


def test_a_good_bye_ends_only_its_own_processs_part():
    scene = Scene(ALIVE)
    windows(scene, 0, 60, "a", "b")
    scene.event(55, "gate.stopped", process="a")
    scene.passes(300)
    assert scene.seen == [("fired", 110, ("web",))]


def test_when_all_said_good_bye_nothing_is_expected():
    scene = Scene(ALIVE)
    windows(scene, 0, 60, "a", "b")
    for process in ("a", "b"):
        scene.event(55, "gate.stopped", process=process)
    scene.passes(300)
    assert scene.seen == []


def test_a_process_that_died_long_ago_does_not_keep_its_group_expected():
    scene = Scene(ALIVE)
    windows(scene, 0, 30, "died")
    windows(scene, 0, 300, "b")
    scene.event(295, "gate.stopped", process="b")
    scene.passes(900)
    assert scene.seen == []


def test_a_window_read_after_its_processs_good_bye_does_not_bring_it_back():
    scene = Scene(ALIVE)
    windows(scene, 0, 60, "a")
    scene.event(65, "gate.stopped", process="a")
    scene.window(60, process="a", seq=6)
    scene.passes(600)
    assert scene.seen == []


def test_a_deployment_that_replaces_every_process_is_quiet():
    scene = Scene(ALIVE)
    windows(scene, 0, 120, "a", "b")
    scene.event(115, "gate.stopped", process="a")
    windows(scene, 120, 240, "c", "d")
    scene.event(125, "gate.stopped", process="b")
    assert scene.ends() == []


def test_a_late_window_does_not_make_a_group_older():
    scene = Scene(ALIVE)
    windows(scene, 0, 100, "a")
    scene.window(30, process="b")
    scene.passes(149)
    assert scene.seen == []


def test_processes_are_told_apart_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(absence, "MAX_PROCESSES", 3)
    scene = Scene(ALIVE)
    for number in range(50):
        scene.window(number, process=f"p{number}")
    scene.event(50, "gate.stopped", process="p49")
    scene.passes(300)
    assert scene.seen == [("fired", 108, ("web",))]
