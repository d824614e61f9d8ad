"""Many records as one batch: judged one by one, put together, reported once."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Self

from dq_gate.core.flow import Count
from dq_gate.core.model import Decision
from dq_gate.events import BatchCompleted
from dq_gate.quarantine.entry import MAX_BATCH

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

    from dq_gate.core.model import GateMode, Receipt, Stored, Violation
    from dq_gate.gate.rules import Rules
    from dq_gate.gate.runtime import Runtime

MAX_WAITING = 2 * MAX_BATCH
"""Entries handed to the writer and not yet stored: a round trip under way and the next. What waits longer than the
writer's patience goes to the spool, though the store is well."""
MAX_RULES = 48
"""Most rules that the batch's event counts by name: with the longest names, what fits a line of 8 KiB."""


@dataclass(slots=True)
class BatchReport:
    """What became of a batch.

    Attributes:
        let_through: Records that passed unjudged, or in spite of failing, because the gate does not enforce.
        by_rule: Failures by rule id, warnings included.
        stored: Quarantined records by where their entries went.
    """

    rows: int = 0
    clean: int = 0
    repaired: int = 0
    quarantined: int = 0
    let_through: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    stored: Counter[Stored] = field(default_factory=Counter)
    duration_s: float = 0.0


class Batch:
    """Admits the records of a file or frame. Made by `Gate.batch`; not thread-safe.

    Attributes:
        report: What became of the records so far; `stored` is complete once the batch is left.
    """

    def __init__(self, runtime: Runtime, rules: Rules) -> None:
        self.report = BatchReport()
        self._runtime = runtime
        self._rules = rules
        self._waiting: deque[Future[Receipt]] = deque()
        self._started = time.monotonic()

    def admit(self, record: Any, *, key: str | None = None) -> Decision:
        """Judge one record, count it, and hand it to the quarantine if it fails. Never raises for bad input.

        Args:
            record: Field names to values.
            key: The caller's name for it.

        Returns:
            The decision; in shadow mode and mode off, one that lets the record through as it came.
        """
        if self._runtime.mode == "off":
            self.let_through(1)
            return Decision("clean", record)
        started = perf_counter_ns()
        decision = self._rules.judge(record)
        return self.settle(record, decision, latency_ns=perf_counter_ns() - started, key=key)

    def refuse(self, record: Any, violation: Violation, *, key: str | None = None) -> Decision:
        """Quarantine an input that is no record, in every mode: there is nothing to let through."""
        decision = Decision("quarantined", None, (violation,))
        self._keep(record, decision, 0, key, is_record=False)
        return decision

    def settle(self, record: Any, decision: Decision, *, latency_ns: int, key: str | None = None) -> Decision:
        """Count a judged record, keep it if it failed, and return the decision that stands in the present mode."""
        if self._runtime.mode != "enforce" and decision.outcome != "clean":
            self._runtime.count(self._rules, Count("shadowed", decision), latency_ns, plane="batch")
            self.report.rows += 1
            self.report.let_through += 1
            return Decision("clean", record)
        self._keep(record, decision, latency_ns, key)
        return decision

    def count_clean(self, rows: int) -> None:
        """Count rows that were found clean as a whole."""
        self._runtime.count_unseen("clean", rows)
        self.report.rows += rows
        self.report.clean += rows

    def let_through(self, rows: int) -> None:
        """Count rows that were not judged."""
        self._runtime.count_unseen("unjudged", rows)
        self.report.rows += rows
        self.report.let_through += rows

    @property
    def mode(self) -> GateMode:
        """The gate's mode at the moment."""
        return self._runtime.mode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self._waiting:
            self._collect()
        report = self.report
        report.duration_s = round(time.monotonic() - self._started, 3)
        self._runtime.emitter.emit(
            BatchCompleted(
                rows=report.rows,
                clean=report.clean,
                repaired=report.repaired,
                quarantined=report.quarantined,
                rules=dict(report.by_rule.most_common(MAX_RULES)),
                duration_s=report.duration_s,
            ),
            plane="batch",
        )

    def _keep(
        self, record: Any, decision: Decision, latency_ns: int, key: str | None, *, is_record: bool = True
    ) -> None:
        self._runtime.count(self._rules, Count(decision.outcome, decision), latency_ns, plane="batch")
        self._tally(decision)
        if decision.outcome == "quarantined":
            entry = self._runtime.entry(self._rules, record, decision, key)
            self._waiting.append(self._runtime.put(entry if is_record else replace(entry, replayable=False)))
            while len(self._waiting) > MAX_WAITING:
                self._collect()

    def _tally(self, decision: Decision) -> None:
        report = self.report
        report.rows += 1
        if decision.outcome == "clean":
            report.clean += 1
        elif decision.outcome == "repaired":
            report.repaired += 1
        else:
            report.quarantined += 1
        report.by_rule.update({violation.rule_id for violation in decision.violations})

    def _collect(self) -> None:
        receipt = self._waiting.popleft().result()
        self.report.stored[receipt.stored] += 1
