"""The states of a rule's groups, in bounded memory. Pure; times are milliseconds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from dq_gate.alerts.evaluation.sums import NEVER_DUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_GROUPS = 1_000

Key = tuple[str, ...]
"""Values of the fields that a rule groups by."""

MAX_LABEL = 128
"""Longest value a group keeps: ours are shorter, and a hostile line must not fill the memory."""

T = TypeVar("T")

Shown = Literal["ok", "pending", "firing", "resolved", "unknown", "silent"]
"""What is said of a group; resolved: it fired, and is over."""

CALM: frozenset[Shown | None] = frozenset({"ok", "resolved"})
"""What is said of groups whose condition is known not to hold."""


def label(value: Any) -> str:
    """A field's value as part of a group's key."""
    if value.__class__ is str:
        return value[:MAX_LABEL]
    if value is None:
        return ""
    text = str(value).lower() if value.__class__ is bool else str(value)
    return text[:MAX_LABEL]


@dataclass(slots=True)
class Condition:
    """Whether an alert is on: it fires when its condition has held long enough, and once.

    Not knowing is neither: it ends a wait to fire and a wait to resolve, and it does not resolve what has fired.

    Attributes:
        state: ok, pending (holds, not long enough yet) or firing.
        since: When the condition began to hold.
        fired_at: When it fired last.
        over_since: Since when the condition of what fires is over; None while it is not.
        is_told: Whether what fires was handed out.
        shown: What was last said of it.
    """

    state: Literal["ok", "pending", "firing"] = "ok"
    since: int = 0
    fired_at: int = 0
    over_since: int | None = None
    is_told: bool = False
    shown: Shown | None = None

    def judge(
        self, *, holds: bool | None, now: int, hold_for: int, keep_firing_for: int = 0
    ) -> Literal["fired", "resolved"] | None:
        """Take in a measurement.

        Args:
            holds: Whether the condition holds; None when it cannot be known.
            now: Event time.
            hold_for: How long it must hold before it fires.
            keep_firing_for: How long it must be over before it resolves.

        Returns:
            What changed, if anything.
        """
        if self.state == "firing":
            return self._judge_firing(holds=holds, now=now, keep_firing_for=keep_firing_for)
        if not holds:
            self.state = "ok"
            return None
        if self.state == "ok":
            self.state, self.since = "pending", now
        if now - self.since < hold_for:
            return None
        self.state, self.fired_at, self.is_told = "firing", now, False
        return "fired"

    def next_change(self, *, hold_for: int, keep_firing_for: int) -> int:
        """When a wait to fire or to resolve ends; `NEVER_DUE` without one."""
        if self.state == "pending":
            return self.since + hold_for
        return self.over_since + keep_firing_for if self.over_since is not None else NEVER_DUE

    def save(self) -> list[Any]:
        """All of it, in the order in which it is made, as JSON takes it."""
        return [self.state, self.since, self.fired_at, self.over_since, self.is_told, self.shown]

    def _judge_firing(self, *, holds: bool | None, now: int, keep_firing_for: int) -> Literal["resolved"] | None:
        if holds is not False:
            self.over_since = None
            return None
        if self.over_since is None:
            self.over_since = now
        if now - self.over_since < keep_firing_for:
            return None
        self.state, self.over_since = "ok", None
        return "resolved"


@dataclass(slots=True, eq=False)
class Group(Generic[T]):
    """One combination of the values a rule groups by.

    Attributes:
        born: When it was first seen.
        data: What the rule's kind keeps about it.
        fed: When it was seen last.
        timer: When it is to be looked at again, if at all, and the place among those of the same time.
    """

    key: Key
    born: int
    data: T
    fed: int
    condition: Condition = field(default_factory=Condition)
    timer: tuple[int, int] | None = None


class Groups(Generic[T]):
    """A rule's groups by key, at most `limit`.

    When it is full, the group that was fed least recently makes room; one that is firing or pending stays, and
    if all are, the newcomer is turned away. What is lost like that is counted, unless it counted for nothing.

    Args:
        make: Makes the data of a new group.
        is_idle: Whether a group's data says nothing any more at a time.
        limit: How many groups there may be.

    Attributes:
        evicted: Groups that were dropped or turned away while they counted for something.
    """

    def __init__(self, make: Callable[[], T], is_idle: Callable[[T, int], bool], limit: int) -> None:
        self._make = make
        self._is_idle = is_idle
        self._limit = limit
        self._groups: OrderedDict[Key, Group[T]] = OrderedDict()
        self.evicted = 0

    def __iter__(self) -> Iterator[Group[T]]:
        return iter(self._groups.values())

    def __len__(self) -> int:
        return len(self._groups)

    def get(self, key: Key) -> Group[T] | None:
        """The group of a key, if it is there."""
        return self._groups.get(key)

    def feed(self, key: Key, now: int) -> Group[T] | None:
        """The group of a key, made when it is new; None when there is no room for it."""
        group = self._groups.get(key)
        if group is not None:
            self._groups.move_to_end(key)
            group.fed = max(group.fed, now)
            return group
        if len(self._groups) >= self._limit and not self._make_room(now):
            self.evicted += 1
            return None
        group = self._groups[key] = Group(key, now, self._make(), now)
        return group

    def remove(self, group: Group[T]) -> None:
        """Forget a group."""
        group.timer = None
        self._groups.pop(group.key, None)

    def forget_idle(self, now: int, idle_for: int) -> None:
        """Forget groups that were not fed for so long and say nothing any more."""
        idle = [
            group
            for group in self._groups.values()
            if now - group.fed >= idle_for and group.condition.state == "ok" and self._is_idle(group.data, now)
        ]
        for group in idle:
            self.remove(group)

    def save(self, save_data: Callable[[T], Any]) -> list[Any]:
        """Every group as JSON takes it, the one that was fed least recently first."""
        return [
            [list(group.key), group.born, group.fed, save_data(group.data), group.condition.save()]
            for group in self._groups.values()
        ]

    def restore(self, saved: list[Any], restore_data: Callable[[Any], T]) -> None:
        """Take up what `save` gave; whoever set timers sets them again.

        Raises:
            KeyError, TypeError, ValueError: it was not saved by groups like these.
        """
        for key, born, fed, data, condition in saved:
            group = Group(tuple(key), born, restore_data(data), fed, Condition(*condition))
            self._groups[group.key] = group

    def _make_room(self, now: int) -> bool:
        for group in self._groups.values():
            if group.condition.state == "ok":
                self.evicted += not self._is_idle(group.data, now)
                self.remove(group)
                return True
        return False
