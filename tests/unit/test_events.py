"""The catalogue is whole, described, and no event outgrows a line."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re

import pytest

from dq_gate import events
from dq_gate.core.model import Crash, Decision, Violation
from dq_gate.core.window import ROWS_PER_PART
from dq_gate.errors import InputQuarantined, PackError, did_you_mean
from dq_gate.events import (
    CATALOGUE,
    CONTEXT_FIELDS,
    LEVELS,
    AlertFired,
    BatchCompleted,
    EntryReleased,
    EntryReturned,
    EntryRewrapped,
    Event,
    RuleShadowed,
    StoreLocal,
    WindowClosed,
)
from dq_gate.events import InputQuarantined as InputQuarantinedEvent
from dq_gate.gate.batch import MAX_RULES
from dq_gate.gate.runtime import MAX_NAMED
from dq_gate.quarantine.entry import MAX_BATCH
from dq_gate.review.service import MAX_NAMED as MAX_NAMED_IN_REVIEW

EVERY_EVENT = pytest.mark.parametrize("event", CATALOGUE.values(), ids=lambda event: event.__name__)


def own_fields(event):
    return [field.name for field in dataclasses.fields(event)]


@EVERY_EVENT
def test_a_name_is_two_words_under_the_prefix(event):
    assert re.fullmatch(r"dq_gate\.[a-z]+\.[a-z_]+", event.name)
    assert CATALOGUE[event.name] is event
    assert event.level in LEVELS


@EVERY_EVENT
def test_no_field_hides_the_context(event):
    assert not set(own_fields(event)) & CONTEXT_FIELDS.keys()


def test_names_are_not_shared():
    classes = [value for value in vars(events).values() if isinstance(value, type) and issubclass(value, Event)]
    assert sorted(event.name for event in classes if "name" in vars(event)) == sorted(CATALOGUE)


OF_THE_DESIGN = {
    "gate.started", "gate.stopped", "pack.loaded", "pack.rejected", "input.admitted", "input.repaired",
    "input.quarantined", "batch.completed", "rule.shadowed", "rule.crashed", "schema.drifted", "distribution.drifted",
    "window.closed", "store.degraded", "store.restored", "store.local", "store.unsafe", "spool.drained",
    "entry.leased", "entry.lease_expired", "entry.edited", "entry.released", "entry.redriven", "entry.returned",
    "entry.discarded", "entry.expired", "entry.died", "entry.revealed", "entry.erased", "alert.fired", "alert.resolved",
    "fallback.used", "quality.measured", "quality.regressed", "cost.metered", "budget.exhausted", "readiness.assessed",
}  # fmt: skip


def test_the_events_that_the_design_names_are_there():
    assert {f"dq_gate.{name}" for name in OF_THE_DESIGN} <= CATALOGUE.keys()


def test_a_payload_leaves_out_what_is_none():
    event = EntryReturned(("1",), "someone", ("query.text.present",))
    assert event.payload() == {"entry_ids": ("1",), "who": "someone", "rules": ("query.text.present",)}
    assert StoreLocal().payload() == {}


def test_an_event_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RuleShadowed(()).rules = ("a.b",)


RULE, NAME, ID = "r" * 128, "n" * 64, "0" * 24
QUANTILES = {"p50": 123456.789, "p95": 123456.789, "p99": 123456.789}
LARGEST = [
    WindowClosed(
        10**9, 100, 100, "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:10.000Z", "enforce", (),
        ({"source": "s" * 64, "rule_id": RULE, "mode": "enforce", "count": 10**9},) * ROWS_PER_PART,
        QUANTILES, QUANTILES, 10**9,
    ),
    InputQuarantinedEvent(
        ID, "unknown", (RULE,) * MAX_NAMED, (NAME,) * MAX_NAMED, "0" * 16, True, 123456.789, 280.123
    ),
    BatchCompleted(10**9, 10**9, 10**9, 10**9, {f"{number:03}{RULE[3:]}": 10**9 for number in range(MAX_RULES)}, 1e6),
    RuleShadowed((RULE,) * MAX_NAMED),
    EntryReleased((ID,) * MAX_BATCH, "w" * 64, (RULE,) * MAX_NAMED_IN_REVIEW),
    EntryRewrapped((ID,) * MAX_BATCH, "w" * 64, "k" * 32),
    EntryReturned((ID,), "w" * 64, (RULE,) * MAX_NAMED_IN_REVIEW, "E" * 64),
    AlertFired("a" * 64, "ticket", {"source": "s" * 64}, 0.5, 0.2, "2026-01-31T12:00:00Z", "s" * 500, "r" * 200),
]  # fmt: skip


@pytest.mark.parametrize("event", LARGEST, ids=lambda event: type(event).__name__)
def test_the_largest_event_fits_a_line_of_8_kib(event):
    context = dict.fromkeys(CONTEXT_FIELDS, "c" * 64)
    assert len(json.dumps(context | event.payload(), separators=(",", ":"))) <= 8 * 1024


# Errors


def test_a_refusal_survives_a_process_boundary():
    violation = Violation("query.text.present", "query", "not_blank", "quarantine", "is blank", (0, 1))
    decision = Decision("quarantined", None, (violation,), crashes=(Crash("a.b", "query", "x", "Error"),))
    error = pickle.loads(pickle.dumps(InputQuarantined(decision, "0123", "spool")))
    assert (error.decision, error.entry_id, error.stored) == (decision, "0123", "spool")
    assert str(error) == str(InputQuarantined(decision, "0123", "spool"))


def test_a_refusals_text_tells_an_end_user_the_reference_and_no_rule():
    violation = Violation("query.text.present", "query", "not_blank", "quarantine", "is blank")
    text = str(InputQuarantined(Decision("quarantined", None, (violation,)), "0123", "store"))
    assert "0123" in text
    assert "query" not in text


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "is wrong"),
        ({"path": "p.yaml"}, "p.yaml: is wrong"),
        ({"path": "p.yaml", "line": 7}, "p.yaml:7: is wrong"),
        ({"path": "p.yaml", "line": 7, "rule_id": "a.b"}, "p.yaml:7: rule a.b: is wrong"),
    ],
)
def test_a_pack_error_begins_with_its_place(parts, text):
    assert str(PackError("is wrong", **parts)) == text


def test_a_near_name_is_suggested_and_all_are_listed():
    assert did_you_mean("lenght", ["matches", "length"]) == "; did you mean 'length'? Allowed: length, matches"
    assert did_you_mean("xyz", ["matches", "length"]) == ". Allowed: length, matches"
