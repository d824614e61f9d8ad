"""Holds the use of an error budget against the time it is to last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.evaluation.trackers.base import Heard, Measurement
from dq_gate.alerts.evaluation.trackers.shares import Share, Shares

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.groups import Group
    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import BurnRateRule, BurnWindow


class BurnRateTracker:
    """Measures, of each pair of stretches of time, the burn rate that both of them exceed."""

    def __init__(self, rule: BurnRateRule, heard: Heard, max_groups: int) -> None:
        self.rule: BurnRateRule = rule
        spans = sorted({span for pair in rule.windows for span in (pair.long, pair.short)})
        self._place = {span: place for place, span in enumerate(spans)}
        self._shares = Shares(rule, spans, heard, max_groups)
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
        """One pair beyond its factor is enough; to say that none is, all must be known."""
        share = self._shares.at(group, now)
        rates = [(self._rate(pair, share), pair) for pair in self.rule.windows]
        known = [(rate, pair) for rate, pair in rates if rate is not None]
        beyond = [rate for rate, pair in known if rate > pair.factor]
        volume = share.wholes[-1].total
        if beyond:
            return Measurement(max(beyond), holds=True, volume=volume)
        if silence := self._shares.silence(group, now, volume):
            return silence
        if len(known) < len(rates):
            return Measurement(None, None, "unknown", volume)
        return Measurement(max(rate for rate, _ in known), holds=False, volume=volume)

    def _rate(self, pair: BurnWindow, share: Share) -> float | None:
        """The lower of the two burn rates; None when the long one has too little, or the short one nothing."""
        long, short = self._place[pair.long], self._place[pair.short]
        if share.wholes[long].total < self.rule.min_volume or not share.wholes[short].total:
            return None
        return min(self.rule.burn(share.parts[place].total, share.wholes[place].total) for place in (long, short))

    def measure_nothing(self, now: int) -> Measurement:
        """See `Tracker`."""
        return self._shares.nothing(now)

    def next_change(self, group: Group[Share], now: int) -> int:  # noqa: ARG002 - the protocol's
        """Without anything bad, nothing burns."""
        if group.condition.state == "ok" and not any(part.total for part in group.data.parts):
            return NEVER_DUE
        return self._shares.due(group)

    def save(self) -> Any:
        """See `Tracker`."""
        return self._shares.save()

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self._shares.restore(saved)
