"""One released entry is redriven: judged again, handled at least once, and never begun twice at a time."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import count

import pytest

from dq_gate import events
from dq_gate.core.redrive import Limits
from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine.entry import HistoryItem, Lease, Waiver
from dq_gate.quarantine.vault import Vault
from dq_gate.review.redrive import Redriven
from dq_gate.settings import SealingKey
from tests.fakes import eventually
from tests.unit.review.shelf import Shelf, released

BEGUN = tuple(HistoryItem(float(at), "worker-0", "begin-redrive") for at in range(3))
"""Redrives that were begun and never ended."""


@pytest.fixture
def redrive(redriver, stage):
    """Redrives an entry of a shelf."""

    def redrive(shelf, entry_id="e1", **options):
        return stage.play(redriver(shelf, **options).redrive(entry_id))

    return redrive


# What becomes of it


def test_what_passes_is_handled_and_redriven(redrive, stage, told):
    shelf = Shelf(released("e1"))
    assert redrive(shelf) == Redriven("e1", "done")
    assert stage.handled == ["hello"]
    assert shelf.actions("e1") == ["begin-redrive", "redrive"]
    assert shelf.entries["e1"].state == "redriven"
    assert told.events == [events.EntryRedriven(("e1",), "worker-1")]


def test_what_fails_again_is_pending_and_waits_longer_each_time(redrive, stage, told):
    shelf = Shelf(released("e1", " ", attempts=1))
    assert redrive(shelf) == Redriven("e1", "failed_again", rules=("query.text.present",))
    entry = shelf.entries["e1"]
    assert (entry.state, entry.attempts, entry.lease, entry.not_before) == ("pending", 2, None, stage.now + 20)
    assert entry.history[-1].why == "failed again: query.text.present"
    assert told.events == [events.EntryReturned(("e1",), "worker-1", ("query.text.present",))]
    assert stage.handled == []


def test_a_handler_that_raises_sends_it_back_and_only_the_errors_type_is_told(redrive, stage, told):
    shelf = Shelf(released("e1"))

    def fail(_):
        raise ValueError("some content")

    stage.handler = fail
    assert redrive(shelf) == Redriven("e1", "handler_failed")
    assert shelf.entries["e1"].history[-1].why == "handler raised ValueError"
    assert told.events == [events.EntryReturned(("e1",), "worker-1", (), "ValueError")]


def test_the_last_attempt_is_its_death(redrive, told):
    shelf = Shelf(released("e1", " ", attempts=2))
    assert redrive(shelf).died
    assert (shelf.entries["e1"].state, shelf.entries["e1"].attempts) == ("dead", 3)
    assert [type(event) for event in told.events] == [events.EntryReturned, events.EntryDied]


def test_an_entry_that_killed_its_consumers_dies_before_it_kills_another(redrive, stage, told):
    shelf = Shelf(released("e1", history=BEGUN))
    assert redrive(shelf) == Redriven("e1", "cut_short", died=True)
    assert stage.handled == []
    assert told.events == [events.EntryDied(("e1",), "worker-1")]


def test_a_redrive_whose_consumer_died_once_is_done_again(redrive):
    assert redrive(Shelf(released("e1", history=BEGUN[:1]))).result == "done"


def test_only_rules_waived_for_this_very_payload_are_skipped(redrive):
    entry = released("e1", " ")
    own = Waiver("query.text.present", entry.payload_digest, "ada", "meant so")
    assert redrive(Shelf(replace(entry, waivers=(own,)))).result == "done"
    assert redrive(Shelf(replace(entry, waivers=(replace(own, payload_digest="another"),)))).result == "failed_again"


# What is left as it is


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"pack": "documents"}, "other_pack"),
        ({"not_before": 1_000_000.5}, "too_early"),
        ({"lease": Lease("secret", "worker-2", 1_000_000.5)}, "held"),
        ({"replayable": False}, "not_replayable"),
        ({"payload_digest": "0" * 64}, "damaged"),
        ({"state": "redriven"}, "wrong_state"),
    ],
)
def test_what_is_not_to_be_redriven_now_is_left_untouched(redrive, told, stage, fields, result):
    shelf = Shelf(replace(released("e1"), **fields))
    assert redrive(shelf) == Redriven("e1", result)
    assert (stage.handled, shelf.actions("e1"), told.events) == ([], [], [])


def test_an_entry_that_is_not_there_is_not_found(redrive):
    assert redrive(Shelf()) == Redriven("e1", "not_found")


def sealed(entry, key):
    payload = Vault([key]).seal(entry.id, entry.payload)
    return replace(entry, payload=payload, payload_digest=Vault().digest(payload))


def test_a_sealed_payload_opens_with_its_key_and_costs_no_attempt_without(redrive, stage):
    key, other = SealingKey("2026", b"k" * 32), SealingKey("2025", b"o" * 32)
    shelf = Shelf(sealed(released("e1"), key))
    assert redrive(shelf).result == "sealed"
    assert redrive(shelf, vault=Vault([other])).result == "sealed"
    assert (shelf.actions("e1"), shelf.entries["e1"].attempts) == ([], 0)
    assert redrive(shelf, vault=Vault([other, key])).result == "done"
    assert stage.handled == ["hello"]


def test_a_sealed_payload_that_was_changed_is_damaged(redrive):
    key = SealingKey("2026", b"k" * 32)
    entry = sealed(released("e1"), key)
    shelf = Shelf(replace(entry, payload=entry.payload[:-1] + bytes([entry.payload[-1] ^ 1])))
    assert redrive(shelf, vault=Vault([key])).result == "damaged"


def test_what_was_changed_before_the_lease_was_taken_counts(redrive, stage):
    shelf = Shelf(released("e1", "before"))

    def edit(action):
        if action == "begin-redrive":
            shelf.entries["e1"] = released("e1", "after")

    shelf.before = edit
    redrive(shelf)
    assert stage.handled == ["after"]


@pytest.mark.parametrize(
    ("fields", "result"), [({"payload": b"{}"}, "damaged"), ({"replayable": False}, "not_replayable")]
)
def test_what_was_damaged_or_erased_before_the_lease_was_taken_is_let_go(redrive, stage, fields, result):
    shelf = Shelf(released("e1"))

    def change(action):
        if action == "begin-redrive":
            shelf.entries["e1"] = replace(released("e1"), **fields)

    shelf.before = change
    assert redrive(shelf).result == result
    assert (stage.handled, shelf.actions("e1")) == ([], ["begin-redrive", "interrupt-redrive"])


def test_who_comes_second_leaves_it(redrive, stage):
    shelf = Shelf(released("e1"))

    def race(action):
        if action == "begin-redrive":
            shelf.entries["e1"] = replace(released("e1"), lease=Lease("secret", "worker-2", stage.now + 60))

    shelf.before = race
    assert redrive(shelf).result == "held"
    assert shelf.entries["e1"].lease.owner == "worker-2"


def test_nothing_is_begun_once_the_run_is_to_end(redrive, stage):
    shelf = Shelf(released("e1"))
    assert redrive(shelf, stopped=lambda: True).result == "stopped"
    assert (stage.handled, shelf.actions("e1")) == ([], [])


# Cut short


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_a_redrive_that_is_cut_short_leaves_the_entry_to_the_next_at_once(redrive, stage, interruption):
    shelf = Shelf(released("e1"))

    def interrupt(_):
        raise interruption

    stage.handler = interrupt
    with pytest.raises(interruption):
        redrive(shelf)
    assert shelf.actions("e1") == ["begin-redrive", "interrupt-redrive"]
    stage.handler = lambda _: None
    assert redrive(shelf).result == "done"


def test_cut_short_with_the_store_away_the_lease_has_to_run_out(redrive, stage):
    shelf = Shelf(released("e1"))

    def interrupt(_):
        shelf.is_away = True
        raise KeyboardInterrupt

    stage.handler = interrupt
    with pytest.raises(KeyboardInterrupt):
        redrive(shelf)
    shelf.is_away = False
    assert redrive(shelf).result == "held"
    stage.now += 61
    stage.handler = lambda _: None
    assert redrive(shelf).result == "done"


def test_a_handler_that_outlives_its_lease_decides_nothing(redrive, stage, told):
    shelf = Shelf(released("e1"))

    def oversleep(_):
        stage.now += 61

    stage.handler = oversleep
    assert redrive(shelf) == Redriven("e1", "lease_lost")
    assert (shelf.entries["e1"].state, shelf.entries["e1"].attempts) == ("released", 0)
    assert told.events == [events.EntryRedriveLost(("e1",), "worker-1")]


def test_a_lease_is_renewed_while_the_handler_is_at_work_and_no_longer(redrive, stage):
    shelf = Shelf(released("e1"))
    renewed = threading.Event()
    shelf.after = lambda action: renewed.set() if action == "renew" else None

    def work(_):
        stage.now += 0.02
        eventually(lambda: shelf.actions("e1").count("renew") >= 2)

    stage.handler = work
    assert redrive(shelf, limits=Limits(lease_s=0.03)).result == "done"
    assert shelf.entries["e1"].lease is None
    assert not [thread for thread in threading.enumerate() if thread.name == "dq-gate-redrive-lease"]


def test_a_renewal_that_fails_is_tried_again(redrive, stage):
    shelf = Shelf(released("e1"))
    tries = count()

    def fail_once(action):
        if action == "renew" and next(tries) == 0:
            raise BackendUnavailableError("away")

    shelf.before = fail_once
    stage.handler = lambda _: eventually(lambda: "renew" in shelf.actions("e1"))
    assert redrive(shelf, limits=Limits(lease_s=0.03)).result == "done"


# A store that is away


def away(action, times):
    """Raises at so many acts of a name."""
    failures = count()

    def fail(name):
        if name == action and next(failures) < times:
            raise BackendUnavailableError("away")

    return fail


def test_that_an_entry_was_handled_is_told_until_the_store_has_heard(redrive, stage, told):
    shelf = Shelf(released("e1"))
    shelf.before = away("redrive", times=3)
    assert redrive(shelf).result == "done"
    assert stage.handled == ["hello"]
    assert [wait > 0 for wait in stage.waits] == [True] * 3
    kinds = [type(event) for event in told.events]
    assert kinds == [events.RedrivePaused, events.RedriveResumed, events.EntryRedriven]


@pytest.mark.parametrize(("record", "action"), [("hello", "redrive"), (" ", "return"), ("hello", "begin-redrive")])
def test_an_act_that_took_effect_unheard_is_not_taken_for_a_failure(redrive, record, action):
    shelf = Shelf(released("e1", record))
    shelf.after = away(action, times=1)
    assert redrive(shelf).result == ("failed_again" if record == " " else "done")
    assert shelf.entries["e1"].attempts == (record == " ")


def test_a_begin_that_was_sent_again_costs_no_attempt(redrive, stage):
    shelf = Shelf(released("e1"))
    shelf.after = away("begin-redrive", times=2)
    assert redrive(shelf, limits=Limits(max_attempts=1)).result == "done"
    assert shelf.actions("e1") == ["begin-redrive"] * 3 + ["redrive"]
    assert len(stage.waits) == 2


def test_the_store_is_not_waited_for_once_the_run_is_to_end(redrive, stage):
    shelf = Shelf(released("e1"))
    stopped = threading.Event()
    shelf.before = away("redrive", times=99)
    stage.handler = lambda _: stopped.set()
    with pytest.raises(BackendUnavailableError):
        redrive(shelf, stopped=stopped.is_set)
    assert stage.waits == []


def test_patience_ends(redrive):
    shelf = Shelf(released("e1"))
    shelf.before = away("redrive", times=99)
    with pytest.raises(BackendUnavailableError):
        redrive(shelf, patience_s=0.0)


def test_no_two_consumers_ask_again_at_the_same_time(redrive, stage):
    shelf = Shelf(*(released(f"e{n}") for n in range(20)))
    for n in range(20):
        shelf.before = away("redrive", times=1)
        redrive(shelf, f"e{n}")
    assert len(set(stage.waits)) > 10
    assert all(0.125 <= wait <= 0.25 for wait in stage.waits)


# Rate and foresight


def test_a_rate_limit_spreads_what_is_begun_but_not_what_is_left(redriver, stage):
    shelf = Shelf(released("e1"), released("e2"), replace(released("e3"), pack="documents"))
    limited = redriver(shelf, rate=0.5)
    for entry_id in shelf.entries:
        stage.play(limited.redrive(entry_id))
    assert stage.waits == [0.0, pytest.approx(2.0, abs=0.5)]


def test_what_would_happen_is_told_without_doing_it(redriver, stage, told):
    shelf = Shelf(released("e1"), released("e2", " "), released("e3", " ", attempts=2), released("e4", history=BEGUN))
    assert list(map(redriver(shelf).foresee, [*shelf.entries, "e5"])) == [
        Redriven("e1", "done"),
        Redriven("e2", "failed_again", rules=("query.text.present",)),
        Redriven("e3", "failed_again", died=True, rules=("query.text.present",)),
        Redriven("e4", "cut_short", died=True),
        Redriven("e5", "not_found"),
    ]
    assert (stage.handled, told.events, shelf.actions("e1")) == ([], [], [])
