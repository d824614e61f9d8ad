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
    from dq_gate.packs.batch import BatchVerdict

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
        failures: What the batch fails as a whole, warnings included.
        is_refused: Whether that is reason enough to use none of it.
        stored: Quarantined records by where their entries went.
    """

    rows: int = 0
    clean: int = 0
    repaired: int = 0
    quarantined: int = 0
    let_through: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    failures: tuple[Violation, ...] = ()
    is_refused: bool = False
    stored: Counter[Stored] = field(default_factory=Counter)
    duration_s: float = 0.0


class Batch:
    """Admits the records of a file or frame. Made by `Gate.batch`; not thread-safe.

    Attributes:
        report: What became of the records so far; `stored` is complete once the batch is left.
        rules: What judges it, from its first record to its last.
    """

    def __init__(self, runtime: Runtime, rules: Rules) -> None:
        self.report = BatchReport()
        self.rules = rules
        self._runtime = runtime
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
        if self.rules.unused:
            self.rules.warn_of_unused()
        if self._runtime.mode == "off":
            self.let_through(1)
            return Decision("clean", record)
        started = perf_counter_ns()
        decision = self.rules.judge(record)
        return self.settle(record, decision, latency_ns=perf_counter_ns() - started, key=key)

    def refuse(self, record: Any, violation: Violation, *, key: str | None = None) -> Decision:
        """Quarantine an input that is no record, in every mode: there is nothing to let through."""
        decision = Decision("quarantined", None, (violation,))
        self._keep(record, decision, 0, key, is_record=False)
        return decision

    def settle(self, record: Any, decision: Decision, *, latency_ns: int, key: str | None = None) -> Decision:
        """Count a judged record, keep it if it failed, and return the decision that stands in the present mode."""
        if self._runtime.mode != "enforce" and decision.outcome != "clean":
            self._runtime.count(self.rules, Count("shadowed", decision), latency_ns, plane="batch")
            self.report.rows += 1
            self.report.let_through += 1
            return Decision("clean", record)
        self._keep(record, decision, latency_ns, key)
        return decision

    def count_clean(self, rows: int, violations: tuple[Violation, ...] = ()) -> None:
        """Count rows that were found clean as a whole, and the warnings that each of them carries."""
        self._runtime.count_unseen("clean", rows, Decision("clean", None, violations))
        self.report.rows += rows
        self.report.clean += rows
        self.report.by_rule.update({violation.rule_id: rows for violation in violations if rows})

    def refuse_rows(self, rows: int, columns: list[str], whole: BatchVerdict) -> None:
        """Count rows that fail because their batch does, and keep one entry for all of them: how many, and of what."""
        decision = Decision("quarantined", None, whole.violations)
        self._runtime.count_unseen("quarantined", rows)
        self.report.rows += rows
        self.report.quarantined += rows
        self.note(whole)
        self._put({"rows": rows, "columns": columns}, decision, None, is_record=False)

    def conclude(self, whole: BatchVerdict, *, key: str | None = None) -> None:
        """Take the verdict on a batch whose rows were settled already; one that refuses it makes an entry of its own.

        Args:
            whole: The verdict.
            key: The caller's name for the batch.
        """
        if self.mode == "off":  # its rows may not even have been looked at
            return
        self.note(whole)
        if whole.is_refused and self.mode == "enforce":
            self.report.is_refused = True
            decision = Decision("quarantined", None, whole.violations)
            self._put({"rows": self.report.rows}, decision, key, is_record=False)

    def note(self, whole: BatchVerdict) -> None:
        """Count and report what rules said of the batch as a whole."""
        self._runtime.count_batch(self.rules, whole, self.report.rows)
        self.report.failures = whole.violations
        self.report.by_rule.update(dict.fromkeys((violation.rule_id for violation in whole.violations), 1))

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
        self._runtime.count(self.rules, Count(decision.outcome, decision), latency_ns, plane="batch")
        self._tally(decision)
        if decision.outcome == "quarantined":
            self._put(record, decision, key, is_record=is_record)

    def _put(self, record: Any, decision: Decision, key: str | None, *, is_record: bool) -> None:
        entry = self._runtime.entry(self.rules, record, decision, key)
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
        report.by_rule.update(dict.fromkeys((violation.rule_id for violation in decision.violations), 1))

    def _collect(self) -> None:
        receipt = self._waiting.popleft().result()
        self.report.stored[receipt.stored] += 1
