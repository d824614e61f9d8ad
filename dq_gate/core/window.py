"""Exact counts of a stretch of time, and the durations measured in it. Pure: the clock is an argument."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dq_gate.core.flow import Counted
    from dq_gate.core.model import Decision, Violation

ROWS_PER_PART = 24
"""Rows that fit a part of a window: a row of the longest names takes 250 bytes, a line 8 KiB."""


@dataclass(slots=True)
class Window:
    """What was counted since it opened. Not thread-safe.

    Attributes:
        opened_at: Seconds since the epoch.
        inputs: Counts by source and outcome.
        rules: Failures by source, rule and mode.
        latencies_ns: What judgements took since `take_durations` was last called.
        puts_ns: What storing entries took since then.
    """

    opened_at: float
    inputs: Counter[tuple[str, Counted]] = field(default_factory=Counter)
    rules: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    latencies_ns: list[int] = field(default_factory=list)
    puts_ns: list[int] = field(default_factory=list)

    def count(self, source: str, outcome: Counted, decision: Decision | None, latency_ns: int, times: int = 1) -> None:
        """Count an input and the rules it failed.

        Args:
            source: Where it came from.
            outcome: What it counts as.
            decision: Why; None when it was not judged by itself.
            latency_ns: Nanoseconds the judgement took; 0 when it was not measured.
            times: How many inputs this stands for.
        """
        self.inputs[source, outcome] += times
        if decision is None:
            return
        if latency_ns:
            self.latencies_ns.append(latency_ns)
        if times and (decision.violations or decision.shadowed):
            self.count_rules(source, decision.violations, times, is_enforced=outcome != "shadowed")
            self.count_rules(source, decision.shadowed, times, is_enforced=False)

    def count_rules(self, source: str, violations: tuple[Violation, ...], times: int = 1, *, is_enforced: bool) -> None:
        """Count rules that were failed."""
        mode = "enforce" if is_enforced else "shadow"
        for violation in violations:
            self.rules[source, violation.rule_id, mode] += times

    def take_durations(self) -> tuple[list[int], list[int]]:
        """Hand over what judgements and puts took: keeping a duration costs a caller less than summing it up."""
        taken = self.latencies_ns, self.puts_ns
        self.latencies_ns, self.puts_ns = [], []
        return taken

    def rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The counts by source and outcome, and by source, rule and mode."""
        inputs = [
            {"source": source, "outcome": outcome, "count": count}
            for (source, outcome), count in sorted(self.inputs.items())
        ]
        rules = [
            {"source": source, "rule_id": rule_id, "mode": mode, "count": count}
            for (source, rule_id, mode), count in sorted(self.rules.items())
        ]
        return inputs, rules


def split(
    inputs: list[dict[str, Any]], rules: list[dict[str, Any]]
) -> list[tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]]:
    """Split a window's rows into parts that each fit one line; at least one part."""
    parts = []
    rows = [(True, row) for row in inputs] + [(False, row) for row in rules]
    for start in range(0, max(1, len(rows)), ROWS_PER_PART):
        chunk = rows[start : start + ROWS_PER_PART]
        parts.append(
            (
                tuple(row for is_input, row in chunk if is_input),
                tuple(row for is_input, row in chunk if not is_input),
            )
        )
    return parts
