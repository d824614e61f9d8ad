"""The metrics of the catalogue as prometheus-client keeps them. Only for who has the extra `prometheus`."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge, Histogram

from dq_gate.signals.metrics import METRICS, SAMPLES_FOLDED, Metric

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from prometheus_client import CollectorRegistry

MAX_SERIES = 1_000
"""Most series of one metric that have a name of their own; what comes later is counted as `OTHER`."""
OTHER = "other"
_OPEN_LABELS = frozenset({"namespace", "source", "rule_id"})
"""Labels whose values come from settings and packs; the values of all others are ours, and few."""

Labels = tuple[str, ...]


class Families:
    """Every metric of the catalogue, in one process. Not thread-safe.

    Args:
        registry: Where they are read from.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._families = {metric: _family(metric, registry) for metric in METRICS}
        self._series: dict[Metric, dict[Labels, Any]] = {metric: {} for metric in METRICS}
        self._shares: dict[tuple[Metric, Labels], dict[Hashable, float]] = defaultdict(dict)
        for metric in METRICS:
            if not _OPEN_LABELS.isdisjoint(metric.labels):
                self.add(SAMPLES_FOLDED, (metric.name,), 0)

    def add(self, metric: Metric, labels: Labels, amount: float) -> None:
        """Raise a counter; by nothing, so that it is there before there is something to count."""
        self._of(metric, self._bounded(metric, labels)).inc(amount)

    def observe(self, metric: Metric, labels: Labels, durations_ns: Sequence[int]) -> None:
        """Count durations in a histogram of seconds."""
        self._of(metric, self._bounded(metric, labels)).observe_all(sorted(durations_ns))

    def set(self, metric: Metric, labels: Labels, value: float) -> None:
        """Set a gauge."""
        self._of(metric, self._bounded(metric, labels)).set(value)

    def share(self, metric: Metric, labels: Labels, owner: Hashable, value: float) -> None:
        """Set one owner's part of a gauge that is a sum."""
        bounded = self._bounded(metric, labels)
        shares = self._shares[metric, bounded]
        if shares.get((owner, labels)) != value:
            shares[owner, labels] = value
            self._of(metric, bounded).set(sum(shares.values()))

    def withdraw(self, metric: Metric, labels: Labels, owner: Hashable) -> None:
        """Take one owner's part out of a gauge that is a sum, and keep nothing of the owner."""
        bounded = self._bounded(metric, labels)
        shares = self._shares[metric, bounded]
        shares.pop((owner, labels), None)
        self._of(metric, bounded).set(sum(shares.values()))

    def _bounded(self, metric: Metric, labels: Labels) -> Labels:
        """The labels, or those of the series for all that would be too many."""
        series = self._series[metric]
        if labels in series or len(series) < MAX_SERIES:
            return labels
        self.add(SAMPLES_FOLDED, (metric.name,), 1)
        return tuple(
            OTHER if name in _OPEN_LABELS else value for name, value in zip(metric.labels, labels, strict=True)
        )

    def _of(self, metric: Metric, labels: Labels) -> Any:
        series = self._series[metric]
        if labels not in series:
            series[labels] = self._families[metric].labels(*labels)
        return series[labels]


class _Histogram(Histogram):
    """A histogram that takes many durations at once: by itself it would write to three places for each."""

    def observe_all(self, ordered_ns: Sequence[int]) -> None:
        """Count durations, given in nanoseconds and in order, by their seconds."""
        below = [0, *(bisect_right(ordered_ns, bound * 1e9) for bound in self._upper_bounds)]
        for bucket, (before, after) in zip(self._buckets, pairwise(below), strict=True):
            if after > before:
                bucket.inc(after - before)
        if ordered_ns:
            self._sum.inc(sum(ordered_ns) / 1e9)


def _family(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    match metric.kind:
        case "counter":
            return Counter(metric.name, metric.help, metric.labels, registry=registry)
        case "gauge":
            return Gauge(metric.name, metric.help, metric.labels, registry=registry, multiprocess_mode=metric.across)
        case "histogram":
            return _Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)
