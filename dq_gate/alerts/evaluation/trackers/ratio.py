"""Holds a part against its whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.evaluation.trackers.base import Heard, Measurement
from dq_gate.alerts.evaluation.trackers.shares import Share, Shares

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.groups import Group
    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import RatioRule


class RatioTracker:
    """Holds a part against its whole."""

    def __init__(self, rule: RatioRule, heard: Heard, max_groups: int) -> None:
        self.rule: RatioRule = rule
        self._shares = Shares(rule, (rule.within,), heard, max_groups, quiet=rule.above)
        self.wakes_on_any_line = self._shares.wakes_on_any_line
        self.groups = self._shares.groups
        self.events = self._shares.events

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self._shares.evicted

    def start(self, now: int) -> Collection[Group[Share]]:  # noqa: ARG002 - the protocol's
        """Groups come with the first events."""
        return ()

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[Share]]:
        """See `Tracker`."""
        return self._shares.take(record, at, window)

    def measure(self, group: Group[Share], now: int) -> Measurement:
        """See `Tracker`."""
        share = self._shares.at(group, now)
        (part,), (whole,) = share.parts, share.wholes
        volume = whole.total
        value = part.total / volume if volume else 0.0
        if volume >= self.rule.min_volume and self.rule.holds(value, is_firing=group.condition.state == "firing"):
            return Measurement(value, holds=True, volume=volume)
        if silence := self._shares.silence(group, now, volume):
            return silence
        if volume < self.rule.min_volume:
            return Measurement(None, None, "unknown", volume)
        return Measurement(value, holds=False, volume=volume)

    def measure_nothing(self, now: int) -> Measurement:
        """See `Tracker`."""
        return self._shares.nothing(now)

    def next_change(self, group: Group[Share], now: int) -> int:
        """A part that is too small for the least volume is too small for every volume."""
        above, (part,) = self.rule.above, group.data.parts
        if above is None or group.condition.state != "ok":
            return self._shares.due(group)
        is_quiet = part.total <= above * self.rule.min_volume or self._shares.is_quiet(group, now)
        return NEVER_DUE if is_quiet else self._shares.due(group)

    def save(self) -> Any:
        """See `Tracker`."""
        return self._shares.save()

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self._shares.restore(saved)
