"""Quantiles of durations, at most 1 % off, by DDSketch (Masson, Rim, Lee: VLDB 2019)."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

RELATIVE_ERROR = 0.01
_ALIKE = 1.001
"""Durations within this factor go into the sketch together, which is what makes it cheap; its share of the error."""
_CHUNK = 4096
"""Most durations that are sorted at a time: nobody else runs meanwhile."""
_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


class Durations:
    """A summary of durations that takes no more room the more there are. Not thread-safe."""

    def __init__(self) -> None:
        from ddsketch import DDSketch

        self._sketch = DDSketch(RELATIVE_ERROR - (_ALIKE - 1))

    def add(self, durations: list[int]) -> None:
        """Count durations, given in nanoseconds."""
        for start in range(0, len(durations), _CHUNK):
            for duration, times in _runs(sorted(durations[start : start + _CHUNK])):
                self._sketch.add(duration, times)

    def quantiles(self, unit: float) -> dict[str, float] | None:
        """p50, p95 and p99 by nearest rank, in a unit given in nanoseconds; None when nothing was counted."""
        if not self._sketch.count:
            return None
        return {name: round(self._at(share) / unit, 3) for name, share in _QUANTILES.items()}

    def _at(self, share: float) -> float:
        """The duration that so large a share is not above. The sketch's own rank would hide the longest of a few."""
        count = self._sketch.count
        rank = math.ceil(share * count) - 0.5  # between two ranks, so that no rounding takes the one below
        value = self._sketch.get_quantile_value(min(1.0, rank / max(1.0, count - 1)))
        return value or 0.0


def _runs(ordered: list[int]) -> Iterable[tuple[int, int]]:
    """The lowest of each run of durations that are nearly alike, and how many they are."""
    start = 0
    while start < len(ordered):
        end = bisect_right(ordered, ordered[start] * _ALIKE, lo=start)
        yield ordered[start], end - start
        start = end
