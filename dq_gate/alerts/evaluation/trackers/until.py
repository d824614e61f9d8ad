"""The event that puts an end to a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.fields import events_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_gate.alerts.evaluation.groups import Group, Groups, T
    from dq_gate.alerts.evaluation.windows import Record
    from dq_gate.alerts.rules import Clause


class Until:
    """The event that puts an end to a group.

    Args:
        clause: The event.
        group_by: What tells groups apart.
    """

    def __init__(self, clause: Clause, group_by: Sequence[str]) -> None:
        self._events = events_of(clause)
        self._matches = feeds.matcher(clause, heard=self._events)
        self._key = feeds.key_of(group_by)

    def ended(self, record: Record, groups: Groups[T]) -> Group[T] | None:
        """The group that a line ends, if it ends one."""
        if self._events and record["event"] not in self._events:
            return None
        return groups.get(self._key(record)) if self._matches(record) else None
