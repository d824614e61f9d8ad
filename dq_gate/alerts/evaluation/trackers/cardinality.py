"""Counts the different values of a field."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.groups import Group, Groups
from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.evaluation.trackers.base import Heard, Measurement
from dq_gate.alerts.evaluation.trackers.hearing import Hearing

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import CardinalityRule

MAX_TERMS = 10_000
_COUNT_EVERY_MS = 1_000


class Terms:
    """The different values of the last stretch of time, each with the time it was seen last.

    Args:
        within: How long a value counts.

    Attributes:
        due: When the first one may have to be forgotten.
    """

    __slots__ = ("_ends", "_last", "_within", "due")

    def __init__(self, within: int) -> None:
        self._within = within
        self._last: dict[str, int] = {}
        self._ends: list[tuple[int, str]] = []
        self.due = NEVER_DUE

    def __len__(self) -> int:
        return len(self._last)

    def __contains__(self, term: str) -> bool:
        return term in self._last

    def add(self, at: int, term: str) -> None:
        """Note that a value was seen; its end is moved when it comes."""
        last = self._last.get(term)
        if last is None:
            heapq.heappush(self._ends, (at + self._within, term))
            self.due = self._ends[0][0]
        if last is None or at > last:
            self._last[term] = at

    def expire(self, now: int) -> None:
        """Forget what was not seen for too long."""
        ends = self._ends
        while ends and ends[0][0] <= now:
            term = ends[0][1]
            end = self._last[term] + self._within
            if end <= now:
                heapq.heappop(ends)
                del self._last[term]
            else:
                heapq.heapreplace(ends, (end, term))
        self.due = ends[0][0] if ends else NEVER_DUE

    def save(self) -> Any:
        """What it holds, as JSON takes it."""
        return [[term, self._last[term], end] for end, term in self._ends]

    def restore(self, saved: Any) -> Terms:
        """Take up what `save` gave, in one that is new; returns itself."""
        self._last = {term: last for term, last, _ in saved}
        self._ends = [(end, term) for term, _, end in saved]
        self.due = self._ends[0][0] if self._ends else NEVER_DUE
        return self


class CardinalityTracker:
    """Counts the different values of a field by group.

    All groups together have room for `MAX_TERMS` values; beyond that a new one is turned away.
    """

    def __init__(self, rule: CardinalityRule, heard: Heard, max_groups: int) -> None:
        self.rule: CardinalityRule = rule
        self._is_below = rule.below is not None
        self._hearing = Hearing(rule, rule.within, heard, by_source=self._is_below)
        self.wakes_on_any_line = self._hearing.wakes_on_any_line
        self.events = feeds.heard_by(rule, every_line=self._is_below)
        self._count = feeds.terms(rule, self.events)
        self._room = 0
        self._count_at = 0
        self._turned_away = 0
        self.groups: Groups[Terms] = Groups(lambda: Terms(rule.within), _is_empty, max_groups)

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted + self._turned_away

    def start(self, now: int) -> Collection[Group[Terms]]:
        """Where too few values alarm, none at all do: the only group of a rule that does not group is there."""
        if not self._is_below or self.rule.group_by:
            return ()
        group = self.groups.feed((), now)
        return [group] if group is not None else []

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[Terms]]:
        """See `Tracker`."""
        touched = self._hearing.hear(at, self.groups, window) if self._is_below or window is not None else []
        for (*key, term), _ in self._count(record, window):
            if not term or not (group := self.groups.feed(tuple(key), at)):
                continue
            if term in group.data or self._has_room(at):
                group.data.add(at, term)
                touched.append(group)
            else:
                self._turned_away += 1
        return touched

    def _has_room(self, now: int) -> bool:
        """Whether there is room for one more; counted anew once a second at most, as there are many groups."""
        if not self._room and now >= self._count_at:
            for group in self.groups:
                group.data.expire(now)
            self._room = MAX_TERMS - sum(len(group.data) for group in self.groups)
            self._count_at = now + _COUNT_EVERY_MS
        if self._room <= 0:
            return False
        self._room -= 1
        return True

    def measure(self, group: Group[Terms], now: int) -> Measurement:
        """See `Tracker`."""
        group.data.expire(now)
        count = len(group.data)
        holds = self.rule.holds(count, is_firing=group.condition.state == "firing")
        if self._is_below:
            doubts = self._hearing.doubts(group, now) if holds else None
            return doubts or Measurement(count, holds)
        return (self._hearing.silence(group, now) if not holds else None) or Measurement(count, holds)

    def measure_nothing(self, now: int) -> Measurement:
        """See `Tracker`."""
        return Measurement(None, None, "silent") if self._hearing.is_silent(now) else Measurement(0, holds=False)

    def next_change(self, group: Group[Terms], now: int) -> int:
        """Values get no more by themselves; whether few can be believed changes, too."""
        if self._is_below:
            return min(group.data.due, self._hearing.next_change(group, now))
        return NEVER_DUE if group.condition.state == "ok" else group.data.due

    def save(self) -> Any:
        """See `Tracker`."""
        return {
            "groups": self.groups.save(Terms.save),
            "hearing": self._hearing.save(),
            "room": [self._room, self._count_at],
            "turned_away": self._turned_away,
        }

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self._hearing.restore(saved["hearing"])
        self._room, self._count_at = saved["room"]
        self._turned_away = saved["turned_away"]
        self.groups.restore(saved["groups"], lambda data: Terms(self.rule.within).restore(data))


def _is_empty(terms: Terms, now: int) -> bool:
    terms.expire(now)
    return not len(terms)
