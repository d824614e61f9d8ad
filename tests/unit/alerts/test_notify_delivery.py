"""Couriers: in order, again and again, never for another's sake, and to the end of their time."""

from __future__ import annotations

import pytest

from dq_gate.alerts.notify.courier import GIVE_UP_AFTER_S, MAX_DELAY_S, backoff
from dq_gate.alerts.notify.delivery import Couriers
from dq_gate.alerts.notify.outbox import MemoryOutbox
from dq_gate.errors import BackendUnavailableError, NotifyError
from tests.fakes import eventually
from tests.unit.alerts.telling import FIRED, RESOLVED, Clock, Hanging, Recorder, Repeater

LATER = 2e9


@pytest.fixture
def clock():
    return Clock(1e9)


@pytest.fixture
def notes():
    return []


@pytest.fixture
def outbox(clock):
    return MemoryOutbox(clock=clock)


@pytest.fixture
def deliver(outbox, clock, notes):
    """Starts couriers for notifiers, and stops them at the end."""
    started = []

    def deliver(*notifiers):
        couriers = Couriers(outbox, notifiers, clock=clock, note=notes.append, chance=lambda: 0.0)
        couriers.start()
        started.append(couriers)
        return couriers

    yield deliver
    for couriers in started:
        couriers.stop(10)


def commit(couriers, outbox, *alerts):
    for alert in alerts:
        outbox.add(couriers.addressed(alert))
    couriers.wake()


def firing(number, **fields):
    return FIRED | {"id": f"{number:016}"} | fields


def test_each_notifier_is_told_of_its_severities(deliver, outbox):
    pager, log = Recorder("pager", frozenset({"page"})), Recorder("log")
    couriers = deliver(pager, log)
    commit(couriers, outbox, firing(1, severity="page"), firing(2, severity="info"))
    couriers.drain(30)
    assert [number for number, _ in pager.told] == [f"{1:016}"]
    assert [number for number, _ in log.told] == [f"{1:016}", f"{2:016}"]
    assert [(tally.notifier, tally.delivered, tally.waiting) for tally in couriers.account()] == [
        ("pager", 1, 0),
        ("log", 2, 0),
    ]


def test_what_an_earlier_run_left_is_delivered_first(deliver, outbox):
    outbox.add([("recorder", firing(1))])
    recorder = Recorder()
    deliver(recorder).drain(30)
    assert recorder.told == [(f"{1:016}", "fired")]


def test_a_failed_delivery_waits_twice_as_long_each_time(deliver, outbox, clock):
    recorder = Recorder()
    recorder.errors = [NotifyError("is down")] * 3
    couriers = deliver(recorder)
    start = clock.now
    commit(couriers, outbox, FIRED)
    for attempts, waited in ((1, 1), (2, 1 + 2), (3, 1 + 2 + 4)):
        eventually(lambda attempts=attempts: outbox.due("recorder", LATER, 1)[0].attempts == attempts)
        assert outbox.due("recorder", LATER, 1)[0].due_at == start + waited
        clock.now = start + waited
        couriers.wake()
    couriers.drain(30)
    assert recorder.told == [(FIRED["id"], "fired")]


def test_waits_are_spread_and_bounded():
    assert [backoff(attempts, 0.0) for attempts in (0, 1, 8, 9, 10_000)] == [1, 2, 256, MAX_DELAY_S, MAX_DELAY_S]
    assert backoff(3, 1.0) == 4


def test_a_receiver_that_asks_to_be_left_alone_is_left_alone(deliver, outbox, clock):
    recorder = Recorder()
    recorder.errors = [NotifyError("answered 429", retry_after=90)]
    couriers = deliver(recorder)
    commit(couriers, outbox, firing(1), firing(2))
    eventually(lambda: outbox.due("recorder", LATER, 1)[0].attempts == 1)
    clock.now += 89
    couriers.wake()
    couriers.drain(0.2)
    assert recorder.told == []
    clock.now += 1
    couriers.wake()
    couriers.drain(30)
    assert len(recorder.told) == 2


def test_a_resolution_never_overtakes_its_firing(deliver, outbox, clock):
    recorder = Recorder()
    recorder.errors = [NotifyError("is down")]
    couriers = deliver(recorder)
    commit(couriers, outbox, FIRED, RESOLVED, firing(2))
    eventually(lambda: recorder.told == [(f"{2:016}", "fired")])
    clock.now += 1
    couriers.wake()
    couriers.drain(30)
    assert recorder.told[1:] == [(FIRED["id"], "fired"), (FIRED["id"], "resolved")]


def test_a_refused_alert_is_given_up_at_once_and_said_once(deliver, outbox, notes):
    recorder = Recorder()
    recorder.errors = [NotifyError("refused with 404", is_final=True)]
    couriers = deliver(recorder)
    commit(couriers, outbox, FIRED)
    couriers.drain(30)
    assert outbox.waiting() == {}
    assert notes == [f"recorder: was not told that quarantine-ratio-high fired ({FIRED['id']}): refused with 404"]
    assert couriers.account()[0].given_up == 1


def test_an_alert_is_given_up_after_a_day(deliver, outbox, clock, notes):
    recorder = Recorder()
    recorder.errors = [NotifyError("is down")] * 2
    couriers = deliver(recorder)
    commit(couriers, outbox, FIRED)
    eventually(lambda: outbox.due("recorder", LATER, 1)[0].attempts == 1)
    clock.now += GIVE_UP_AFTER_S
    couriers.wake()
    couriers.drain(30)
    assert notes == [
        "recorder: is down; tried again",
        f"recorder: was not told that quarantine-ratio-high fired ({FIRED['id']}): is down",
    ]


def test_what_waits_for_a_notifier_no_longer_there_is_said_and_given_up_after_a_day(deliver, outbox, clock, notes):
    outbox.add([("old", FIRED)])
    couriers = deliver(Recorder())
    eventually(lambda: outbox.due("old", LATER, 1)[0].attempts == 1)
    assert notes == ["old: is no longer among the notifiers; put its address back to have it told; tried again"]
    clock.now += GIVE_UP_AFTER_S
    couriers.wake()
    couriers.drain(30)
    assert outbox.waiting() == {}


def test_trouble_is_said_when_it_begins_and_when_it_ends(deliver, outbox, clock, notes):
    recorder = Recorder()
    recorder.errors = [NotifyError("is down")] * 3
    couriers = deliver(recorder)
    commit(couriers, outbox, firing(1), firing(2), firing(3))
    eventually(lambda: not recorder.errors)
    clock.now += 10
    couriers.wake()
    couriers.drain(30)
    assert notes == ["recorder: is down; tried again", "recorder: takes alerts again"]


def test_a_defect_in_a_notifier_is_a_failed_attempt(deliver, outbox, clock, notes):
    recorder = Recorder()
    recorder.errors = [KeyError("secret")]
    couriers = deliver(recorder)
    commit(couriers, outbox, FIRED)
    eventually(lambda: notes == ["recorder: failed with KeyError; tried again"])
    clock.now += 1
    couriers.wake()
    couriers.drain(30)
    assert len(recorder.told) == 1


def test_a_notifier_that_hangs_delays_no_other_and_not_the_end(deliver, outbox):
    hanging, recorder = Hanging(), Recorder()
    couriers = deliver(hanging, recorder)
    commit(couriers, outbox, firing(1))
    assert hanging.is_sending.wait(30)
    commit(couriers, outbox, firing(2))
    eventually(lambda: len(recorder.told) == 2)
    couriers.stop(0.05)
    hanging.may_go_on.set()
    eventually(lambda: hanging.told)
    assert hanging.is_closed
    assert outbox.waiting() == {"hanging": 2}, "the next run delivers it"


def test_what_still_fires_is_repeated_to_a_receiver_that_forgets(deliver, outbox, clock):
    repeater = Repeater()
    couriers = deliver(repeater)
    commit(couriers, outbox, firing(1), firing(2))
    couriers.drain(30)
    clock.now += 60
    couriers.wake()
    eventually(lambda: repeater.repeated == [[f"{1:016}", f"{2:016}"]])
    commit(couriers, outbox, RESOLVED | {"id": f"{1:016}"})
    couriers.drain(30)
    clock.now += 60
    couriers.wake()
    eventually(lambda: repeater.repeated[1:] == [[f"{2:016}"]])


def test_what_still_fires_is_repeated_after_the_clock_was_set_back(deliver, outbox, clock):
    repeater = Repeater()
    couriers = deliver(repeater)
    commit(couriers, outbox, firing(1))
    couriers.drain(30)
    clock.now -= 3600  # as long as that an Alertmanager would not wait
    couriers.wake()
    eventually(lambda: repeater.repeated == [[f"{1:016}"]])


def test_what_still_fires_is_repeated_at_once_after_a_restart(deliver, outbox):
    first = Repeater()
    couriers = deliver(first)
    commit(couriers, outbox, firing(1))
    couriers.drain(30)
    couriers.stop(10)
    second = Repeater()
    deliver(second)
    eventually(lambda: second.repeated == [[f"{1:016}"]])
    assert second.told == []


def test_what_fires_is_not_repeated_to_a_receiver_that_is_no_longer_told_of_its_severity(deliver, outbox):
    outbox.add([("recorder", firing(1, severity="info")), ("recorder", firing(2))])
    first = Recorder()
    couriers = deliver(first)
    couriers.drain(30)
    couriers.stop(10)
    repeater = Repeater()
    repeater.severities = frozenset({"page", "ticket"})
    deliver(repeater)
    eventually(lambda: repeater.repeated == [[f"{2:016}"]])


def test_an_outbox_that_does_not_answer_is_asked_again(deliver, outbox, notes, monkeypatch):
    recorder = Recorder()
    couriers = deliver(recorder)
    errors = [BackendUnavailableError("gone")]
    due = outbox.due
    monkeypatch.setattr(outbox, "due", lambda *a: due(*a) if not errors else (_ for _ in ()).throw(errors.pop()))
    commit(couriers, outbox, FIRED)
    couriers.drain(30)
    assert recorder.told == [(FIRED["id"], "fired")]
    assert notes == ["recorder: the outbox does not answer: gone; tried again", "recorder: takes alerts again"]


def test_what_was_taken_is_not_sent_again_while_the_outbox_does_not_answer(deliver, outbox, monkeypatch):
    failures, settle, recorder = [BackendUnavailableError("the disk is full")] * 3, outbox.settle, Recorder()

    def settle_at_last(number):
        if failures:
            raise failures.pop()
        settle(number)

    monkeypatch.setattr(outbox, "settle", settle_at_last)
    couriers = deliver(recorder)
    commit(couriers, outbox, firing(1), firing(2))

    def is_empty():
        couriers.wake()
        return not outbox.waiting()

    eventually(is_empty)
    assert recorder.told == [(f"{number:016}", "fired") for number in (1, 2)]
