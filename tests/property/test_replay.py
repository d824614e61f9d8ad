"""What a day's log says it says again: replayed, read in other pieces, or cut by a restart at any line."""

from __future__ import annotations

from collections import Counter

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.events import AlertFired
from tests.property.random_logs import RULES, START, logs

GRACE = 2_000
HOUR = 3_600_000


def known(alerts):
    return [(type(alert).__name__, alert.id, alert.at, alert.value) for alert in alerts]


def replayed(lines):
    engine, seen = Engine(RULES), []
    for _, record, at in lines:
        seen += engine.feed(record, at)
    return engine, seen


@settings(max_examples=25, deadline=None)
@given(logs(max_delay=GRACE - 1), st.sampled_from([500, 2_500, 7_000]))
def test_a_replay_gives_the_alerts_that_the_log_gave_while_it_was_written(lines, poll):
    engine, seen = Engine(RULES), []
    now, end = lines[0][0], lines[-1][0]
    waiting = list(lines)
    while now <= end + poll:
        while waiting and waiting[0][0] <= now:
            _, record, at = waiting.pop(0)
            seen += engine.feed(record, at, now)
        seen += engine.advance(now - GRACE)
        now += poll
    seen += engine.finish(now)
    other, again = replayed(lines)
    again += other.advance(now - poll - GRACE)
    again += other.finish(now)
    assert known(again) == known(seen)


@settings(max_examples=25, deadline=None)
@given(logs(max_delay=30_000, skews=(0, 0, 90_000, -90_000)), st.data())
def test_a_restart_at_any_line_changes_nothing(lines, data):
    whole, seen = replayed(lines)
    seen += whole.finish()
    cut = data.draw(st.integers(0, len(lines)))
    engine, again = replayed(lines[:cut])
    transitions = engine.take_transitions()
    saved = orjson.loads(orjson.dumps(engine.save()))
    engine, removed = Engine.restored(RULES, saved)
    assert list(removed) == []
    for _, record, at in lines[cut:]:
        again += engine.feed(record, at)
    again += engine.finish()
    assert known(again) == known(seen)
    assert transitions + engine.take_transitions() == whole.take_transitions()
    assert engine.report() == whole.report()
    assert engine.losses == whole.losses


@settings(max_examples=25, deadline=None)
@given(logs(max_delay=30_000, skews=(0, 0, 90_000)), st.lists(st.integers(0, 80), max_size=5))
def test_nobody_is_told_of_an_end_without_a_beginning_nor_of_two_beginnings(lines, pauses):
    engine, seen = Engine(RULES), []
    for number, (_, record, at) in enumerate(lines):
        seen += engine.feed(record, at)
        if number in pauses:
            seen += engine.advance(at + 20_000)
    seen += engine.finish()
    seen += engine.advance(START * 1000 + HOUR)
    told = {}
    for alert in seen:
        group = (alert.alert, tuple(alert.group.items()))
        if isinstance(alert, AlertFired):
            assert group not in told
            told[group] = alert.id
        else:
            assert told.pop(group) == alert.id
    assert set(Counter(alert.id for alert in seen).values()) <= {1, 2}
    firing = {(status.alert, tuple(status.group.items())) for status in engine.report() if status.state == "firing"}
    assert told.keys() <= firing


@settings(max_examples=25, deadline=None)
@given(logs(max_delay=5_000))
def test_the_history_tells_of_every_change_once_and_in_order(lines):
    engine, seen = replayed(lines)
    seen += engine.finish()
    said, ids = {}, set()
    changes = engine.take_transitions()
    assert [change.at for change in changes] == sorted(change.at for change in changes)
    for change in changes:
        group = (change.alert, tuple(change.group.items()))
        before = said.get(group, "unknown")
        assert change.before == before or (group not in said and change.before in ("ok", "unknown", "silent"))
        said[group] = "ok" if change.after == "resolved" else change.after
        if change.after == "firing" and change.silenced_by is None:
            ids.add(change.id)
    assert ids == {alert.id for alert in seen if isinstance(alert, AlertFired)}
