"""When groups are to be looked at again. Pure; times are milliseconds."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation.sums import NEVER_DUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.evaluation.groups import Group
    from dq_gate.alerts.evaluation.trackers.base import Tracker


class Timers:
    """At most one timer for each group: the earliest that was asked for.

    Attributes:
        due: When the next one ends; `NEVER_DUE` without one.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Tracker, Group[Any]]] = []
        self._order = count()
        self.due = NEVER_DUE

    def __iter__(self) -> Iterator[tuple[int, Tracker, Group[Any]]]:
        """All of them, the next one first."""
        return (
            (due, tracker, group) for due, order, tracker, group in sorted(self._heap) if group.timer == (due, order)
        )

    def set(self, due: int, tracker: Tracker, group: Group[Any]) -> None:
        """Look at a group at a time, unless it is looked at earlier."""
        if due == NEVER_DUE or (group.timer is not None and group.timer[0] <= due):
            return
        order = next(self._order)
        group.timer = due, order
        heapq.heappush(self._heap, (due, order, tracker, group))
        self.due = min(due, self.due)

    def pop(self) -> tuple[Tracker, Group[Any]] | None:
        """Take the timer that is due next; None when it has been replaced by an earlier one."""
        due, order, tracker, group = heapq.heappop(self._heap)
        self.due = self._heap[0][0] if self._heap else NEVER_DUE
        if group.timer != (due, order):
            return None
        group.timer = None
        return tracker, group
