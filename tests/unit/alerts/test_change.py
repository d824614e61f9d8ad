"""A value that is another than before: a release, a pack, a mode."""

from __future__ import annotations

from tests.unit.alerts.scene import Scene

DIGEST = (
    "kind: change, where: {event: dq_gate.window.closed}, field: pack_digest, group_by: [source, process], within: 10m"
)


def window(scene, second, digest, **fields):
    scene.event(second, "window.closed", seq=second // 10, inputs=[], rules=[], pack_digest=digest, **fields)


def test_another_value_fires_and_resolves_after_within():
    scene = Scene(DIGEST)
    for second in range(0, 1200, 10):
        window(scene, second, "x" if second < 100 else "y")
    assert scene.ends() == [("fired", 100, ("web", "p")), ("resolved", 700, ("web", "p"))]


def test_the_first_value_and_a_missing_one_are_no_change():
    scene = Scene(DIGEST)
    for second, digest in ((0, None), (10, "x"), (20, None), (30, "x")):
        window(scene, second, digest)
    assert scene.ends() == []
    assert scene.states() == {("rule-0", "web", "p"): ("ok", 0)}


def test_every_further_change_starts_the_time_anew_and_fires_nothing_new():
    scene = Scene(DIGEST)
    for second, digest in ((0, "x"), (10, "y"), (300, "x"), (600, "z")):
        window(scene, second, digest)
    scene.passes(1100)
    assert scene.states() == {("rule-0", "web", "p"): ("firing", 3)}
    scene.passes(1300)
    assert scene.seen == [("fired", 10, ("web", "p")), ("resolved", 1200, ("web", "p"))]


def test_processes_that_differ_are_kept_apart_by_group():
    scene = Scene(DIGEST)
    for second in range(0, 100, 10):
        window(scene, second, "x", process="a")
        window(scene, second, "y", process="b")
    assert scene.ends() == []


def test_a_late_line_says_nothing_about_what_is_now():
    scene = Scene(DIGEST)
    window(scene, 100, "y")
    window(scene, 0, "x")
    window(scene, 110, "y")
    assert scene.ends() == []


def test_a_wait_is_counted_from_the_change():
    scene = Scene(DIGEST + ", for: 1m")
    for second in range(0, 200, 10):
        window(scene, second, "x" if second < 50 else "y")
    assert scene.ends() == [("fired", 110, ("web", "p"))]


def test_values_that_are_no_text_are_compared_as_text():
    scene = Scene("kind: change, where: {event: dq_gate.pack.loaded}, field: rules, within: 10m")
    for second, rules in ((0, 12), (10, 12), (20, 13)):
        scene.event(second, "pack.loaded", rules=rules)
    assert scene.ends() == [("fired", 20, ())]
