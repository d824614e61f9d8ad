"""What fires is committed before anybody is told; a store that is away delays, and repeats nothing."""

from __future__ import annotations

import threading

import pytest

from dq_gate.alerts import keeping
from dq_gate.alerts.keeping import PRINTED, Commits, Printing
from dq_gate.alerts.notify.outbox import MemoryOutbox
from dq_gate.alerts.state.contract import Saved, Transition
from dq_gate.errors import BackendUnavailableError, LeaseLostError
from dq_gate.events import AlertFired

ALERT = AlertFired("1", "a", "page", {}, 1.0, 0.5, "2025-01-01T00:00:00.000Z", "too many")


class Store:
    """Notes commits, after as many failures as it is told to."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.log = []

    def commit(self, saved, transitions, deliveries):
        if self.failures:
            raise self.failures.pop(0)
        told = [(who, alert["id"]) for who, alert in deliveries]
        self.log.append((saved.positions, [each.after for each in transitions], told))


class UnsettledOutbox(MemoryOutbox):
    """Does not answer the first times that something is to be settled, as on a full disk."""

    def __init__(self, failures):
        super().__init__()
        self.failures = failures

    def settle(self, number):
        if self.failures:
            self.failures -= 1
            raise BackendUnavailableError("the disk is full")
        super().settle(number)


def commits(store, transitions=(), said=None, stop=None):
    waiting = list(transitions)

    def take_transitions():
        found = waiting[:]
        waiting.clear()
        return found

    return Commits(
        store,
        lambda: Saved({"log": 1}, {}),
        take_transitions,
        address=lambda record: [("hook", record)],
        deliver=lambda: store.log.append("delivered"),
        say=(said if said is not None else []).append,
        stop=stop or threading.Event(),
    )


@pytest.fixture(autouse=True)
def _tries_at_once(monkeypatch):
    monkeypatch.setattr(keeping, "MAX_BACKOFF", 0.0)


def test_an_alert_is_committed_at_once_and_then_delivered():
    store = Store()
    commits(store, [Transition(1, "a", {}, "pending", "firing")]).take([ALERT])
    assert store.log == [({"log": 1}, ["firing"], [("hook", "1")]), "delivered"]


def test_without_news_a_commit_waits_for_its_time(monkeypatch):
    store = Store()
    keeper = commits(store, [Transition(1, "a", {}, "ok", "pending")])
    keeper.take([])
    assert store.log == []
    monkeypatch.setattr(keeping, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(keeping, "COST_SHARE", 0)
    keeper.take([])
    keeper.finish()
    assert store.log == [({"log": 1}, ["pending"], []), ({"log": 1}, [], [])]


def test_what_fires_right_after_a_costly_commit_is_held_and_not_lost(monkeypatch):
    monkeypatch.setattr(keeping, "COST_SHARE", 10**9)
    store = Store()
    keeper = commits(store)
    keeper.take([ALERT])
    keeper.take([ALERT])
    assert store.log == [({"log": 1}, [], [("hook", "1")]), "delivered"]
    keeper.finish()
    assert store.log[2:] == [({"log": 1}, [], [("hook", "1")]), "delivered"]


def test_a_store_that_is_away_is_waited_for_and_said_once():
    said, store = [], Store(*[BackendUnavailableError("gone")] * 3)
    commits(store, said=said).take([ALERT])
    assert store.log == [({"log": 1}, [], [("hook", "1")]), "delivered"]
    assert said == ["gone; the watch waits for it", "the alert state answers again"]


def test_a_watch_that_is_to_end_does_not_wait_for_its_store():
    stop = threading.Event()
    stop.set()
    store = Store(BackendUnavailableError("gone"))
    with pytest.raises(BackendUnavailableError):
        commits(store, stop=stop).take([ALERT])
    assert store.log == []


def test_nobody_is_told_by_a_watch_that_lost_its_lease():
    store = Store(LeaseLostError("another"))
    with pytest.raises(LeaseLostError):
        commits(store).take([ALERT])
    assert store.log == []


def test_a_store_that_is_away_while_alerts_are_delivered_is_waited_for():
    store, said = Store(), []
    keeper = commits(store, said=said)
    failures = [BackendUnavailableError("gone")] * 2

    def deliver():
        if failures:
            raise failures.pop()
        store.log.append("delivered")

    keeper._deliver = deliver
    keeper.take([ALERT])
    assert store.log == [({"log": 1}, [], [("hook", "1")]), "delivered"]
    assert said == ["gone; the watch waits for it", "the alert state answers again"]


def test_what_was_printed_and_could_not_be_settled_is_not_printed_again():
    outbox, printed = UnsettledOutbox(failures=2), []
    outbox.add([(PRINTED, {"id": each, "event": AlertFired.name}) for each in "12"])
    printing = Printing(outbox, lambda alert: printed.append(alert["id"]))
    for _ in range(2):
        with pytest.raises(BackendUnavailableError):
            printing.print_due()
    printing.print_due()
    assert (printed, outbox.waiting()) == (["1", "2"], {})
