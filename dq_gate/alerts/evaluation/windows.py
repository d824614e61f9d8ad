"""Closed windows as they come out of a log: put together from parts, counted once, gaps noticed. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from dq_gate.alerts.evaluation.groups import label

MAX_PROCESSES = 10_000
MAX_GAPS = 100
MAX_PARTS = 10_000
MAX_COUNT = 2**53
MAX_SOURCES = 100
"""Sources that are remembered of one process."""

_MAX_NAMES = 10_000

Record = dict[str, Any]
Failure = tuple[str, str]
"""A source, and a rule that refused an input of it."""


class MalformedWindowError(ValueError):
    """A line that calls itself a closed window and does not have its shape."""


@dataclass(slots=True)
class Window:
    """A closed window.

    Attributes:
        record: The line it came as (the first, when it came in parts).
        sources: The sources that the process it came from has named so far, in order.
        inputs: Counts by outcome, by source.
        failures: How often rules in force failed, by source and rule.
    """

    record: Record
    sources: dict[str, None] = field(default_factory=dict)
    inputs: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: dict[Failure, int] = field(default_factory=dict)

    def save(self) -> list[Any]:
        """What it holds, as JSON takes it."""
        return [self.record, self.inputs, [[*key, count] for key, count in self.failures.items()]]

    @classmethod
    def restored(cls, saved: Any, sources: dict[str, None]) -> Window:
        """The window that `save` gave, of a process that has named some sources."""
        record, inputs, failures = saved
        return cls(record, sources, inputs, {(source, rule_id): count for source, rule_id, count in failures})


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
        sources: The sources it has named, as its own or in a row, in order.
    """

    low: int
    high: int
    gaps: set[int] = field(default_factory=set)
    lost: int = 0
    partial: Window | None = None
    partial_seq: int = -1
    parts: set[int] = field(default_factory=set)
    sources: dict[str, None] = field(default_factory=dict)

    def name(self, *sources: str) -> None:
        """Note sources that it names."""
        if len(self.sources) < MAX_SOURCES:
            self.sources.update(dict.fromkeys(sources))

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

    def save(self) -> list[Any]:
        """Everything about it, as JSON takes it."""
        partial = self.partial.save() if self.partial is not None else None
        parts, sources = sorted(self.parts), list(self.sources)
        return [self.low, self.high, sorted(self.gaps), self.lost, partial, self.partial_seq, parts, sources]

    @classmethod
    def restored(cls, saved: Any) -> _Process:
        """The process that `save` gave."""
        low, high, gaps, lost, partial, partial_seq, parts, sources = saved
        named = dict.fromkeys(sources)
        window = Window.restored(partial, named) if partial is not None else None
        return cls(low, high, set(gaps), lost, window, partial_seq, set(parts), named)

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
        self._names: dict[Failure, Failure] = {}

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
            seq, parts = record["seq"], record.get("parts", 1)
            process = self._process(record["process"], _count(seq))
            if parts.__class__ is int and parts == 1:
                return self._take_whole(process, record, seq)
            return self._take_part(process, record, seq, _count(record["part"]), _count(parts))
        except (KeyError, TypeError) as error:
            raise MalformedWindowError(str(error)) from None

    def release(self) -> list[Window]:
        """What came of windows that still lack parts, at the end of the log."""
        return [window for process in self._processes.values() for window in self._release(process)]

    def save(self) -> dict[str, Any]:
        """Everything about what came, as JSON takes it."""
        return {
            "counts": [self.duplicates, self.incomplete, self.forgotten, self._missing_of_forgotten],
            "processes": [[name, process.save()] for name, process in self._processes.items()],
        }

    def restore(self, saved: Any) -> None:
        """Take up what `save` gave, in a reader that is new.

        Raises:
            KeyError, TypeError, ValueError: it was not saved by one like this.
        """
        self.duplicates, self.incomplete, self.forgotten, self._missing_of_forgotten = saved["counts"]
        self._processes.update((name, _Process.restored(process)) for name, process in saved["processes"])

    def _take_whole(self, process: _Process, record: Record, seq: int) -> list[Window]:
        if not process.is_new(seq):
            self.duplicates += 1
            return []
        window = Window(record, process.sources)
        self._add_rows(window, record, process)
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
            process.partial, process.partial_seq = Window(record, process.sources), seq
        elif part in process.parts:
            self.duplicates += 1
            return []
        process.parts.add(part)
        self._add_rows(process.partial, record, process)
        whole = process.take_partial() if len(process.parts) == parts else None
        return [*released, whole] if whole is not None else released

    def _add_rows(self, window: Window, record: Record, process: _Process) -> None:
        """Count a part's rows: those of inputs, and those of rules when asked for.

        Raises:
            KeyError, TypeError: a row lacks a field or has one of a wrong type.
        """
        inputs = window.inputs
        for row in record.get("inputs", ()):
            source, count = row["source"], row["count"]
            if count.__class__ is not int or not 0 <= count <= MAX_COUNT:
                raise TypeError("not a count")
            by_outcome = inputs.get(source)
            if by_outcome is None:
                by_outcome = inputs.setdefault(label(source), {})
            outcome = row["outcome"]
            by_outcome[outcome] = by_outcome.get(outcome, 0) + count
        if self._with_rules and (rows := record.get("rules")):
            self._add_failures(window.failures, rows)
        own, sources = label(record.get("source")), window.sources
        if own not in sources or not inputs.keys() <= sources.keys():
            process.name(own, *inputs)

    def _add_failures(self, failures: dict[Failure, int], rows: list[dict[str, Any]]) -> None:
        names = self._names
        for row in rows:
            source, rule_id, mode, count = row["source"], row["rule_id"], row["mode"], row["count"]
            if count.__class__ is not int or not 0 <= count <= MAX_COUNT:
                raise TypeError("not a count")
            if mode != "enforce" or not count:
                continue
            key = names.get((source, rule_id)) or self._named(source, rule_id)
            failures[key] = failures.get(key, 0) + count

    def _named(self, source: Any, rule_id: Any) -> Failure:
        """What a row is counted by; remembered, as rows repeat."""
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        name = self._names[source, rule_id] = label(source), label(rule_id)
        return name

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
