"""Whatever fails, and whenever a run ends: each alert event is delivered, in the order of its incident."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from dq_gate.alerts.notify.courier import Courier
from dq_gate.alerts.notify.outbox import MemoryOutbox
from dq_gate.errors import NotifyError
from tests.unit.alerts.telling import FIRED, RESOLVED, Clock, Recorder

FAILURES = {"fails": NotifyError("is down"), "asks for rest": NotifyError("answered 429", retry_after=5)}


@given(
    incidents=st.lists(st.integers(0, 4), max_size=8),
    fates=st.lists(st.lists(st.sampled_from(["fails", "asks for rest", "is taken"]), max_size=6), max_size=10),
)
def test_nothing_is_lost_and_no_resolution_comes_first(incidents, fates):
    clock, recorder = Clock(0.0), Recorder()
    outbox = MemoryOutbox(clock=clock)
    outbox.add(("recorder", alert) for alert in alternating(incidents))
    for run in [*fates, *[[]] * len(incidents)]:
        courier = Courier(outbox, recorder, clock=clock, note=lambda text: None, chance=lambda: 0.5)
        recorder.errors = [FAILURES.get(fate) for fate in run]
        courier.go_round(threading.Event())
        clock.now += 400
    assert outbox.waiting() == {}
    for incident in set(incidents):
        told = [event for alert_id, event in recorder.told if alert_id == str(incident)]
        assert told == (["fired", "resolved"] * len(told))[: incidents.count(incident)]


def alternating(incidents):
    """Alert events of these incidents, in turn a firing and a resolution of each."""
    seen = []
    for incident in incidents:
        seen.append(incident)
        yield (FIRED if seen.count(incident) % 2 else RESOLVED) | {"id": str(incident)}
