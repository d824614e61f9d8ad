"""Holds a number that events carry against a bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.groups import CALM, Group, Groups
from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.evaluation.trackers.base import NEVER, Heard, Measurement
from dq_gate.alerts.evaluation.trackers.hearing import Hearing
from dq_gate.alerts.evaluation.values import LARGEST, Values, values
from dq_gate.alerts.fields import events_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import ThresholdRule


@dataclass(slots=True)
class _Numbers:
    """What is kept of a group.

    Attributes:
        values: Its numbers.
        loud_until: Until when a number may be among them with which the bound could be crossed; while none is, the
            result lies on the quiet side, whatever is forgotten.
    """

    values: Values
    loud_until: int = NEVER


class ThresholdTracker:
    """Keeps the numbers of the last stretch of time. Without any, a group is silent: its last one says nothing now."""

    wakes_on_any_line = True

    def __init__(self, rule: ThresholdRule, heard: Heard, max_groups: int) -> None:
        self.rule: ThresholdRule = rule
        self._heard = heard
        self._hearing = Hearing(rule, rule.within, heard)
        self.events = events_of(rule.where)
        self._matches = feeds.matcher(rule.where, heard=self.events) if rule.where.keys() != {"event"} else None
        self._key = feeds.key_of(rule.group_by)
        self._field, _, self._name = rule.field.partition(".")
        self._lowest_quiet, self._highest_quiet = _quiet(rule)
        self.groups: Groups[_Numbers] = Groups(self._make, _is_empty, max_groups)

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted

    def start(self, now: int) -> Collection[Group[_Numbers]]:  # noqa: ARG002 - the protocol's
        """Groups come with the first events."""
        return ()

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[_Numbers]]:  # noqa: ARG002 - the protocol's
        """See `Tracker`."""
        if self._matches is not None and not self._matches(record):
            return ()
        value = record.get(self._field)
        if self._name and value.__class__ is dict:
            value = value.get(self._name)
        if value is None:
            return ()
        if (value.__class__ is not int and value.__class__ is not float) or not -LARGEST <= value <= LARGEST:
            self._heard.not_numbers += 1
            return ()
        group = self.groups.feed(self._key(record), at)
        if group is None:
            return ()
        numbers = group.data
        numbers.values.add(at, value)
        if not self._lowest_quiet <= value <= self._highest_quiet:
            numbers.loud_until = max(numbers.loud_until, at + self.rule.within)
        elif numbers.loud_until <= at and group.condition.shown in CALM:
            return ()
        return (group,)

    def measure(self, group: Group[_Numbers], now: int) -> Measurement:
        """See `Tracker`."""
        kept = group.data.values
        kept.expire(now)
        value = kept.result()
        if value is None:
            return Measurement(None, None, "silent" if kept.until == NEVER_DUE else "unknown")
        holds = self.rule.holds(value, is_firing=group.condition.state == "firing")
        return (self._hearing.silence(group, now) if not holds else None) or Measurement(value, holds)

    def measure_nothing(self, now: int) -> Measurement:
        """See `Tracker`."""
        return self._hearing.nothing(now)

    def next_change(self, group: Group[_Numbers], now: int) -> int:
        """Without a loud number, what remains when some are forgotten is quiet, until none remains."""
        numbers = group.data
        is_quiet = group.condition.state == "ok" and numbers.loud_until <= now
        return numbers.values.until if is_quiet else numbers.values.due

    def save(self) -> Any:
        """See `Tracker`."""
        return self.groups.save(lambda numbers: [numbers.values.save(), numbers.loud_until])

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self.groups.restore(saved, lambda data: _Numbers(self._values().restore(data[0]), data[1]))

    def _make(self) -> _Numbers:
        return _Numbers(self._values())

    def _values(self) -> Values:
        return values(self.rule.aggregate, self.rule.within)


def _quiet(rule: ThresholdRule) -> tuple[float, float]:
    """The lowest and highest of the numbers that, among themselves, cannot bring the result beyond the bound."""
    if rule.aggregate == "increase" or (rule.aggregate == "sum" and rule.above is None):
        return math.inf, -math.inf
    if rule.above is None:
        return rule.threshold, math.inf
    return -math.inf, 0 if rule.aggregate == "sum" else rule.above


def _is_empty(numbers: _Numbers, now: int) -> bool:
    numbers.values.expire(now)
    return numbers.values.until == NEVER_DUE
