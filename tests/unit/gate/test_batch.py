"""A batch counts every record, waits for no single put, and ends in one line."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.core.model import Decision, Receipt, Violation
from dq_gate.events import BatchCompleted
from dq_gate.gate import batch as batch_module
from tests.unit.gate.stage import BAD, CLEAN, COMPOSED, DECOMPOSED, put_in

if TYPE_CHECKING:
    from dq_gate import Gate
    from dq_gate.core.model import GateMode
    from tests.unit.gate.stage import FakeRuntime

RECORDS = [{"query": query, "top_k": 5} for query in (CLEAN, DECOMPOSED, BAD, BAD, CLEAN * 3)]
BROKEN = Violation("input.line.readable", "*", "readable", "quarantine", "is no JSON")


def test_it_counts_by_outcome_rule_and_place(gate: Gate, runtime: FakeRuntime) -> None:
    with gate.batch() as batch:
        decisions = [batch.admit(record) for record in RECORDS]
    report = batch.report
    assert [decision.outcome for decision in decisions] == [
        *("clean", "repaired", "quarantined", "quarantined", "clean"),
    ]
    assert decisions[1].value == {"query": COMPOSED, "top_k": 5}
    assert (report.rows, report.clean, report.repaired, report.quarantined, report.let_through) == (5, 2, 1, 2, 0)
    assert report.by_rule == {"query.text.present": 2, "query.text.short": 1}
    assert report.stored == {"store": 2}
    assert runtime.counted == ["clean", "repaired", "quarantined", "quarantined", "clean"]


def test_it_ends_in_one_event_of_the_batch_plane(gate: Gate, runtime: FakeRuntime) -> None:
    with gate.batch() as batch:
        for record in RECORDS:
            batch.admit(record)
        assert runtime.events == []
    (event,) = runtime.events
    assert isinstance(event, BatchCompleted)
    assert (event.rows, event.clean, event.repaired, event.quarantined) == (5, 2, 1, 2)
    assert event.rules == {"query.text.present": 2, "query.text.short": 1}
    assert runtime.planes == {"batch"}
    assert runtime.reports == []


@pytest.mark.parametrize(("mode", "counted", "unseen"), [("shadow", ["clean"], 0), ("off", [], 5)])
def test_a_gate_that_does_not_enforce_lets_all_through_as_it_came(
    gate: Gate, runtime: FakeRuntime, mode: GateMode, counted: list[str], unseen: int
) -> None:
    runtime.mode = mode
    with gate.batch() as batch:
        decisions = [batch.admit(record) for record in RECORDS]
    assert all(decision.value is record for decision, record in zip(decisions, RECORDS, strict=True))
    assert {decision.outcome for decision in decisions} == {"clean"}
    assert runtime.kept == []
    assert runtime.unseen == ({"unjudged": unseen} if unseen else {})
    assert runtime.counted == (["clean", "shadowed", "shadowed", "shadowed", "clean"] if counted else [])
    assert batch.report.rows == 5
    assert batch.report.let_through == (3 if counted else 5)


@pytest.mark.parametrize("mode", ["enforce", "shadow", "off"])
def test_what_is_no_record_is_quarantined_in_every_mode(gate: Gate, runtime: FakeRuntime, mode: GateMode) -> None:
    runtime.mode = mode
    with gate.batch() as batch:
        assert batch.refuse("{", BROKEN, key="line-1").outcome == "quarantined"
    assert runtime.kept == [("{", ("input.line.readable",), "line-1")]
    assert batch.report.quarantined == 1


def test_rows_may_be_counted_without_a_look(gate: Gate, runtime: FakeRuntime) -> None:
    with gate.batch() as batch:
        batch.count_clean(1000)
        batch.let_through(10)
    assert runtime.unseen == {"clean": 1000, "unjudged": 10}
    assert (batch.report.rows, batch.report.clean, batch.report.let_through) == (1010, 1000, 10)


def test_keys_go_with_the_entries(gate: Gate, runtime: FakeRuntime) -> None:
    with gate.batch() as batch:
        for number, record in enumerate(RECORDS):
            batch.admit(record, key=f"file:{number}")
    assert [key for _, _, key in runtime.kept] == ["file:2", "file:3"]


@pytest.mark.parametrize("place", ["store", "spool", "none", "unknown"])
def test_it_says_where_the_entries_went(gate: Gate, runtime: FakeRuntime, place: Any) -> None:
    runtime.keep = put_in(place)
    with gate.batch() as batch:
        batch.admit({"query": BAD})
    assert batch.report.stored == {place: 1}


def test_leaving_it_waits_for_every_entry(gate: Gate, runtime: FakeRuntime) -> None:
    receipt: Future[Receipt] = Future()
    runtime.keep = lambda _: receipt
    with gate.batch() as batch:
        batch.admit({"query": BAD})
        assert batch.report.stored == {}
        threading.Timer(0.01, receipt.set_result, [Receipt("entry-1", "store")]).start()
    assert batch.report.stored == {"store": 1}


class _Asked(Future[Receipt]):
    """A receipt that is there once somebody waits for it."""

    def result(self, timeout: float | None = None) -> Receipt:
        if not self.done():
            self.set_result(Receipt("", "store"))
        return super().result(timeout)


def test_it_hands_over_no_more_than_may_wait(gate: Gate, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "MAX_WAITING", 3)
    receipts: list[_Asked] = []

    def keep(_: Any) -> Future[Receipt]:
        receipts.append(_Asked())
        return receipts[-1]

    runtime.keep = keep
    with gate.batch() as batch:
        for _ in range(10):
            batch.admit({"query": BAD})
            assert sum(not receipt.done() for receipt in receipts) <= 3
        assert batch.report.stored == {"store": 7}
    assert batch.report.stored == {"store": 10}


def test_it_ends_in_its_event_though_its_body_raised(gate: Gate, runtime: FakeRuntime) -> None:
    batch = gate.batch()

    def read_and_fail() -> None:
        with batch:
            batch.admit({"query": BAD})
            raise LookupError

    with pytest.raises(LookupError):
        read_and_fail()
    assert [event.quarantined for event in runtime.events] == [1]
    assert batch.report.stored == {"store": 1}


def test_its_event_names_no_more_rules_than_a_line_holds(gate: Gate, runtime: FakeRuntime) -> None:
    rules = [f"{'x' * 60}.{'y' * 60}.{number:05}" for number in range(100)]
    violations = tuple(Violation(rule, "query", "length", "quarantine", "") for rule in rules)
    with gate.batch() as batch:
        batch.settle({"query": BAD}, Decision("quarantined", None, violations), latency_ns=0)
    (event,) = runtime.events
    assert 0 < len(event.rules) < 100
    assert sum(len(rule) + len('"":1,') for rule in event.rules) < 8192 - 1024
