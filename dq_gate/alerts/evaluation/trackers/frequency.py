"""Counts events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.groups import Group, Groups
from dq_gate.alerts.evaluation.sums import NEVER_DUE, SlidingSum
from dq_gate.alerts.evaluation.trackers.base import Heard, Measurement, is_empty
from dq_gate.alerts.evaluation.trackers.hearing import Hearing
from dq_gate.alerts.evaluation.trackers.until import Until
from dq_gate.alerts.fields import asks_for_inputs

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import FrequencyRule


class FrequencyTracker:
    """Counts matching events.

    While nothing is heard, the count is only a lower bound: that it is too high stays true, that it is not does not.
    """

    def __init__(self, rule: FrequencyRule, heard: Heard, max_groups: int) -> None:
        self.rule: FrequencyRule = rule
        self._is_below = rule.below is not None
        self._hearing = Hearing(rule, rule.within, heard, by_source=self._is_below)
        self.wakes_on_any_line = self._hearing.wakes_on_any_line
        self.events = feeds.heard_by(rule, rule.until, every_line=self._is_below)
        self._until = Until(rule.until, rule.group_by) if rule.until is not None else None
        is_plain = not self._is_below and self._until is None and not asks_for_inputs(rule)
        self._wants = feeds.matcher(rule.where, heard=self.events) if is_plain else None
        self._count = feeds.counts(rule, self.events)
        self.groups: Groups[SlidingSum] = Groups(lambda: SlidingSum(rule.within), is_empty, max_groups)

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted

    def start(self, now: int) -> Collection[Group[SlidingSum]]:
        """Where too few events alarm, none at all do: the only group of a rule that does not group is there."""
        if not self._is_below or self.rule.group_by:
            return ()
        group = self.groups.feed((), now)
        return [group] if group is not None else []

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[SlidingSum]]:
        """See `Tracker`."""
        if self._wants is not None and not self._wants(record):
            return ()
        touched = self._hearing.hear(at, self.groups, window) if self._is_below or window is not None else []
        if self._until is not None and (ended := self._until.ended(record, self.groups)):
            ended.data.clear()
            touched.append(ended)
        for key, amount in self._count(record, window):
            if group := self.groups.feed(key, at):
                group.data.add(at, amount)
                touched.append(group)
        return touched

    def measure(self, group: Group[SlidingSum], now: int) -> Measurement:
        """See `Tracker`."""
        group.data.expire(now)
        count = group.data.total
        holds = self.rule.holds(count, is_firing=group.condition.state == "firing")
        if self._is_below:
            doubts = self._hearing.doubts(group, now) if holds else None
            return doubts or Measurement(count, holds)
        return (self._hearing.silence(group, now) if not holds else None) or Measurement(count, holds)

    def measure_nothing(self, now: int) -> Measurement:
        """See `Tracker`."""
        return Measurement(None, None, "silent") if self._hearing.is_silent(now) else Measurement(0, holds=False)

    def next_change(self, group: Group[SlidingSum], now: int) -> int:
        """A count gets no higher by itself; whether a low one can be believed changes, too."""
        if self._is_below:
            return min(group.data.due, self._hearing.next_change(group, now))
        return NEVER_DUE if group.condition.state == "ok" else group.data.due

    def save(self) -> Any:
        """See `Tracker`."""
        return {"groups": self.groups.save(SlidingSum.save), "hearing": self._hearing.save()}

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self._hearing.restore(saved["hearing"])
        self.groups.restore(saved["groups"], lambda data: SlidingSum(self.rule.within).restore(data))
