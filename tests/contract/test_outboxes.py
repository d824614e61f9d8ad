"""Couriers deliver from every outbox alike: in order, once where nothing breaks, and on in the next run."""

from __future__ import annotations

import threading
import time

import pytest

from dq_gate.alerts.notify.courier import GIVE_UP_AFTER_S
from dq_gate.alerts.notify.delivery import Couriers
from dq_gate.alerts.notify.outbox import MemoryOutbox
from dq_gate.alerts.state import open_state
from dq_gate.alerts.state.contract import GivenUp, Saved
from dq_gate.errors import NotifyError
from tests.fakes import eventually
from tests.unit.alerts.telling import FIRED, HOSTILE, RESOLVED, Clock, Recorder, Repeater

HOSTILE_GROUP = {"source": HOSTILE}


@pytest.fixture
def opener(tmp_path, redis_server, namespace):
    """Opens the state of one alert pack in a kind of store, as the run that holds its lease."""
    opened = []

    def open_store(kind):
        address = redis_server.url if kind == "redis" else None
        opened.append(open_state("support", address, directory=tmp_path, namespace=namespace))
        assert opened[-1].acquire(threading.Event(), pytest.fail)
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture(params=["sqlite", "redis"])
def open_store(request, opener):
    """Opens each lasting store in turn."""
    return lambda: opener(request.param)


@pytest.fixture(params=["memory", "sqlite", "redis"])
def outbox(request, opener):
    """Each outbox in turn."""
    return MemoryOutbox() if request.param == "memory" else opener(request.param)


@pytest.fixture
def clock():
    return Clock(time.time() + 1)


def commit(outbox, *deliveries):
    if isinstance(outbox, MemoryOutbox):
        outbox.add(deliveries)
    else:
        outbox.commit(Saved(), [], deliveries)


def run(outbox, clock, notes, *notifiers):
    """Has couriers deliver all that is due."""
    couriers = Couriers(outbox, notifiers, clock=clock, note=notes.append, chance=lambda: 0.0)
    couriers.start()
    couriers.drain(2)
    couriers.stop(10)


def test_events_are_delivered_in_order_with_all_they_say(outbox, clock):
    recorder, got = Recorder(), []
    fired, resolved = (alert | {"group": HOSTILE_GROUP} for alert in (FIRED, RESOLVED))
    recorder.send = lambda alert: got.append(dict(alert))
    commit(outbox, ("recorder", fired), ("recorder", resolved))
    run(outbox, clock, [], recorder)
    assert got == [fired, resolved]
    assert outbox.waiting() == {}
    assert outbox.standing("recorder") == []


def test_a_failed_firing_holds_its_resolution_back_and_nothing_else(outbox, clock):
    recorder = Recorder()
    recorder.errors = [NotifyError("is down")]
    other = FIRED | {"id": "other"}
    couriers = Couriers(outbox, [recorder], clock=clock, note=[].append, chance=lambda: 0.0)
    commit(outbox, ("recorder", FIRED), ("recorder", RESOLVED), ("recorder", other))
    couriers.start()
    eventually(lambda: recorder.told == [("other", "fired")])
    assert outbox.waiting() == {"recorder": 2}
    clock.now += 1.1  # Lua rounds times to a ten-thousandth of a second
    couriers.wake()
    couriers.drain(30)
    couriers.stop(10)
    assert recorder.told[1:] == [(FIRED["id"], "fired"), (FIRED["id"], "resolved")]


def test_the_next_run_delivers_what_the_last_one_could_not(open_store, clock):
    store, recorder, notes = open_store(), Recorder(), []
    commit(store, ("recorder", FIRED))
    store.close()
    run(open_store(), clock, notes, recorder)
    assert recorder.told == [(FIRED["id"], "fired")]
    assert notes == []


def test_the_next_run_repeats_what_the_last_one_delivered(open_store, clock):
    store = open_store()
    commit(store, ("recorder", FIRED))
    run(store, clock, [], Repeater())
    store.close()
    repeater, store = Repeater(), open_store()
    couriers = Couriers(store, [repeater], clock=clock, note=pytest.fail)
    couriers.start()
    eventually(lambda: repeater.repeated == [[FIRED["id"]]])
    commit(store, ("recorder", RESOLVED))
    couriers.wake()
    couriers.drain(30)
    couriers.stop(10)
    assert repeater.told == [(FIRED["id"], "resolved")]
    assert store.standing("recorder") == []


def test_what_is_given_up_stands_in_the_history(open_store, clock):
    store, recorder = open_store(), Recorder()
    recorder.errors = [NotifyError("refused with 404", is_final=True)]
    commit(store, ("recorder", FIRED | {"group": HOSTILE_GROUP}), ("gone", FIRED))
    clock.now += GIVE_UP_AFTER_S
    run(store, clock, [], recorder)
    refused, gone = sorted(store.history(), key=lambda item: item.notifier == "gone")
    assert isinstance(refused, GivenUp)
    assert (refused.notifier, refused.alert, refused.id) == ("recorder", FIRED["alert"], FIRED["id"])
    assert (refused.group, refused.error) == (HOSTILE_GROUP, "refused with 404")
    assert abs(refused.at / 1000 - time.time()) < 60
    assert gone.error == "is no longer among the notifiers; put its address back to have it told"
    assert store.waiting() == {}
