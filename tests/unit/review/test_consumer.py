"""A consumer takes what is handed out, finds what was not announced, and outlasts a store that is away."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from dq_gate import events
from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine.entry import MAX_BATCH, Lease
from dq_gate.review import consumer as module
from dq_gate.review.consumer import Consumer, RedriveReport
from tests.unit.review.shelf import Shelf, released


@pytest.fixture
def consumer(redriver):
    """Makes the consumer of a shelf."""
    return lambda shelf, **options: Consumer(shelf, redriver(shelf, **options))


@pytest.fixture
def stop():
    return threading.Event()


def test_what_is_announced_is_redriven_and_acknowledged(consumer, stage):
    shelf = Shelf(released("e1"), released("e2", " "), released("e3", " ", attempts=2))
    assert stage.play(consumer(shelf).all()) == RedriveReport(1, 1, 1, 0, {})
    assert shelf.acknowledged == ["e1", "e2", "e3"]


def test_an_entry_is_acknowledged_after_its_handler_returned(consumer, stage):
    shelf = Shelf(released("e1"))
    stage.handler = lambda _: shelf.acknowledged.append("(handled)")
    stage.play(consumer(shelf).all())
    assert shelf.acknowledged == ["(handled)", "e1"]


def test_what_nothing_announced_is_found(consumer, stage):
    shelf = Shelf(*(released(f"e{n:03}", f"{n}") for n in range(MAX_BATCH + 5)))
    shelf.announced.clear()
    report = stage.play(consumer(shelf).all())
    assert report.redriven == MAX_BATCH + 5
    assert shelf.acknowledged == []


def test_what_was_announced_twice_or_is_released_no_more_is_acknowledged_and_no_more(consumer, stage):
    shelf = Shelf(released("e1"), replace(released("e2"), state="pending"))
    shelf.announced.extend(["e1", "gone"])
    assert stage.play(consumer(shelf).all()) == RedriveReport(1, 0, 0, 0, {})
    assert stage.handled == ["hello"]
    assert shelf.acknowledged == ["e1", "e2", "e1", "gone"]


def test_what_another_holds_is_not_acknowledged(consumer, stage):
    shelf = Shelf(replace(released("e1"), lease=Lease("secret", "worker-2", stage.now + 60)))
    assert stage.play(consumer(shelf).all()) == RedriveReport(0, 0, 0, 1, {"held": 1})
    assert shelf.acknowledged == []


def test_a_redrive_that_outlived_its_lease_is_not_acknowledged(consumer, stage):
    shelf = Shelf(released("e1"))

    def oversleep(_):
        stage.now += 61
        shelf.entries["e1"] = replace(shelf.entries["e1"], lease=Lease("secret", "worker-2", stage.now + 60))

    stage.handler = oversleep
    assert stage.play(consumer(shelf).all()).redriven == 0
    assert shelf.acknowledged == []


def test_what_is_left_is_counted_once_with_its_reason_however_often_it_is_looked_at(consumer, stage):
    shelf = Shelf(
        released("e1", pack="documents"), released("e2", not_before=stage.now + 9), released("e3", replayable=False)
    )
    report = stage.play(consumer(shelf).all())
    assert report == RedriveReport(0, 0, 0, 3, {"other_pack": 1, "too_early": 1, "not_replayable": 1})
    assert shelf.acknowledged == ["e1", "e2", "e3"]


def test_what_cannot_be_redriven_as_it_is_is_told_once(consumer, stage, told):
    shelf = Shelf(replace(released("e1"), payload_digest="0" * 64))
    shelf.announced.append("e1")
    stage.play(consumer(shelf).all())
    assert told.events == [events.EntrySkipped(("e1",), "worker-1", "damaged")]


def test_what_was_too_early_is_redriven_when_its_time_has_come(consumer, stage, stop, monkeypatch):
    monkeypatch.setattr(module, "SWEEP_S", 0.0)
    shelf = Shelf(released("e1", not_before=stage.now + 3))
    stage.handler = lambda _: stop.set()
    report = stage.play(consumer(shelf, stopped=stop.is_set).follow())
    assert (report.redriven, report.skipped) == (1, 0)
    assert sum(stage.waits) >= 3


def test_between_two_sweeps_entries_of_other_packs_are_not_looked_at_again(consumer, stage, stop, monkeypatch):
    monkeypatch.setattr(module, "SWEEP_S", 0.0)
    shelf = Shelf(*(released(f"e{n}", pack="documents") for n in range(5)))
    shelf.announced.clear()
    looks = []
    get = shelf.get
    shelf.get = lambda entry_id: looks.append(entry_id) or get(entry_id)
    stage.during_wait = lambda: stop.set() if len(stage.waits) == 9 else None
    stage.play(consumer(shelf, stopped=stop.is_set).follow())
    assert sorted(looks) == sorted(shelf.entries)


def test_what_was_left_and_is_released_no_more_is_forgotten(consumer, stage, stop, monkeypatch):
    monkeypatch.setattr(module, "SWEEP_S", 0.0)
    shelf = Shelf(released("e1", pack="documents"))

    def discard():
        shelf.entries["e1"] = replace(shelf.entries["e1"], state="expired")
        if len(stage.waits) == 3:
            stop.set()

    stage.during_wait = discard
    assert stage.play(consumer(shelf, stopped=stop.is_set).follow()).skipped == 0


def test_it_ends_after_the_entry_at_hand(consumer, stage, stop):
    shelf = Shelf(released("e1"), released("e2"))
    stage.handler = lambda _: stop.set()
    assert stage.play(consumer(shelf, stopped=stop.is_set).follow()).redriven == 1
    assert shelf.acknowledged == ["e1"]
    assert shelf.entries["e2"].state == "released"


def test_a_store_that_is_away_is_waited_for_longer_and_longer(consumer, stage, told, stop):
    shelf = Shelf(released("e1"))
    shelf.is_away = True

    def come_back():
        shelf.is_away = len(stage.waits) < 8

    stage.during_wait = come_back
    stage.handler = lambda _: stop.set()
    assert stage.play(consumer(shelf, stopped=stop.is_set).follow()).redriven == 1
    assert stage.waits[0] < 0.25 < stage.waits[6] <= 15.0
    kinds = [type(event) for event in told.events]
    assert kinds == [events.RedrivePaused, events.RedriveResumed, events.EntryRedriven]


@pytest.mark.parametrize("run", [Consumer.all, Consumer.follow, lambda consumer: consumer.each(["e1"])])
def test_a_store_that_is_away_for_too_long_ends_it(consumer, stage, run):
    shelf = Shelf(released("e1"))
    shelf.is_away = True
    with pytest.raises(BackendUnavailableError):
        stage.play(run(consumer(shelf, patience_s=0.0)))


@pytest.mark.parametrize("run", [Consumer.all, Consumer.follow, lambda consumer: consumer.each(["e1"])])
def test_a_stop_ends_the_wait_for_a_store_that_is_away(consumer, stage, stop, run):
    shelf = Shelf(released("e1"))
    shelf.is_away = True
    stage.during_wait = stop.set
    assert stage.play(run(consumer(shelf, stopped=stop.is_set))) == RedriveReport(0, 0, 0, 0, {})


def test_named_entries_are_redriven_once_each_and_no_other(consumer, stage):
    shelf = Shelf(released("e1"), released("e2", " "), released("e3"))
    assert stage.play(consumer(shelf).each(["e2", "e1", "nope"])) == RedriveReport(1, 1, 0, 0, {})
    assert shelf.entries["e3"].state == "released"


def test_a_stop_ends_named_entries_too(consumer, stage, stop):
    shelf = Shelf(released("e1"), released("e2"))
    stage.handler = lambda _: stop.set()
    assert stage.play(consumer(shelf, stopped=stop.is_set).each(["e1", "e2"])).redriven == 1
