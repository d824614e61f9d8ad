"""Holds the count of now against the mean of the time before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.groups import Group, Groups
from dq_gate.alerts.evaluation.sums import NEVER_DUE, DelayedSum, SlidingSum
from dq_gate.alerts.evaluation.trackers.base import Heard, Measurement, is_empty
from dq_gate.alerts.evaluation.trackers.hearing import Hearing

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import SpikeRule

TICKS = 30
LEAST_TICK_MS = 60_000
LEAST_HEARD = 0.5
"""Share of the reference in which something must have been heard for its mean to say something."""


class _Counts(NamedTuple):
    now: SlidingSum
    reference: DelayedSum


class SpikeTracker:
    """Holds the count of now against the mean of the reference.

    The reference's mean is over the time in which something was heard: a time of silence in it counts for nothing,
    not for zero.
    """

    def __init__(self, rule: SpikeRule, heard: Heard, max_groups: int) -> None:
        self.rule: SpikeRule = rule
        self._delay = rule.within + rule.offset
        self._hearing = Hearing(rule, rule.within, heard, by_source=True)
        self.wakes_on_any_line = self._hearing.wakes_on_any_line
        self._ticks = DelayedSum(self._delay, rule.reference, max(LEAST_TICK_MS, rule.reference // TICKS))
        self.events = feeds.heard_by(rule, every_line=True)
        self._count = feeds.counts(rule, self.events)
        self.groups: Groups[_Counts] = Groups(self._make, self._is_idle, max_groups)

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted

    def start(self, now: int) -> Collection[Group[_Counts]]:  # noqa: ARG002 - the protocol's
        """Groups come with the first events."""
        return ()

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[_Counts]]:
        """See `Tracker`."""
        touched = self._hearing.hear(at, self.groups, window)
        self._ticks.mark(at)
        for key, amount in self._count(record, window):
            if group := self.groups.feed(key, at):
                group.data.now.add(at, amount)
                group.data.reference.add(at, amount)
                touched.append(group)
        return touched

    def measure(self, group: Group[_Counts], now: int) -> Measurement:
        """See `Tracker`."""
        current, reference = group.data
        current.expire(now)
        reference.move(now)
        self._ticks.move(now)
        mean = self._mean(group, now)
        if mean is None:
            return self._hearing.nothing(now)
        value = current.total / mean
        if self.rule.direction != "down" and value > self.rule.factor and current.total >= self.rule.min_volume:
            return Measurement(value, holds=True)
        is_low = self.rule.direction != "up" and value < 1 / self.rule.factor
        counts = is_low or group.condition.state == "firing" or self._hearing.is_silent(now, group)
        return (self._hearing.doubts(group, now) if counts else None) or Measurement(value, is_low)

    def _mean(self, group: Group[_Counts], now: int) -> float | None:
        """The reference's mean per `within`; None while it says too little."""
        reference, heard = group.data.reference, self._ticks.total / self._ticks.slices
        is_covered = now >= group.born + self._delay + self.rule.reference
        if not is_covered or reference.total < self.rule.min_reference or heard < LEAST_HEARD:
            return None
        return reference.total * self.rule.within / (reference.covered * heard)

    def measure_nothing(self, now: int) -> Measurement:
        """Nothing came, so there is nothing to hold anything against."""
        return self._hearing.nothing(now)

    def next_change(self, group: Group[_Counts], now: int) -> int:
        """Every slice that begins or ceases to count changes something, unless too few are left for a spike."""
        current, reference = group.data
        if group.condition.state == "ok" and self.rule.direction == "up" and current.total < self.rule.min_volume:
            return NEVER_DUE
        covered = group.born + self._delay + self.rule.reference
        if covered > now:
            return covered
        return min(current.due, reference.due, self._ticks.due, self._hearing.next_change(group, now))

    def save(self) -> Any:
        """See `Tracker`."""
        return {
            "groups": self.groups.save(lambda counts: [counts.now.save(), counts.reference.save()]),
            "hearing": self._hearing.save(),
            "ticks": self._ticks.save(),
        }

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self._hearing.restore(saved["hearing"])
        self._ticks.restore(saved["ticks"])
        self.groups.restore(saved["groups"], self._restored)

    def _make(self) -> _Counts:
        return _Counts(SlidingSum(self.rule.within), DelayedSum(self._delay, self.rule.reference))

    def _restored(self, saved: Any) -> _Counts:
        made = self._make()
        return _Counts(made.now.restore(saved[0]), made.reference.restore(saved[1]))

    @staticmethod
    def _is_idle(counts: _Counts, now: int) -> bool:
        return is_empty(counts.now, now) and counts.reference.is_empty(now)
