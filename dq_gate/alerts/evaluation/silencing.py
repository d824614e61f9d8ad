"""What fires and nobody is told of: what another alert inhibits, and what is muted at this time. Pure.

An alert that fires inhibits those it names whether or not somebody was told of it itself. Times are milliseconds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dq_gate.alerts.rules.base import DAY_MINUTES, DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_gate.alerts.evaluation.groups import Key
    from dq_gate.alerts.rules import AlertRule
    from dq_gate.alerts.rules.base import Mute

MUTED = "mute"
"""What silences, when it is no alert."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MINUTE_MS = 60_000
_LOOK_MS = 15 * _MINUTE_MS
"""Clocks are changed on quarters of an hour."""


class Inhibition:
    """Which groups are inhibited, as alerts fire and resolve.

    Args:
        rules: All rules.
    """

    def __init__(self, rules: Sequence[AlertRule]) -> None:
        named = {rule.name: rule for rule in rules}
        self._pairs: dict[str, list[_Pair]] = defaultdict(list)
        self._inhibitors: dict[str, list[_Pair]] = defaultdict(list)
        for rule in rules:
            for other in rule.inhibit:
                if other in named and other != rule.name:
                    pair = _Pair(rule, named[other])
                    self._pairs[rule.name].append(pair)
                    self._inhibitors[other].append(pair)

    def can_inhibit(self, alert: str) -> bool:
        """Whether an alert inhibits any other."""
        return alert in self._pairs

    def is_inhibitable(self, alert: str) -> bool:
        """Whether any other alert inhibits an alert."""
        return alert in self._inhibitors

    def fired(self, alert: str, key: Key) -> None:
        """Take note that a group fires."""
        for pair in self._pairs.get(alert, ()):
            pair.firing[pair.of_inhibitor(key)] += 1

    def resolved(self, alert: str, key: Key) -> None:
        """Take note that a group fires no longer."""
        for pair in self._pairs.get(alert, ()):
            pair.firing[pair.of_inhibitor(key)] -= 1
            pair.firing += Counter()

    def inhibitor(self, alert: str, key: Key) -> str | None:
        """The alert that inhibits a group, if one does."""
        for pair in self._inhibitors.get(alert, ()):
            if pair.firing and pair.firing[pair.of_inhibited(key)]:
                return pair.name
        return None


class _Pair:
    """An alert, another that it inhibits, and the values of their common fields for which it fires."""

    def __init__(self, inhibitor: AlertRule, inhibited: AlertRule) -> None:
        common = [field for field in inhibitor.group_fields if field in inhibited.group_fields]
        self.name = inhibitor.name
        self.firing: Counter[Key] = Counter()
        self._of_inhibitor = [inhibitor.group_fields.index(field) for field in common]
        self._of_inhibited = [inhibited.group_fields.index(field) for field in common]

    def of_inhibitor(self, key: Key) -> Key:
        return _values(key, self._of_inhibitor)

    def of_inhibited(self, key: Key) -> Key:
        return _values(key, self._of_inhibited)


def _values(key: Key, places: list[int]) -> Key:
    """What stands at some places; a group that stands for all has nothing there."""
    return tuple([key[place] if place < len(key) else "" for place in places])


def muted_until(mutes: Sequence[Mute], at: int) -> int | None:
    """When to look again whether a group is muted; None when it is not muted at a time.

    A mute holds while a clock on the wall of its zone shows a time in it: in the night when clocks are set back, it
    may hold twice. So it is looked at again when it ends, as things are, and every quarter of an hour.
    """
    locals_ = [(mute, (_EPOCH + at * _MILLISECOND).astimezone(_zone(mute.time_zone))) for mute in mutes]
    if not any(_holds(mute, local) for mute, local in locals_):
        return None
    ends = [(mute.to - _minute(local) - 1) % DAY_MINUTES + 1 for mute, local in locals_]
    return min(at - at % _MINUTE_MS + min(ends) * _MINUTE_MS, at - at % _LOOK_MS + _LOOK_MS)


def _holds(mute: Mute, local: datetime) -> bool:
    minute, today, yesterday = _minute(local), DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if mute.to > mute.from_:
        return today in mute.days and mute.from_ <= minute < mute.to
    return (today in mute.days and minute >= mute.from_) or (yesterday in mute.days and minute < mute.to)


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
