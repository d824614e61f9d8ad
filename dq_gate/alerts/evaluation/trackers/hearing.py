"""Whether a count can be believed to be low: zero is a measurement only while lines come. Pure; times are ms.

Silence is told by what was heard last, and by ticks: stretches of time in which something was heard or nothing was.
A count over a stretch of which a tick was silent is too little to say that it is low.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.evaluation.trackers.base import NEVER, SILENCE_MS, Measurement
from dq_gate.alerts.fields import asks_for_inputs

if TYPE_CHECKING:
    from dq_gate.alerts.evaluation.groups import Group, Groups, Key, T
    from dq_gate.alerts.evaluation.trackers.base import Heard
    from dq_gate.alerts.evaluation.windows import Window
    from dq_gate.alerts.rules import Rule

TICKS = 10
_KEPT = 4 * TICKS
"""How many ticks are remembered: those of `within`, and of as much lateness as is allowed."""

MAX_SOURCES = 1_000


@dataclass(slots=True)
class _Ear:
    """What was heard: of everything, or of one source.

    Attributes:
        last: When something was heard last.
        newest: The newest tick in which something was.
        ticks: The ticks in which something was.
        asleep: Groups that were found silent, to be looked at again when something is heard.
    """

    last: int = 2 * NEVER
    newest: int = -1
    ticks: set[int] = field(default_factory=set)
    asleep: dict[Key, None] = field(default_factory=dict)


class Hearing:
    """What a rule hears: every line, or windows when it counts inputs.

    Args:
        rule: The rule.
        within: How far it looks back, milliseconds.
        heard: When lines came last.
        by_source: Whether windows are told apart by source, where the rule groups by it: those of a source are the
            windows of every process that has named it.
    """

    def __init__(self, rule: Rule, within: int, heard: Heard, *, by_source: bool = False) -> None:
        self._heard = heard
        self._within = within
        self._by_windows = asks_for_inputs(rule)
        self._silence = min(within, SILENCE_MS)
        self._tick = max(SILENCE_MS, within // TICKS)
        is_split = by_source and self._by_windows and "source" in rule.group_by
        self._place = rule.group_by.index("source") if is_split else None
        self._all = _Ear()
        self._ears: dict[str, _Ear] = {}

    @property
    def wakes_on_any_line(self) -> bool:
        """See `Tracker`; windows are told to `hear`."""
        return not self._by_windows

    def hear(self, at: int, groups: Groups[T], window: Window | None) -> list[Group[T]]:
        """Take note that a line or window came; returns groups that were found silent and are to be looked at again."""
        if self._place is None:
            return self._hear(self._all, at, groups)
        if window is None:
            return []
        return [group for source in window.sources for group in self._hear(self._ear(source), at, groups)]

    def _hear(self, ear: _Ear, at: int, groups: Groups[T]) -> list[Group[T]]:
        ear.last = max(ear.last, at)
        tick = at // self._tick
        if tick not in ear.ticks:
            ear.newest = max(ear.newest, tick)
            ear.ticks = {one for one in (*ear.ticks, tick) if one > ear.newest - _KEPT}
        if not ear.asleep:
            return []
        woken, ear.asleep = ear.asleep, {}
        return [group for key in woken if (group := groups.get(key)) is not None]

    def silent_at(self, group: Group[Any] | None = None) -> int:
        """When nothing was heard for too long, if nothing comes: of a group's source, or of all."""
        if group is not None and self._place is not None:
            return self._ear_of(group).last + self._silence
        return (self._heard.window if self._by_windows else self._heard.line) + self._silence

    def is_silent(self, now: int, group: Group[Any] | None = None) -> bool:
        """Whether nothing was heard for too long."""
        return now >= self.silent_at(group)

    def silence(self, group: Group[Any], now: int, volume: float | None = None) -> Measurement | None:
        """What is said when nothing is heard of what might be over; None while something is."""
        if not self.is_silent(now, group):
            return None
        if self._by_windows:
            self._ear_of(group).asleep[group.key] = None
        return Measurement(None, None, "silent", volume)

    def doubts(self, group: Group[Any], now: int) -> Measurement | None:
        """Why a low count of a group cannot be believed; None when it can."""
        if now < group.born + self._within or self._whole_at(group, now) > now:
            return self.silence(group, now) or Measurement(None, None, "unknown")
        return self.silence(group, now)

    def nothing(self, now: int) -> Measurement:
        """What is said without any group."""
        return Measurement(None, None, "silent" if self.is_silent(now) else "unknown")

    def next_change(self, group: Group[Any], now: int) -> int:
        """When what is known of a low count changes without a line."""
        if group.condition.state == "pending" and not self.is_silent(now, group):
            return self.silent_at(group)
        whole = max(self._whole_at(group, now), group.born + self._within)
        return whole if whole > now else NEVER_DUE

    def _whole_at(self, group: Group[Any], now: int) -> int:
        """When, if lines keep coming, they will have come all through `within`; never earlier than now."""
        ticks = self._ear_of(group).ticks
        for tick in range(now // self._tick - 1, (now - self._within) // self._tick - 1, -1):
            if tick not in ticks:
                return (tick + 1) * self._tick + self._within
        return now

    def _ear_of(self, group: Group[Any]) -> _Ear:
        return self._all if self._place is None else self._ear(group.key[self._place])

    def _ear(self, source: str) -> _Ear:
        """What was heard of a source; the one that was silent for longest makes room."""
        ear = self._ears.get(source)
        if ear is None:
            if len(self._ears) >= MAX_SOURCES:
                del self._ears[min(self._ears, key=lambda one: self._ears[one].last)]
            ear = self._ears[source] = _Ear()
        return ear

    def save(self) -> Any:
        """See `Tracker`."""
        return [_saved(self._all), [[source, *_saved(ear)] for source, ear in self._ears.items()]]

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        everything, ears = saved
        self._all = _restored(*everything)
        self._ears = {source: _restored(*ear) for source, *ear in ears}


def _saved(ear: _Ear) -> list[Any]:
    return [ear.last, sorted(ear.ticks), [list(key) for key in ear.asleep]]


def _restored(last: int, ticks: list[int], asleep: list[list[str]]) -> _Ear:
    return _Ear(last, max(ticks, default=-1), set(ticks), {tuple(key): None for key in asleep})
