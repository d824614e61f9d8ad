"""What a share says while nothing is heard, and when it is over."""

from __future__ import annotations

import pytest

from tests.unit.alerts.scene import Scene

SHARE = "kind: ratio, where: {event: dq_gate.input.quarantined}, of: inputs, group_by: [source], above: 0.2, within: 1h"
HALF, GOOD = {"clean": 50, "quarantined": 50}, {"clean": 100}


def windows(scene, start, end, **sources):
    for second in range(start, end, 10):
        scene.window(second, **sources)


@pytest.mark.parametrize("by", ["[source]", "[source, rule_id]"])
def test_what_fires_does_not_resolve_because_time_passes_in_silence(by):
    scene = Scene(SHARE.replace("[source]", by))
    failures = [{"source": "web", "rule_id": "a.b", "mode": "enforce", "count": 50}]
    for second in range(0, 600, 10):
        scene.window(second, rules=failures, web=HALF)
    windows(scene, 600, 1200, web=GOOD)
    assert [what for what, _, _ in scene.seen] == ["fired"]
    scene.passes(4500)
    assert [what for what, _, _ in scene.seen] == ["fired"]
    scene.event(4501, "store.local")
    assert [what for what, _, _ in scene.seen] == ["fired"]
    scene.window(4510, app=GOOD)
    assert [(what, second) for what, second, _ in scene.ends()][1:] == [("resolved", 4510)]


def test_what_fires_has_its_own_bound_to_resolve_by():
    scene = Scene(SHARE.replace("1h", "1m") + ", resolve_below: 0.1")
    for second, share in ((0, 30), (60, 15), (120, 25), (180, 10), (240, 9)):
        windows(scene, second, second + 60, web={"clean": 100 - share, "quarantined": share})
    fired, resolved = scene.ends()
    assert (fired[:2], resolved[0]) == (("fired", 0), "resolved")
    # Six windows of 10 % are no less than 10 %; with the first of 9 % they are.
    assert resolved[1] == 240


def test_memory_of_wholes_is_bounded_when_no_rule_fails():
    scene = Scene(SHARE.replace("[source]", "[source, rule_id]").replace("1h", "1m"))
    windows(scene, 0, 3600, web=GOOD)
    (tracker,) = scene.engine._trackers
    (whole,) = tracker._shares._wholes
    assert len(whole.data[0]._slices) <= 301
