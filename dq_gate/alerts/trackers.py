"""The kinds of alert rules: what each keeps by group, and how it measures. Pure; times are milliseconds.

A measurement knows four answers: the condition holds, it does not, there is too little to say (unknown), nothing
is heard at all (silent).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from dq_gate.alerts import feeds
from dq_gate.alerts.fields import WINDOW_CLOSED, counted_by_windows, events_of
from dq_gate.alerts.groups import Group, Groups, T
from dq_gate.alerts.rules import AbsenceRule, AlertRule, FrequencyRule, RatioRule
from dq_gate.alerts.sums import NEVER_DUE, SlidingSum

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.windows import Record, Window

NEVER = -(10**15)

SILENCE_MS = 30_000
"""A log with a gate in it has a line every 10 s; after three of them, that nothing came says nothing."""


@dataclass(slots=True)
class Measurement:
    """What a rule says about a group at a time. Not frozen, as there is one for every line; treat it as a value.

    Attributes:
        value: What was measured; None when it could not be, or when nothing is expected.
        holds: Whether the condition holds; None when it cannot be known.
        missing: Why it cannot be known.
        volume: The whole of a ratio.
    """

    value: float | None
    holds: bool | None
    missing: Literal["unknown", "silent"] | None = None
    volume: float | None = None


@dataclass(slots=True)
class Heard:
    """When lines came last; before the clock starts that is longer ago than any rule looks back.

    Attributes:
        line: The last event of ours.
        window: The last closed window.
    """

    line: int = 2 * NEVER
    window: int = 2 * NEVER


class Tracker(Protocol):
    """One rule at work.

    Attributes:
        wakes_on_any_line: A group measured as silent is to be measured again when any event comes.
    """

    wakes_on_any_line: bool

    @property
    def rule(self) -> AlertRule:
        """The rule."""
        ...

    @property
    def events(self) -> frozenset[str]:
        """Names of the events to be handed to `take`; empty means every one."""
        ...

    @property
    def groups(self) -> Groups[Any]:
        """The rule's groups."""
        ...

    @property
    def evicted(self) -> int:
        """What was dropped or turned away for lack of room while it counted for something."""
        ...

    def start(self, now: int) -> Collection[Group[Any]]:
        """Begin at a time; returns groups that exist before any event."""
        ...

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[Any]]:
        """Count an event; returns the groups whose measurement may have changed."""
        ...

    def measure(self, group: Group[Any], now: int) -> Measurement:
        """What the rule says about a group."""
        ...

    def measure_nothing(self, now: int) -> Measurement:
        """What the rule says when it has no group."""
        ...

    def next_change(self, group: Group[Any], now: int) -> int:
        """When a group's measurement may change its answer without an event; `NEVER_DUE` if never."""
        ...


def track(rule: AlertRule, heard: Heard, max_groups: int) -> Tracker:
    """Set a rule to work."""
    if isinstance(rule, FrequencyRule):
        return FrequencyTracker(rule, heard, max_groups)
    if isinstance(rule, RatioRule):
        return RatioTracker(rule, heard, max_groups)
    return AbsenceTracker(rule, max_groups)


def _is_empty(counted: SlidingSum, now: int) -> bool:
    counted.expire(now)
    return not counted.total


class _Until:
    """The event that puts an end to a group, when a rule names one."""

    def __init__(self, rule: FrequencyRule | AbsenceRule) -> None:
        self._matches = feeds.matcher(rule.until) if rule.until is not None else None
        self._group_by = rule.group_by

    def ended(self, record: Record, groups: Groups[T]) -> Group[T] | None:
        """The group that a line ends, if it ends one."""
        if self._matches is None or not self._matches(record):
            return None
        return groups.get(feeds.keyed(record, self._group_by))


def _listens_to(rule: FrequencyRule | AbsenceRule) -> frozenset[str]:
    clauses = [rule.where] if rule.until is None else [rule.where, rule.until]
    events = [events_of(clause) for clause in clauses]
    return frozenset[str]().union(*events) if all(events) else frozenset()


class FrequencyTracker:
    """Counts matching events.

    While nothing is heard, the count is only a lower bound: that it is too high stays true, that it is not does not.
    """

    wakes_on_any_line = True

    def __init__(self, rule: FrequencyRule, heard: Heard, max_groups: int) -> None:
        self.rule: FrequencyRule = rule
        self._heard = heard
        self._silence = min(rule.within, SILENCE_MS) if rule.above is not None else rule.within
        self._until = _Until(rule)
        self._count = feeds.lines(rule.where, rule.group_by)
        self.groups: Groups[SlidingSum] = Groups(lambda: SlidingSum(rule.within), _is_empty, max_groups)
        self.events = _listens_to(rule)

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted

    def start(self, now: int) -> Collection[Group[SlidingSum]]:
        """Where too few events alarm, none at all do: the only group of a rule that does not group is there."""
        if self.rule.below is None or self.rule.group_by:
            return ()
        group = self.groups.feed((), now)
        return [group] if group is not None else []

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[SlidingSum]]:
        """See `Tracker`."""
        touched = []
        if group := self._until.ended(record, self.groups):
            group.data.clear()
            touched.append(group)
        for key, amount in self._count(record, window):
            if group := self.groups.feed(key, at):
                group.data.add(at, amount)
                touched.append(group)
        return touched

    def measure(self, group: Group[SlidingSum], now: int) -> Measurement:
        """See `Tracker`."""
        group.data.expire(now)
        count, is_below = group.data.total, self.rule.below is not None
        if self._is_silent(now) and self.rule.is_beyond(count) == is_below:
            return Measurement(None, None, "silent")
        if is_below and now < group.born + self.rule.within:
            return Measurement(None, None, "unknown")
        return Measurement(count, self.rule.is_beyond(count))

    def measure_nothing(self, now: int) -> Measurement:
        """See `Tracker`."""
        return Measurement(None, None, "silent") if self._is_silent(now) else Measurement(0, holds=False)

    def next_change(self, group: Group[SlidingSum], now: int) -> int:
        """A count gets no higher by itself; it can be called too low after its first full `within`."""
        if self.rule.above is not None:
            return NEVER_DUE if group.condition.state == "ok" else group.data.due
        full = group.born + self.rule.within
        return min(group.data.due, full) if full > now else group.data.due

    def _is_silent(self, now: int) -> bool:
        return now - self._heard.line >= self._silence


class _Share(NamedTuple):
    part: SlidingSum
    whole: SlidingSum


class RatioTracker:
    """Holds a part against its whole.

    Groups by rule share the whole of what else they are grouped by: an input has no rule before it fails one.
    """

    wakes_on_any_line = False

    def __init__(self, rule: RatioRule, heard: Heard, max_groups: int) -> None:
        self.rule: RatioRule = rule
        self._heard = heard
        self._by_rule = rule.of == "inputs" and "rule_id" in rule.group_by
        self._count_shares = feeds.shares(rule)
        self._count_whole = feeds.whole(rule)
        self._count_part = feeds.part(rule)
        self._wholes: Groups[SlidingSum] = Groups(lambda: SlidingSum(rule.within), _is_empty, max_groups)
        self.groups: Groups[_Share] = Groups(
            lambda: _Share(SlidingSum(rule.within), SlidingSum(rule.within)), self._is_idle, max_groups
        )
        whole_events = frozenset({WINDOW_CLOSED}) if rule.of == "inputs" else events_of(rule.of)
        part_events = whole_events if counted_by_windows(rule) else events_of(rule.where)
        self.events = whole_events | part_events if whole_events and part_events else frozenset[str]()

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted + self._wholes.evicted

    def start(self, now: int) -> Collection[Group[_Share]]:  # noqa: ARG002 - the protocol's
        """Groups come with the first events."""
        return ()

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[_Share]]:
        """See `Tracker`."""
        if self._by_rule:
            return self._take_by_rule(record, at, window)
        touched = []
        for key, whole, part in self._count_shares(record, window):
            if (whole or part) and (group := self.groups.feed(key, at)):
                if whole:
                    group.data.whole.add(at, whole)
                if part:
                    group.data.part.add(at, part)
                touched.append(group)
        return touched

    def _take_by_rule(self, record: Record, at: int, window: Window | None) -> Collection[Group[_Share]]:
        for key, amount in self._count_whole(record, window):
            if amount and (whole := self._wholes.feed(key, at)):
                whole.data.add(at, amount)
        touched = {group.key: group for group in self.groups} if window is not None else {}
        for key, amount in self._count_part(record, window):
            if group := self.groups.feed(key, at):
                group.data.part.add(at, amount)
                touched[key] = group
        return touched.values()

    def measure(self, group: Group[_Share], now: int) -> Measurement:
        """See `Tracker`."""
        part, whole = group.data.part, self._whole(group)
        if part.due <= now:
            part.expire(now)
        if whole.due <= now:
            whole.expire(now)
        volume = whole.total
        if volume < self.rule.min_volume:
            return self._unmeasured(now, volume)
        value = part.total / volume
        return Measurement(value, self.rule.is_beyond(value), None, volume)

    def measure_nothing(self, now: int) -> Measurement:
        """See `Tracker`."""
        return self._unmeasured(now, 0)

    def next_change(self, group: Group[_Share], now: int) -> int:  # noqa: ARG002 - the protocol's
        """A part that is too small for the least volume is too small for every volume."""
        part, whole = group.data.part, self._whole(group)
        above = self.rule.above
        if above is not None and group.condition.state == "ok" and part.total <= above * self.rule.min_volume:
            return NEVER_DUE
        return min(part.due, whole.due)

    def _whole(self, group: Group[_Share]) -> SlidingSum:
        if not self._by_rule:
            return group.data.whole
        fields = zip(self.rule.group_by, group.key, strict=True)
        shared = self._wholes.get(tuple(value for field, value in fields if field != "rule_id"))
        return shared.data if shared is not None else group.data.whole

    @staticmethod
    def _is_idle(share: _Share, now: int) -> bool:
        return _is_empty(share.part, now) and _is_empty(share.whole, now)

    def _unmeasured(self, now: int, volume: float) -> Measurement:
        heard = self._heard.window if self.rule.of == "inputs" else self._heard.line
        return Measurement(None, None, "silent" if now - heard >= self.rule.within else "unknown", volume)


@dataclass(slots=True)
class _Sighting:
    """When the expected event came last; None when it is not expected."""

    last: int | None = None


class AbsenceTracker:
    """Waits for the next matching event."""

    wakes_on_any_line = False

    def __init__(self, rule: AbsenceRule, max_groups: int) -> None:
        self.rule: AbsenceRule = rule
        self._matches = feeds.matcher(rule.where)
        self._until = _Until(rule)
        self._unseen: Group[_Sighting] | None = None
        self.groups: Groups[_Sighting] = Groups(_Sighting, lambda sighting, _: sighting.last is None, max_groups)
        self.events = _listens_to(rule)

    @property
    def evicted(self) -> int:
        """See `Tracker`."""
        return self.groups.evicted

    def start(self, now: int) -> Collection[Group[_Sighting]]:
        """Until one is seen, a group without values stands for all: never since the start."""
        self._unseen = self.groups.feed((), now)
        if self._unseen is None:
            return ()
        self._unseen.data.last = now
        return (self._unseen,)

    def take(self, record: Record, at: int, window: Window | None) -> Collection[Group[_Sighting]]:  # noqa: ARG002 - the protocol's
        """See `Tracker`."""
        touched = []
        if group := self._until.ended(record, self.groups):
            group.data.last = None
            touched.append(group)
        if self._matches(record):
            if self._unseen is not None:
                self._unseen.data.last = None
                touched.append(self._unseen)
                self._unseen = None
            if group := self.groups.feed(feeds.keyed(record, self.rule.group_by), at):
                last = group.data.last
                group.data.last = at if last is None or at > last else last
                touched.append(group)
        return touched

    def measure(self, group: Group[_Sighting], now: int) -> Measurement:
        """See `Tracker`."""
        last = group.data.last
        if last is None:
            return Measurement(None, holds=False)
        return Measurement((now - last) / 1000, now - last >= self.rule.within)

    def measure_nothing(self, now: int) -> Measurement:  # noqa: ARG002 - the protocol's
        """Nothing came and nothing is expected."""
        return Measurement(None, None, "silent")

    def next_change(self, group: Group[_Sighting], now: int) -> int:
        """See `Tracker`."""
        last = group.data.last
        due = last + self.rule.within if last is not None else NEVER_DUE
        return due if due > now else NEVER_DUE
