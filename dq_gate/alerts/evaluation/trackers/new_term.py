"""Remembers the values of a field, and tells of those that are new."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.groups import Group, Groups, Key
from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.evaluation.trackers.base import NEVER, Heard, Measurement
from dq_gate.alerts.evaluation.trackers.hearing import Hearing

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import NewTermRule

MAX_TERMS = 10_000
_GRAINS = 300


@dataclass(slots=True)
class _Novelty:
    """A value that was new.

    Attributes:
        since: When it came; None when it was not new lately.
        count: How often it came since.
    """

    since: int | None = None
    count: float = 0


class NewTermTracker:
    """Remembers values with their groups, each with the time it was seen last, to a three-hundredth of the memory.

    Each group learns for itself: from its first event on, or with the watch where a rule does not group. When there are
    too many values, the one that was read least recently is forgotten; when there are too many groups, so is one.
    """

    wakes_on_any_line = False

    def __init__(self, rule: NewTermRule, heard: Heard, max_groups: int) -> None:
        self.rule: NewTermRule = rule
        self._hearing = Hearing(rule, rule.within, heard)
        self._appearances = feeds.appearances(rule)
        self.events = feeds.heard_by(rule, every_line=self._appearances is not None)
        self._grain = rule.memory // _GRAINS
        self._count = feeds.terms(rule, self.events)
        self._seen: OrderedDict[Key, int] = OrderedDict()
        self._learned_at: OrderedDict[Key, int] = OrderedDict()
        self._max_groups = max_groups
        self._forgotten = 0
        self.groups: Groups[_Novelty] = Groups(_Novelty, self._is_over, max_groups)

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted + self._forgotten

    def start(self, now: int) -> Collection[Group[_Novelty]]:
        """A rule that does not group learns from the first event on, whatever it says."""
        if not self.rule.group_by:
            self._appears((), now)
        return ()

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[_Novelty]]:
        """See `Tracker`."""
        if self._appearances is not None:
            for appeared in self._appearances(record, window):
                self._appears(appeared, at)
        touched, seen, fresh, groups = [], self._seen, at - self._grain, self.groups
        has_news = len(groups) > 0
        for key, amount in self._count(record, window):
            if seen.get(key, NEVER) > fresh:
                if has_news and (group := groups.get(key)):
                    group.data.count += amount
            elif key[-1] and (group := self._note(key, at, amount)):
                touched.append(group)
        return touched

    def _note(self, key: Key, at: int, amount: float) -> Group[_Novelty] | None:
        """Note a value that was not seen for a while; returns its group when that is news."""
        is_new, learned_at = self._is_new(key, at), self._appears(key[:-1], at)
        if is_new and at >= learned_at:
            group = self.groups.feed(key, at)
            if group is not None:
                group.data.since, group.data.count = at, amount
            return group
        if group := self.groups.get(key):
            group.data.count += amount
        return None

    def _appears(self, group: Key, at: int) -> int:
        """Note that a group is there; returns when it has learned."""
        learned_at = self._learned_at.get(group)
        if learned_at is None:
            if len(self._learned_at) >= self._max_groups:
                self._learned_at.popitem(last=False)
                self._forgotten += 1
            learned_at = self._learned_at[group] = at + self.rule.learn
        else:
            self._learned_at.move_to_end(group)
        return learned_at

    def _is_new(self, key: Key, at: int) -> bool:
        """Note that a value was seen; whether it was not for as long as it is remembered."""
        seen = self._seen
        last = seen.get(key)
        if last is None:
            if len(seen) >= MAX_TERMS:
                _, oldest = seen.popitem(last=False)
                self._forgotten += at - oldest < self.rule.memory
            seen[key] = at
            return True
        seen.move_to_end(key)
        seen[key] = max(last, at)
        return at - last >= self.rule.memory

    def measure(self, group: Group[_Novelty], now: int) -> Measurement:
        """See `Tracker`."""
        if self._is_over(group.data, now):
            return Measurement(None, holds=False)
        return Measurement(group.data.count, holds=True)

    def measure_nothing(self, now: int) -> Measurement:
        """See `Tracker`."""
        if self._hearing.is_silent(now):
            return Measurement(None, None, "silent")
        is_learning = all(learned_at > now for learned_at in self._learned_at.values())
        return Measurement(None, None, "unknown") if is_learning else Measurement(0, holds=False)

    def next_change(self, group: Group[_Novelty], now: int) -> int:
        """See `Tracker`."""
        since = group.data.since
        return since + self.rule.within if since is not None and since + self.rule.within > now else NEVER_DUE

    def save(self) -> Any:
        """See `Tracker`."""
        return {
            "groups": self.groups.save(astuple),
            "seen": [[list(key), last] for key, last in self._seen.items()],
            "learned_at": [[list(group), at] for group, at in self._learned_at.items()],
            "forgotten": self._forgotten,
        }

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self.groups.restore(saved["groups"], lambda data: _Novelty(*data))
        self._seen = OrderedDict((tuple(key), last) for key, last in saved["seen"])
        self._learned_at = OrderedDict((tuple(group), at) for group, at in saved["learned_at"])
        self._forgotten = saved["forgotten"]

    def _is_over(self, novelty: _Novelty, now: int) -> bool:
        return novelty.since is None or now - novelty.since >= self.rule.within
