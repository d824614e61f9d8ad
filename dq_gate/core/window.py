"""Exact counts of a stretch of time, and quantiles of durations. Pure: the clock is an argument."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dq_gate.core.flow import Counted
    from dq_gate.core.model import Decision, Violation

_PRECISION_BITS = 6
ROWS_PER_PART = 24
"""Rows that fit a part of a window: a row of the longest names takes 250 bytes, a line 8 KiB."""


class Histogram:
    """Counts of durations in buckets whose width is at most 1/32 of their value.

    A quantile is the middle of its bucket, so at most 1.6 % off. Log-linear buckets are those of HdrHistogram
    (G. Tene).
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, nanoseconds: int) -> None:
        """Count one duration."""
        shift = nanoseconds.bit_length() - _PRECISION_BITS
        bucket = (shift << _PRECISION_BITS) | (nanoseconds >> shift) if shift > 0 else nanoseconds
        self._counts[bucket] += 1

    def quantiles(self, unit: float) -> dict[str, float] | None:
        """p50, p95 and p99 in a unit given in nanoseconds; None when nothing was counted."""
        total = self._counts.total()
        if not total:
            return None
        wanted = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
        result: dict[str, float] = {}
        below = 0
        for bucket in sorted(self._counts):
            below += self._counts[bucket]
            for name in [name for name, share in wanted.items() if below >= share * total]:
                del wanted[name]
                result[name] = round(_middle(bucket) / unit, 3)
        return result


def _middle(bucket: int) -> float:
    shift, head = bucket >> _PRECISION_BITS, bucket & ((1 << _PRECISION_BITS) - 1)
    return (head + 0.5) * (1 << shift) if shift else float(head)


@dataclass(slots=True)
class Window:
    """What was counted since it opened. Not thread-safe.

    Attributes:
        opened_at: Seconds since the epoch.
    """

    opened_at: float
    inputs: Counter[tuple[str, Counted]] = field(default_factory=Counter)
    rules: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    latency: Histogram = field(default_factory=Histogram)
    put: Histogram = field(default_factory=Histogram)

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
            self.latency.add(latency_ns)
        if times and (decision.violations or decision.shadowed):
            self.count_rules(source, decision.violations, times, is_enforced=outcome != "shadowed")
            self.count_rules(source, decision.shadowed, times, is_enforced=False)

    def count_rules(self, source: str, violations: tuple[Violation, ...], times: int = 1, *, is_enforced: bool) -> None:
        """Count rules that were failed."""
        mode = "enforce" if is_enforced else "shadow"
        for violation in violations:
            self.rules[source, violation.rule_id, mode] += times

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
