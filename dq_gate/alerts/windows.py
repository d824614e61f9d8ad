"""Closed windows as they come out of a log: put together from parts, counted once, gaps noticed. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

MAX_PROCESSES = 10_000
MAX_GAPS = 1_000
MAX_PARTS = 10_000
MAX_COUNT = 2**53

Record = dict[str, Any]


class MalformedWindowError(ValueError):
    """A line that calls itself a closed window and does not have its shape."""


@dataclass(slots=True)
class Window:
    """A closed window.

    Attributes:
        record: The line it came as (the first, when it came in parts).
        inputs: Counts by outcome, by source.
        rules: Failures by source, rule and mode.
    """

    record: Record
    inputs: dict[str, dict[str, int]] = field(default_factory=dict)
    rules: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def add_rows(self, record: Record, *, with_rules: bool) -> None:
        """Count a part's rows: those of inputs, and those of rules when asked for.

        Raises:
            MalformedWindowError: a row lacks a field or has one of a wrong type.
        """
        try:
            for row in record.get("inputs", ()):
                source, outcome, count = row["source"], row["outcome"], row["count"]
                counts = self.inputs.get(source)
                if counts is None:
                    counts = self.inputs[source] = {}
                counts[outcome] = counts.get(outcome, 0) + _count(count)
            for row in record.get("rules", ()) if with_rules else ():
                key = (row["source"], row["rule_id"], row["mode"])
                self.rules[key] = self.rules.get(key, 0) + _count(row["count"])
        except (KeyError, TypeError) as error:
            raise MalformedWindowError(str(error)) from None


@dataclass(slots=True)
class _Process:
    """What was seen of one process's numbering.

    Attributes:
        low: The first number seen, or a lower one that came later.
        high: The highest number seen.
        gaps: Numbers between them that have not come.
        lost: Numbers that have not come and are too many to remember one by one.
        partial: A window of which parts are missing.
        partial_seq: Its number.
        parts: Parts of it that came.
    """

    low: int
    high: int
    gaps: set[int] = field(default_factory=set)
    lost: int = 0
    partial: Window | None = None
    partial_seq: int = -1
    parts: set[int] = field(default_factory=set)

    def is_new(self, seq: int) -> bool:
        """Note a number; whether it comes for the first time."""
        if seq == self.high + 1:
            self.high = seq
            return True
        if seq in self.gaps:
            self.gaps.remove(seq)
            return True
        if self.low <= seq <= self.high:
            return False
        between = range(self.high + 1, seq) if seq > self.high else range(seq + 1, self.low)
        remembered = between[: max(0, MAX_GAPS - len(self.gaps))]
        self.gaps.update(remembered)
        self.lost += len(between) - len(remembered)
        self.low, self.high = min(self.low, seq), max(self.high, seq)
        return True

    def take_partial(self) -> Window | None:
        """Hand over the window of which parts are missing, if there is one."""
        window, self.partial = self.partial, None
        self.parts.clear()
        return window


class Windows:
    """Takes lines of closed windows and gives back windows: whole, and each once.

    Args:
        with_rules: Whether failures by rule are wanted.

    Attributes:
        duplicates: Lines that had been there before.
        incomplete: Windows counted without some of their parts.
        forgotten: Processes no longer followed, because there were too many.
    """

    def __init__(self, *, with_rules: bool) -> None:
        self._with_rules = with_rules
        self.duplicates = 0
        self.incomplete = 0
        self.forgotten = 0
        self._missing_of_forgotten = 0
        self._processes: OrderedDict[str, _Process] = OrderedDict()

    @property
    def missing(self) -> int:
        """Windows that a process numbered and that never came."""
        followed = (len(process.gaps) + process.lost for process in self._processes.values())
        return self._missing_of_forgotten + sum(followed)

    def take(self, record: Record) -> list[Window]:
        """The windows that a line completes: none for a repeated or partial one.

        Raises:
            MalformedWindowError: it does not have a window's shape.
        """
        try:
            seq, parts = _count(record["seq"]), _count(record.get("parts", 1))
            process = self._process(record["process"], seq)
            if parts == 1:
                return self._take_whole(process, record, seq)
            return self._take_part(process, record, seq, _count(record["part"]), parts)
        except (KeyError, TypeError) as error:
            raise MalformedWindowError(str(error)) from None

    def release(self) -> list[Window]:
        """What came of windows that still lack parts, at the end of the log."""
        return [window for process in self._processes.values() for window in self._release(process)]

    def _take_whole(self, process: _Process, record: Record, seq: int) -> list[Window]:
        if not process.is_new(seq):
            self.duplicates += 1
            return []
        window = Window(record)
        window.add_rows(record, with_rules=self._with_rules)
        return [*self._release(process), window] if process.partial is not None else [window]

    def _take_part(self, process: _Process, record: Record, seq: int, part: int, parts: int) -> list[Window]:
        if not 1 <= part <= parts <= MAX_PARTS:
            raise MalformedWindowError("part and parts")
        released: list[Window] = []
        if process.partial is None or process.partial_seq != seq:
            if not process.is_new(seq):
                self.duplicates += 1
                return []
            released = self._release(process)
            process.partial, process.partial_seq = Window(record), seq
        elif part in process.parts:
            self.duplicates += 1
            return []
        process.parts.add(part)
        process.partial.add_rows(record, with_rules=self._with_rules)
        whole = process.take_partial() if len(process.parts) == parts else None
        return [*released, whole] if whole is not None else released

    def _release(self, process: _Process) -> list[Window]:
        """Parts of one window are written together: when the next one comes, the missing ones will not."""
        window = process.take_partial()
        if window is None:
            return []
        self.incomplete += 1
        return [window]

    def _process(self, name: str, seq: int) -> _Process:
        process = self._processes.get(name)
        if process is not None:
            self._processes.move_to_end(name)
            return process
        if len(self._processes) >= MAX_PROCESSES:
            _, old = self._processes.popitem(last=False)
            self._missing_of_forgotten += len(old.gaps) + old.lost
            self.forgotten += 1
        process = self._processes[name] = _Process(low=seq, high=seq - 1)
        return process


def _count(value: Any) -> int:
    if value.__class__ is not int or not 0 <= value <= MAX_COUNT:
        raise TypeError("not a count")
    return value
