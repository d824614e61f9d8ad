"""Parts and their wholes by group, over one or several stretches of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.groups import CALM, Group, Groups
from dq_gate.alerts.evaluation.sums import SlidingSum
from dq_gate.alerts.evaluation.trackers.base import NEVER, Heard, Measurement, is_empty
from dq_gate.alerts.evaluation.trackers.hearing import Hearing
from dq_gate.alerts.fields import WINDOW_CLOSED, counted_by_windows, events_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import BurnRateRule, RatioRule

Sums = tuple[SlidingSum, ...]
"""A sum for each stretch of time."""


@dataclass(slots=True)
class Share:
    """What is kept of a group.

    Attributes:
        parts: The parts, over each stretch of time.
        wholes: The wholes.
        loud_until: Until when something is among them of which more was a part than is quiet.
    """

    parts: Sums
    wholes: Sums
    loud_until: int = NEVER


class Shares:
    """Counts parts and wholes.

    Groups by rule share the whole of what else they are grouped by: an input has no rule before it fails one.

    Args:
        rule: The rule.
        spans: The stretches of time, milliseconds.
        heard: When lines came last.
        max_groups: How many groups there may be.
        quiet: The share up to which whatever comes changes nothing for a group of which all is known to be well: what
            is made of such shares is no more than it. None without one.
    """

    def __init__(
        self,
        rule: RatioRule | BurnRateRule,
        spans: Sequence[int],
        heard: Heard,
        max_groups: int,
        *,
        quiet: float | None = None,
    ) -> None:
        self._spans = tuple(spans)
        self._quiet = quiet if quiet is not None else -1.0
        self._hearing = Hearing(rule, min(spans), heard)
        self.wakes_on_any_line = self._hearing.wakes_on_any_line
        self._group_by = rule.group_by
        self._by_rule = rule.of == "inputs" and "rule_id" in rule.group_by
        self._count_shares = feeds.shares(rule)
        self._count_whole = feeds.whole(rule)
        self._count_part = feeds.part(rule)
        self._wholes: Groups[Sums] = Groups(self._sums, _is_empty, max_groups)
        self.groups: Groups[Share] = Groups(lambda: Share(self._sums(), self._sums()), _is_idle, max_groups)
        whole_events = frozenset({WINDOW_CLOSED}) if rule.of == "inputs" else events_of(rule.of)
        part_events = whole_events if counted_by_windows(rule) else events_of(rule.where)
        self.events = whole_events | part_events if whole_events and part_events else frozenset[str]()

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted + self._wholes.evicted

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[Share]]:
        """See `Tracker`."""
        if self._by_rule:
            return self._take_by_rule(record, at, window)
        touched = self._hearing.hear(at, self.groups, window) if window is not None else []
        for key, whole, part in self._count_shares(record, window):
            if not (group := self.groups.feed(key, at)):
                continue
            share = group.data
            if whole:
                for one in share.wholes:
                    one.add(at, whole)
            if part:
                for one in share.parts:
                    one.add(at, part)
            if part > whole * self._quiet:
                share.loud_until = max(share.loud_until, at + self._spans[-1])
            elif share.loud_until <= at and group.condition.shown in CALM:
                continue
            touched.append(group)
        return touched

    def is_quiet(self, group: Group[Share], now: int) -> bool:
        """Whether no share of a group is above the quiet one."""
        return not self._by_rule and group.data.loud_until <= now

    def _take_by_rule(self, record: Record, at: int, window: Window | None) -> Collection[Group[Share]]:
        for key, amount in self._count_whole(record, window):
            if amount and (whole := self._wholes.feed(key, at)):
                _add(whole.data, at, amount)
        touched = {group.key: group for group in self.groups} if window is not None else {}
        for key, amount in self._count_part(record, window):
            if group := self.groups.feed(key, at):
                _add(group.data.parts, at, amount)
                touched[key] = group
        return touched.values()

    def at(self, group: Group[Share], now: int) -> Share:
        """A group's sums, exact at a time."""
        share = group.data if not self._by_rule else Share(group.data.parts, self._shared(group))
        for one in (*share.parts, *share.wholes):
            one.expire(now)
        return share

    def due(self, group: Group[Share]) -> int:
        """When any of a group's sums may change."""
        wholes = group.data.wholes if not self._by_rule else self._shared(group)
        return min(one.due for one in (*group.data.parts, *wholes))

    def silence(self, group: Group[Share], now: int, volume: float) -> Measurement | None:
        """See `Hearing`."""
        return self._hearing.silence(group, now, volume)

    def nothing(self, now: int) -> Measurement:
        """See `Hearing`."""
        return self._hearing.nothing(now)

    def save(self) -> Any:
        """See `Tracker`."""
        return {
            "groups": self.groups.save(lambda share: [_saved(share.parts), _saved(share.wholes), share.loud_until]),
            "wholes": self._wholes.save(_saved),
            "hearing": self._hearing.save(),
        }

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self.groups.restore(
            saved["groups"], lambda data: Share(self._restored(data[0]), self._restored(data[1]), data[2])
        )
        self._wholes.restore(saved["wholes"], self._restored)
        self._hearing.restore(saved["hearing"])

    def _shared(self, group: Group[Share]) -> Sums:
        fields = zip(self._group_by, group.key, strict=True)
        shared = self._wholes.get(tuple(value for field, value in fields if field != "rule_id"))
        return shared.data if shared is not None else group.data.wholes

    def _sums(self) -> Sums:
        return tuple(SlidingSum(span) for span in self._spans)

    def _restored(self, saved: Any) -> Sums:
        return tuple(one.restore(data) for one, data in zip(self._sums(), saved, strict=True))


def _add(sums: Sums, at: int, amount: float) -> None:
    for one in sums:
        one.add(at, amount)


def _saved(sums: Sums) -> Any:
    return [one.save() for one in sums]


def _is_empty(sums: Sums, now: int) -> bool:
    return all(is_empty(one, now) for one in sums)


def _is_idle(share: Share, now: int) -> bool:
    return _is_empty(share.parts, now) and _is_empty(share.wholes, now)
