"""Holds a value against the one before."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.groups import Group, Groups, label
from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.evaluation.trackers.base import Heard, Measurement
from dq_gate.alerts.evaluation.trackers.hearing import Hearing
from dq_gate.alerts.fields import events_of
from dq_gate.alerts.rules.base import MAX_SPAN_MS

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import ChangeRule


@dataclass(slots=True)
class _Value:
    """The newest value of a group.

    Attributes:
        value: The value; None before the first.
        at: Its time.
        changed_at: When it was last another than before; None if not yet.
        changes: How often it changed without a pause of `within`.
    """

    value: str | None = None
    at: int = 0
    changed_at: int | None = None
    changes: int = 0


class ChangeTracker:
    """Keeps the newest value of each group. Events that are older than it say nothing about what is now."""

    wakes_on_any_line = False

    def __init__(self, rule: ChangeRule, heard: Heard, max_groups: int) -> None:
        self.rule: ChangeRule = rule
        self._hearing = Hearing(rule, rule.within, heard)
        self.events = events_of(rule.where)
        self._matches = feeds.matcher(rule.where, heard=self.events)
        self._key = feeds.key_of(rule.group_by)
        self.groups: Groups[_Value] = Groups(_Value, _is_old, max_groups)

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted

    def start(self, now: int) -> Collection[Group[_Value]]:  # noqa: ARG002 - the protocol's
        """Groups come with the first events."""
        return ()

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[_Value]]:  # noqa: ARG002 - the protocol's
        """See `Tracker`."""
        if not self._matches(record) or (found := record.get(self.rule.field)) is None:
            return ()
        group = self.groups.feed(self._key(record), at)
        if group is None or at < group.data.at:
            return ()
        kept, value = group.data, label(found)
        before, kept.value, kept.at = kept.value, value, at
        if before is None or before == value:
            return ()
        kept.changes = 1 if self._is_over(kept, at) else kept.changes + 1
        kept.changed_at = at
        return (group,)

    def measure(self, group: Group[_Value], now: int) -> Measurement:
        """See `Tracker`."""
        if self._is_over(group.data, now):
            return Measurement(0, holds=False)
        return Measurement(group.data.changes, holds=True)

    def measure_nothing(self, now: int) -> Measurement:
        """See `Tracker`."""
        return self._hearing.nothing(now)

    def next_change(self, group: Group[_Value], now: int) -> int:
        """See `Tracker`."""
        changed_at = group.data.changed_at
        due = changed_at + self.rule.within if changed_at is not None else NEVER_DUE
        return due if due > now else NEVER_DUE

    def save(self) -> Any:
        """See `Tracker`."""
        return self.groups.save(astuple)

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self.groups.restore(saved, lambda data: _Value(*data))

    def _is_over(self, kept: _Value, now: int) -> bool:
        return kept.changed_at is None or now - kept.changed_at >= self.rule.within


def _is_old(kept: _Value, now: int) -> bool:
    """A value is remembered for as long as any rule looks back, so that a rare event's next one is held against it."""
    return now - kept.at >= MAX_SPAN_MS
