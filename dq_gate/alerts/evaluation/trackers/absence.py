"""Waits for an event."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.groups import CALM, Group, Groups, label
from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.evaluation.trackers.base import NEVER, Heard, Measurement
from dq_gate.alerts.evaluation.trackers.until import Until
from dq_gate.alerts.fields import events_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from dq_gate.alerts.evaluation.windows import Record, Window
    from dq_gate.alerts.rules import AbsenceRule

MAX_PROCESSES = 1_000
"""Processes of one group that are told apart; beyond that the one that was heard of least recently is forgotten."""


@dataclass(slots=True)
class _Sighting:
    """When the expected event came.

    Attributes:
        last: The last time; None when it is not expected.
        processes: The last time of each process, when processes say good-bye.
        ended: When each process said good-bye.
    """

    last: int | None = None
    processes: OrderedDict[str, int] = field(default_factory=OrderedDict)
    ended: OrderedDict[str, int] = field(default_factory=OrderedDict)


class AbsenceTracker:
    """Waits for the next matching event."""

    wakes_on_any_line = False

    def __init__(self, rule: AbsenceRule, heard: Heard, max_groups: int) -> None:  # noqa: ARG002 - as for every kind
        self.rule: AbsenceRule = rule
        clauses = [rule.where] if rule.until is None else [rule.where, rule.until]
        events = [events_of(clause) for clause in clauses]
        self.events = frozenset[str]().union(*events) if all(events) else frozenset[str]()
        self._matches = feeds.matcher(rule.where, heard=self.events)
        self._key = feeds.key_of(rule.group_by)
        self._until = Until(rule.until, rule.group_by) if rule.until is not None else None
        self._unseen: Group[_Sighting] | None = None
        self.groups: Groups[_Sighting] = Groups(_Sighting, lambda sighting, _: sighting.last is None, max_groups)

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
        if self._until is not None and (group := self._until.ended(record, self.groups)):
            self._end(group.data, label(record.get("process")), at)
            touched.append(group)
        if self._matches(record):
            if self._unseen is not None:
                self._unseen.data.last = None
                touched.append(self._unseen)
                self._unseen = None
            if group := self.groups.feed(self._key(record), at):
                was_expected = group.data.last is not None
                self._see(group.data, record, at)
                if not was_expected or group.condition.shown not in CALM:
                    touched.append(group)
        return touched

    def _see(self, sighting: _Sighting, record: Record, at: int) -> None:
        if self._until is not None:
            process, processes = label(record.get("process")), sighting.processes
            if sighting.ended and at <= sighting.ended.get(process, NEVER):
                return
            if at > processes.get(process, NEVER):
                _note(processes, process, at)
            else:
                processes.move_to_end(process)
        sighting.last = max(at, sighting.last) if sighting.last is not None else at

    def _end(self, sighting: _Sighting, process: str, at: int) -> None:
        """A process says good-bye; those that were seen lately remain, and with them the group is expected."""
        _note(sighting.ended, process, at)
        if sighting.processes.get(process, NEVER) <= at:
            sighting.processes.pop(process, None)
        last = max(sighting.processes.values(), default=NEVER)
        sighting.last = last if at - last < self.rule.within else None

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

    def save(self) -> Any:
        """See `Tracker`."""
        return {"groups": self.groups.save(_saved), "unseen": self._unseen is not None}

    def restore(self, saved: Any) -> None:
        """See `Tracker`."""
        self.groups.restore(saved["groups"], _restored)
        self._unseen = self.groups.get(()) if saved["unseen"] else None


def _note(times: OrderedDict[str, int], process: str, at: int) -> None:
    times[process] = at
    times.move_to_end(process)
    if len(times) > MAX_PROCESSES:
        times.popitem(last=False)


def _saved(sighting: _Sighting) -> Any:
    return [sighting.last, list(sighting.processes.items()), list(sighting.ended.items())]


def _restored(saved: Any) -> _Sighting:
    last, processes, ended = saved
    return _Sighting(last, OrderedDict(processes), OrderedDict(ended))
