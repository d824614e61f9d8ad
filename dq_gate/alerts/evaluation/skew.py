"""One clock for lines of many processes, whose own clocks differ. Pure; times are milliseconds.

The clock is the highest time read. A process that is always behind it has a slow clock (or a slow way to the log):
its times are moved up. A process that is ahead of it has a fast clock, or time has passed without lines: its lines
are held until what comes next tells which. All is decided by the order of the lines, so that a replay decides alike;
where lines are read as they are written, time that passes on the reader's clock counts as well.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation.trackers.base import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq_gate.alerts.evaluation.windows import Record

LATE_MS = 5 * 60_000
"""An event further behind the clock than this is not counted: what it would change has been said."""

LEAP_MS = 2 * 60_000
"""How far ahead of the clock a known process may be: every log has pauses."""

STEP_MS = 10_000
"""How far ahead of the clock a process may be that is new: a window."""

TOLERANCE_MS = 2_000
"""Clocks that differ by less are right, and lines that come later by less are on time."""

EVIDENCE_MS = 30_000
"""How long one of two clocks must go on without the other until it is believed: three windows."""

SPAN_MS = LATE_MS
"""How long a process's smallest lag is remembered, and once more as long: longer than a delayed batch of lines."""

MAX_PROCESSES = 10_000
MAX_HELD = 1_000

_UNSEEN = 10**15

Line = tuple["Record", int]
_Line = tuple["Record", str, int]


@dataclass(slots=True)
class _Pace:
    """How far one clock is behind that of the lines.

    Attributes:
        rolls_at: When the present stretch of time is over.
        low: The smallest lag in this stretch; negative when the clock is ahead.
        before: The smallest lag in the stretch before.
        offset: What its times are moved by.
        good_until: Until when there is nothing to work out: its clock is right, and it has been on time.
    """

    rolls_at: int
    low: int = _UNSEEN
    before: int = _UNSEEN
    offset: int = 0
    good_until: int = NEVER

    def align(self, at: int, clock: int) -> int:
        """Where a time lies on the clock of the lines."""
        if clock >= self.rolls_at:
            self.rolls_at, self.before, self.low = clock + SPAN_MS, self.low, _UNSEEN
        lag = clock - at
        if self.offset < -LEAP_MS and lag >= -STEP_MS:
            self.offset, self.before, self.low = 0, _UNSEEN, _UNSEEN
        if self.offset < 0:
            aligned = at + self.offset
            self.low = min(self.low, max(clock, aligned) - at)
            self.offset = _offset(min(self.low, self.before))
        else:
            self.low = min(self.low, max(lag, 0))
            self.offset = _offset(min(self.low, self.before))
            aligned = at + self.offset
        self.good_until = self.rolls_at if not self.offset and self.low <= TOLERANCE_MS else NEVER
        return aligned

    def run_ahead(self, by: int) -> None:
        """Take note that it is ahead."""
        self.low = self.offset = -by
        self.good_until = NEVER

    def save(self) -> list[int]:
        """All of it, in the order in which it is made."""
        return [self.rolls_at, self.low, self.before, self.offset, self.good_until]

    def is_forgotten(self, clock: int) -> bool:
        """Whether what was seen of it is too old to go by."""
        return clock >= self.rolls_at + SPAN_MS


def _offset(lag: int) -> int:
    """What to move times by that lag so much."""
    return lag if lag < -STEP_MS or TOLERANCE_MS < lag <= LATE_MS else 0


@dataclass(slots=True)
class _Lead:
    """A process whose lines are held.

    Attributes:
        first: The lowest time in them, as far as the process's clock is known.
        last: The highest.
        went_on: How far the clock went since the first was held, no pause counted for more than `STEP_MS`.
    """

    first: int
    last: int
    went_on: int = 0


class Aligner:
    """Moves the times of lines onto one clock.

    Attributes:
        clock: The highest aligned time so far; `NEVER` before the first.
        skewed: Lines that count at another time than they say, as they are ahead.
    """

    def __init__(self) -> None:
        self.clock = NEVER
        self.skewed = 0
        self._paces: OrderedDict[str, _Pace] = OrderedDict()
        self._held: list[_Line] = []
        self._leads: dict[str, _Lead] = {}
        self._ready: list[Line] = []
        self._limit: int | None = None
        self._read_at: int | None = None
        self._log = _Pace(NEVER)
        self._sampled = NEVER
        self._followed = NEVER

    def align(self, record: Record, at: int, limit: int | None = None) -> int | None:
        """Where a line lies on the clock; None when it was held, or comes with others from `take_ready`.

        Args:
            record: The line.
            at: Its time.
            limit: The time it is, when lines are read as they are written.
        """
        process = record.get("process")
        if process.__class__ is not str:
            process = ""
        pace, clock = self._paces.get(process), self.clock
        if pace is not None and clock < pace.good_until and at - clock <= LEAP_MS and not self._leads:
            if at > clock:
                self.clock, self._read_at = at, limit
            return at
        self._limit = limit
        line = (record, process, at)
        self._place_all([line] if clock != NEVER else self._start(line))
        return None

    def take_ready(self) -> list[Line]:
        """Lines that are held no longer, with their aligned times."""
        ready, self._ready = self._ready, []
        return ready

    def follow(self, now: int) -> int:
        """Let time pass on the reader's clock, and let go of held lines whose time has come.

        Args:
            now: The time it is, less what lines may be delayed.

        Returns:
            The time on the clock of the lines: all of them may be behind the reader's, at most by `LATE_MS`.
        """
        if self._read_at is not None and self.clock > self._sampled:
            self._log.align(self.clock, self._read_at)
            self._sampled = self.clock
        now -= max(self._log.offset, 0)
        self._limit = None
        while self._leads and self._is_reached(min(self._leads.values(), key=_first), now):
            self._place_all(self._pass_time())
        self._followed = max(self._followed, now)
        return now

    def finish(self, limit: int | None = None) -> None:
        """Let go of all that is held, at the end of the lines.

        Args:
            limit: The time it is; what is far ahead of it does not move the clock.
        """
        self._limit = None
        while self._leads:
            process, lead = min(self._leads.items(), key=lambda item: item[1].first)
            is_beyond = limit is not None and lead.first > limit + LEAP_MS
            if self.clock == NEVER and is_beyond:
                self.clock = limit or 0
            if lead.went_on or is_beyond:
                self._place_all(self._move_back(process, lead))
            else:
                self._place_all(self._pass_time())

    def _start(self, line: _Line) -> list[_Line]:
        """Start the clock with the first line, unless the second falls back behind it: one bad clock must not."""
        at = line[2]
        if not self._held:
            if self._limit is not None and at <= self._limit + LEAP_MS:
                self._move_clock(at)
                return [line]
            self._hold(line, at)
            return []
        first = self._pop_all()[0]
        self._move_clock(at if at < first[2] - LEAP_MS else first[2])
        return [first, line]

    def _place_all(self, lines: Iterable[_Line]) -> None:
        todo = deque((line, NEVER) for line in lines)
        while todo:
            todo.extendleft(reversed(self._place(*todo.popleft())))

    def _place(self, line: _Line, borne_out: int) -> list[tuple[_Line, int]]:
        """Find out where a line lies.

        Args:
            line: The line.
            borne_out: A time that another line has borne out, which is to be placed after this one.

        Returns:
            What is to be placed because of it, in order.
        """
        record, process, at = line
        pace, reach = self._known(process), max(self.clock, self._followed)
        expected = at + min(pace.offset, 0) if pace is not None else at
        if expected - max(reach, borne_out) > (LEAP_MS if pace is not None else STEP_MS):
            self._hold(line, expected)
            return [(one, NEVER) for one in self._decide()]
        if self._leads and (released := self._release(process, expected)):
            return [*((one, expected) for one in released), (line, borne_out)]
        aligned = self._meet(process).align(at, reach)
        if aligned > self.clock:
            self._move_clock(aligned)
        self.skewed += self._paces[process].offset < 0
        self._ready.append((record, aligned))
        return [(one, NEVER) for one in self._decide()] if self._leads else []

    def _hold(self, line: _Line, expected: int) -> None:
        process = line[1]
        lead = self._leads.get(process)
        if lead is None:
            self._leads[process] = _Lead(expected, expected)
        else:
            lead.first, lead.last = min(lead.first, expected), max(lead.last, expected)
        self._held.append(line)

    def _release(self, process: str, expected: int) -> list[_Line]:
        """What is held no longer as a line comes that has caught up with it. It was read before that line."""
        lead = self._leads.get(process)
        if lead is not None and expected < lead.first - STEP_MS:
            self._disbelieve(process)
        reach = max(self.clock, self._followed, expected)
        caught_up = [
            other
            for other, lead in self._leads.items()
            if lead.last - reach <= (LEAP_MS if self._known(other) is not None else STEP_MS)
        ]
        for other in caught_up:
            self._meet(other)
        return self._pop(*caught_up)

    def _decide(self) -> list[_Line]:
        """What is held no longer, as one of two clocks went on long enough without the other."""
        for process, lead in self._leads.items():
            if lead.went_on >= EVIDENCE_MS:
                return self._move_back(process, lead)
            if lead.last - lead.first - lead.went_on >= EVIDENCE_MS:
                return self._pass_time()
        if len(self._held) < MAX_HELD:
            return []
        process = self._held[-1][1]
        lead = self._leads[process]
        return self._move_back(process, lead) if lead.went_on else self._pass_time()

    def _is_reached(self, lead: _Lead, now: int) -> bool:
        """Whether the reader's clock bears out that time has passed, and no line says otherwise."""
        if self.clock == NEVER:
            return lead.first <= now + LEAP_MS
        return (lead.first <= now and not lead.went_on) or lead.last + EVIDENCE_MS <= now

    def _pass_time(self) -> list[_Line]:
        """Move the clock to where all that is held agrees that it is."""
        first = min(lead.first for lead in self._leads.values())
        lines = self._pop_all()
        self._move_clock(max(self.clock, first))
        return lines

    def _move_back(self, process: str, lead: _Lead) -> list[_Line]:
        """Others went on without this process: its clock is ahead, and its lines come with theirs."""
        pace = self._meet(process)
        by = lead.last - self.clock - min(pace.offset, 0)
        pace.run_ahead(by)
        lines = self._pop(process)
        self.skewed += len(lines)
        self._ready += [(record, at - by) for record, _, at in lines]
        return []

    def _disbelieve(self, process: str) -> None:
        """The process itself fell back: the times of what is held of it were wrong."""
        lines = self._pop(process)
        self.skewed += len(lines)
        self._ready += [(record, self.clock) for record, _, _ in lines]

    def _pop(self, *processes: str) -> list[_Line]:
        """Let go of what is held of some processes; returns it in the order in which it was read."""
        for process in processes:
            del self._leads[process]
        lines = [line for line in self._held if line[1] in processes]
        self._held = [line for line in self._held if line[1] not in processes]
        return lines

    def _pop_all(self) -> list[_Line]:
        lines, self._held = self._held, []
        self._leads.clear()
        return lines

    def _known(self, process: str) -> _Pace | None:
        pace = self._paces.get(process)
        return None if pace is None or pace.is_forgotten(self.clock) else pace

    def _meet(self, process: str) -> _Pace:
        """A process as it is known, or as a new one; the one met longest ago makes room."""
        pace = self._known(process)
        if pace is None:
            pace = self._paces[process] = _Pace(self.clock + SPAN_MS)
            if len(self._paces) > MAX_PROCESSES:
                self._paces.popitem(last=False)
        self._paces.move_to_end(process)
        return pace

    def _move_clock(self, at: int) -> None:
        for lead in self._leads.values():
            lead.went_on += min(at - self.clock, STEP_MS)
        self.clock, self._read_at = at, self._limit

    def save(self) -> dict[str, Any]:
        """Everything it knows, as JSON takes it."""
        return {
            "clock": self.clock,
            "skewed": self.skewed,
            "paces": [[process, *pace.save()] for process, pace in self._paces.items()],
            "held": [list(line) for line in self._held],
            "leads": [[process, lead.first, lead.last, lead.went_on] for process, lead in self._leads.items()],
            "log": self._log.save(),
            "followed": [self._read_at, self._sampled, self._followed],
        }

    def restore(self, saved: Any) -> None:
        """Take up what `save` gave, in an aligner that is new.

        Raises:
            KeyError, TypeError, ValueError: it was not saved by one like this.
        """
        self.clock, self.skewed = int(saved["clock"]), int(saved["skewed"])
        self._paces.update((process, _Pace(*pace)) for process, *pace in saved["paces"])
        self._held = [(record, process, at) for record, process, at in saved["held"]]
        self._leads = {process: _Lead(*lead) for process, *lead in saved["leads"]}
        self._log = _Pace(*saved["log"])
        self._read_at, self._sampled, self._followed = saved["followed"]


def _first(lead: _Lead) -> int:
    return lead.first
