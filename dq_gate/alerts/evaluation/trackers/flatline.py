"""Counts events that used to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.groups import CALM, Group, Groups, Key
from dq_gate.alerts.evaluation.sums import NEVER_DUE, DelayedSum, SlidingSum
from dq_gate.alerts.evaluation.trackers.base import NEVER, Heard, Measurement, is_empty
from dq_gate.alerts.evaluation.trackers.hearing import Hearing

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import FlatlineRule


class _Counts(NamedTuple):
    now: SlidingSum
    before: DelayedSum


class FlatlineTracker:
    """Holds the count of now against that of the time before: with too little then, nothing is expected now.

    What comes to groups of which enough came changes nothing now. It is put aside, and counted when the groups' sums
    begin new slices of time, or when a group is measured.
    """

    def __init__(self, rule: FlatlineRule, heard: Heard, max_groups: int) -> None:
        self.rule: FlatlineRule = rule
        self._hearing = Hearing(rule, rule.within, heard, by_source=True)
        self.wakes_on_any_line = self._hearing.wakes_on_any_line
        self.events = feeds.heard_by(rule, every_line=True)
        self._count = feeds.counts(rule, self.events)
        self._edges = self._make()
        self.groups: Groups[_Counts] = Groups(self._make, self._is_idle, max_groups)
        self._aside: dict[Key, float] = {}
        self._aside_from = self._aside_until = self._aside_last = NEVER

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
        if at >= self._aside_until:
            self._count_aside()
            self._aside_from, self._aside_until = self._slice_of(at)
        aside, is_late = self._aside, at < self._aside_from
        for key, amount in self._count(record, window):
            if key in aside and not is_late:
                aside[key] += amount
            elif group := self._feed(key, at):
                if group.condition.shown in CALM and not is_late:
                    aside[key] = amount
                else:
                    _add(group.data, at, amount)
                    touched.append(group)
        self._aside_last = max(self._aside_last, at)
        return touched

    def _feed(self, key: Key, at: int) -> Group[_Counts] | None:
        """The group of a key. A new one may make another go: it is to be known which were fed."""
        if self.groups.get(key) is None:
            self._count_aside()
        return self.groups.feed(key, at)

    def _slice_of(self, at: int) -> tuple[int, int]:
        """The stretch of time around a time in which no sum begins a new slice."""
        (a, b), (c, d) = self._edges.now.slice_of(at), self._edges.before.slice_of(at)
        return max(a, c), min(b, d)

    def _count_aside(self) -> None:
        """Count all that was put aside."""
        for key, amount in self._aside.items():
            if group := self.groups.feed(key, self._aside_last):
                _add(group.data, self._aside_from, amount)
        self._aside.clear()

    def measure(self, group: Group[_Counts], now: int) -> Measurement:
        """See `Tracker`."""
        current, before = group.data
        if amount := self._aside.pop(group.key, 0):
            _add(group.data, self._aside_from, amount)
            group.fed = max(group.fed, self._aside_last)
        current.expire(now)
        before.move(now)
        if current.total >= self.rule.below:
            return Measurement(current.total, holds=False)
        if before.total < self.rule.min_reference:
            return self._hearing.nothing(now)
        return self._hearing.doubts(group, now) or Measurement(current.total, holds=True)

    def measure_nothing(self, now: int) -> Measurement:
        """Nothing came, so nothing is expected."""
        return self._hearing.nothing(now)

    def next_change(self, group: Group[_Counts], now: int) -> int:
        """While enough comes, only its growing old changes anything."""
        current, before = group.data
        if current.total >= self.rule.below:
            return current.due
        if group.condition.state == "firing":
            return NEVER_DUE
        return min(before.due, self._hearing.next_change(group, now))

    def save(self) -> Any:
        """See `Tracker`."""
        return {
            "groups": self.groups.save(lambda counts: [counts.now.save(), counts.before.save()]),
            "hearing": self._hearing.save(),
            "aside": [self._aside_from, self._aside_until, self._aside_last],
            "put_aside": [[list(key), amount] for key, amount in self._aside.items()],
        }

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self._hearing.restore(saved["hearing"])
        self._aside_from, self._aside_until, self._aside_last = saved["aside"]
        self._aside = {tuple(key): amount for key, amount in saved["put_aside"]}
        self.groups.restore(saved["groups"], self._restored)

    def _make(self) -> _Counts:
        return _Counts(SlidingSum(self.rule.within), DelayedSum(self.rule.within, self.rule.reference))

    def _restored(self, saved: Any) -> _Counts:
        made = self._make()
        return _Counts(made.now.restore(saved[0]), made.before.restore(saved[1]))

    @staticmethod
    def _is_idle(counts: _Counts, now: int) -> bool:
        return is_empty(counts.now, now) and counts.before.is_empty(now)


def _add(counts: _Counts, at: int, amount: float) -> None:
    counts.now.add(at, amount)
    counts.before.add(at, amount)
