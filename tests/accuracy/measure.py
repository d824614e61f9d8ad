"""Judging cases and counting: one `Result` is one line of the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq_gate import Decision, Gate
    from tests.accuracy.cases import Case


@dataclass(slots=True)
class Half:
    """Counts over the even or the odd rows."""

    rows: int = 0
    errors: int = 0

    @property
    def error_share(self) -> float:
        return self.errors / self.rows if self.rows else 0.0


@dataclass(slots=True)
class Result:
    """What came of one set.

    Attributes:
        wanted: "pass" or "caught"; an error is a row that did the other.
        limit: Largest share of errors allowed, over all rows; None only reports.
        rules: How often each rule quarantined a row.
        repaired: Rows that passed after a repair.
    """

    name: str
    wanted: str
    limit: float | None
    even: Half = field(default_factory=Half)
    odd: Half = field(default_factory=Half)
    quarantined: int = 0
    repaired: int = 0
    rules: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        return self.even.rows + self.odd.rows

    @property
    def error_share(self) -> float:
        return (self.even.errors + self.odd.errors) / self.rows if self.rows else 1.0

    @property
    def is_met(self) -> bool:
        return self.limit is None or self.error_share <= self.limit

    def count(self, case: Case, decision: Decision, field_name: str) -> None:
        half = self.odd if case.number % 2 else self.even
        half.rows += 1
        half.errors += is_caught(case, decision, field_name) is (self.wanted == "pass")
        self.quarantined += decision.outcome == "quarantined"
        self.repaired += decision.outcome == "repaired"
        self.rules.update({v.rule_id for v in decision.violations if v.on_fail == "quarantine"})


def is_caught(case: Case, decision: Decision, field_name: str) -> bool:
    """Quarantined, or repaired to (or left as) the text it should be."""
    if decision.value is None:
        return True
    return case.is_original(decision.value[field_name])


def measure(gate: Gate, field_name: str, name: str, cases: Iterable[Case], wanted: str, limit: float | None) -> Result:
    result = Result(name, wanted, limit)
    for case in cases:
        result.count(case, gate.check({field_name: case.text}), field_name)
    return result
