"""What every kind of alert rule does at work: it keeps something by group, and measures it. Pure; times are ms.

A measurement knows four answers: the condition holds, it does not, there is too little to say (unknown), nothing
is heard at all (silent).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.groups import Group, Groups
    from dq_gate.alerts.evaluation.sums import SlidingSum
    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import AlertRule

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
        not_numbers: Values in them that were to be numbers and were none.
    """

    line: int = 2 * NEVER
    window: int = 2 * NEVER
    not_numbers: int = 0


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

    def save(self) -> Any:
        """Everything it keeps, its groups included, as JSON takes it."""
        ...

    def restore(self, saved: Any) -> None:
        """Take up what `save` gave, in a tracker that is new.

        Raises:
            KeyError, TypeError, ValueError: it was not saved by this kind of tracker.
        """
        ...


def is_empty(counted: SlidingSum, now: int) -> bool:
    """Whether a sum counts nothing any more."""
    counted.expire(now)
    return not counted.total
