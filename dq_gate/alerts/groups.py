"""The states of a rule's groups, in bounded memory. Pure; times are milliseconds."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_GROUPS = 1_000

Key = tuple[str, ...]
"""Values of the fields that a rule groups by."""

T = TypeVar("T")


@dataclass(slots=True)
class Condition:
    """Whether an alert is on: it fires when its condition has held long enough, and once.

    Not knowing is neither: it ends a wait to fire, and it does not resolve what has fired.

    Attributes:
        state: ok, pending (holds, not long enough yet) or firing.
        since: When the condition began to hold.
    """

    state: Literal["ok", "pending", "firing"] = "ok"
    since: int = 0

    def judge(self, *, holds: bool | None, now: int, hold_for: int) -> Literal["fired", "resolved"] | None:
        """Take in a measurement.

        Args:
            holds: Whether the condition holds; None when it cannot be known.
            now: Event time.
            hold_for: How long it must hold before it fires.

        Returns:
            What changed, if anything.
        """
        if self.state == "firing":
            if holds is not False:
                return None
            self.state = "ok"
            return "resolved"
        if not holds:
            self.state = "ok"
            return None
        if self.state == "ok":
            self.state, self.since = "pending", now
        if now - self.since < hold_for:
            return None
        self.state = "firing"
        return "fired"


@dataclass(slots=True, eq=False)
class Group(Generic[T]):
    """One combination of the values a rule groups by.

    Attributes:
        born: When it was first seen.
        data: What the rule's kind keeps about it.
        timer: When it is to be looked at again, if at all.
    """

    key: Key
    born: int
    data: T
    condition: Condition = field(default_factory=Condition)
    timer: int | None = None


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

    def get(self, key: Key) -> Group[T] | None:
        """The group of a key, if it is there."""
        return self._groups.get(key)

    def feed(self, key: Key, now: int) -> Group[T] | None:
        """The group of a key, made when it is new; None when there is no room for it."""
        group = self._groups.get(key)
        if group is not None:
            self._groups.move_to_end(key)
            return group
        if len(self._groups) >= self._limit and not self._make_room(now):
            self.evicted += 1
            return None
        group = self._groups[key] = Group(key, now, self._make())
        return group

    def _make_room(self, now: int) -> bool:
        for group in self._groups.values():
            if group.condition.state == "ok":
                self.evicted += not self._is_idle(group.data, now)
                group.timer = None
                del self._groups[group.key]
                return True
        return False
