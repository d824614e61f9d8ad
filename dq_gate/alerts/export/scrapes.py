"""What Prometheus would scrape from gates that say certain events: the metrics catalogue, kept from a log. Pure.

Each scrape sees the events up to one step before it: the first of a gate sees that it has counted nothing yet, as the
endpoint offers every series it knows from the start.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from dq_gate.alerts.export.promql import number, quoted
from dq_gate.core.flow import Counted
from dq_gate.core.model import GateMode
from dq_gate.events import (
    PREFIX,
    DistributionDrifted,
    GateStopped,
    InputQuarantined,
    RuleCrashed,
    SchemaDrifted,
    StoreDegraded,
    StoreMeasured,
    StoreRestored,
    WindowClosed,
)
from dq_gate.signals import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dq_gate.signals.metrics import Metric

_GONE_AFTER_MS = 30_000
_SHARES = (("p50", 50), ("p95", 45), ("p99", 5))
"""How many of a hundred measurements a quantile stands for."""

Record = dict[str, Any]


@dataclass(slots=True)
class _Process:
    """The metrics of one process: what it counted, what it measured last, and when it is there to be scraped."""

    labels: dict[str, str]
    counters: dict[str, float] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    names: dict[tuple[str, ...], str] = field(default_factory=dict)
    born_at: int = 0
    gone_at: int | None = None

    def add(self, metric: Metric, amount: float, suffix: str = "", **labels: str) -> None:
        series = self._series(metric, suffix, labels)
        self.counters[series] = self.counters.get(series, 0) + amount

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        self.gauges[self._series(metric, "", labels)] = value

    def observe(self, metric: Metric, quantiles: dict[str, float] | None, seconds: float) -> None:
        """Count a hundred measurements that have these quantiles."""
        for name, times in _SHARES if quantiles else ():
            value = (quantiles or {}).get(name)
            if value is not None:
                for edge in (*metric.buckets, float("inf")):
                    within = value * seconds <= edge
                    self.add(metric, times * within, "_bucket", le="+Inf" if edge == float("inf") else repr(edge))

    def _series(self, metric: Metric, suffix: str, own: dict[str, str]) -> str:
        key = (metric.name, suffix, *own.values())
        if key not in self.names:
            self.names[key] = self._name(metric, suffix, own)
        return self.names[key]

    def _name(self, metric: Metric, suffix: str, own: dict[str, str]) -> str:
        values = {label: text for label, text in self.labels.items() if label in metric.labels} | own
        values["instance"] = self.labels["process"]
        return f"{metric.name}{suffix}{{{','.join(f'{label}={quoted(text)}' for label, text in values.items())}}}"


def scrape(events: Sequence[tuple[int, Record]], end: int, step: int, *, known: Iterable[str]) -> dict[str, str]:
    """Samples of every series, as promtool's tests write them.

    Args:
        events: Events and their times, in order; ms since the start.
        end: When the events seen last come; ms since the start.
        step: Time from one scrape to the next; ms.
        known: Events that are counted from zero, also when none of them comes.
    """
    processes = _processes(events, end, known)
    counters: dict[str, list[float | None]] = {}
    gauges: dict[str, list[float | None]] = {}
    waiting = list(reversed(events))
    for count in range(end // step + 2):
        seen = (count - 1) * step
        while waiting and waiting[-1][0] <= seen:
            at, record = waiting.pop()
            _take(processes[record["process"]], record, at + step)
        for process in processes.values():
            unborn = -(-process.born_at // step)
            is_there = count >= unborn and (process.gone_at is None or seen <= process.gone_at)
            _sample(counters, process.counters, [None] * min(unborn, count) + [0] * (count - unborn), is_there=is_there)
            _sample(gauges, process.gauges, [None] * count, is_there=is_there)
    return {series: _notation(samples) for series, samples in sorted((counters | gauges).items())}


def _processes(events: Sequence[tuple[int, Record]], end: int, known: Iterable[str]) -> dict[str, _Process]:
    """Every process of the log, scraped from its first event until it stopped, or wrote nothing for long."""
    processes: dict[str, _Process] = {}
    last: dict[str, int] = {}
    for at, record in events:
        name = record["process"]
        if name not in processes:
            labels = {label: str(record[label]) for label in ("process", "namespace", "source")}
            processes[name] = _Process(labels, born_at=at)
        last[name] = at
        if record["event"] == GateStopped.name:
            processes[name].gone_at = at
    names = {*known, *(record["event"] for _, record in events)}
    for name, process in processes.items():
        if process.gone_at is None and end - last[name] > _GONE_AFTER_MS:
            process.gone_at = last[name]
        for event in sorted(names):
            process.add(metrics.EVENTS, 0, event=event.removeprefix(PREFIX))
        process.set(metrics.STORE_DEGRADED, 0)
    return processes


def _take(process: _Process, record: Record, at: int) -> None:
    """Count an event; `at` is when it is scraped."""
    process.add(metrics.EVENTS, 1, source=record["source"], event=record["event"].removeprefix(PREFIX))
    match record["event"]:
        case WindowClosed.name:
            _take_window(process, record, at)
        case InputQuarantined.name:
            process.add(metrics.QUARANTINED, 1, source=record["source"], stored=record.get("stored", "store"))
        case RuleCrashed.name | SchemaDrifted.name | DistributionDrifted.name as name:
            about = {"rule_id": record.get("rule_id", ""), "mode": record.get("mode", "")}
            process.add(metrics.RULE_EVENTS, 1, event=name.removeprefix(PREFIX), source=record["source"], **about)
        case StoreDegraded.name | StoreRestored.name as name:
            process.set(metrics.STORE_DEGRADED, int(name == StoreDegraded.name))
        case StoreMeasured.name:
            for state in metrics.ENTRY_STATES:
                process.set(metrics.QUARANTINE_ENTRIES, record.get(state, 0), state=state)
            process.set(metrics.QUARANTINE_BYTES, record.get("bytes", 0))
            process.set(metrics.OLDEST_PENDING, record.get("oldest_pending_s", 0))


def _take_window(process: _Process, record: Record, at: int) -> None:
    for row in record["inputs"]:
        for outcome in get_args(Counted):
            counted = row["count"] if outcome == row["outcome"] else 0
            process.add(metrics.INPUTS, counted, source=row["source"], outcome=outcome)
    for row in record["rules"]:
        labels = {"source": row["source"], "rule_id": row["rule_id"], "mode": row["mode"]}
        process.add(metrics.RULE_FAILURES, row["count"], **labels)
    process.add(metrics.EVENTS_DROPPED, record.get("dropped", 0))
    process.add(metrics.ENTRIES_UNKEPT, record.get("unkept", 0))
    process.observe(metrics.JUDGEMENT, record.get("latency_us"), 1e-6)
    process.observe(metrics.PUT, record.get("put_ms"), 1e-3)
    process.set(metrics.SPOOL_ENTRIES, record.get("spooled", 0))
    process.set(metrics.WINDOW_CLOSED_AT, at / 1000)
    for mode in get_args(GateMode):
        process.set(metrics.MODE, int(mode == record["mode"]), mode=mode)


def _sample(
    samples: dict[str, list[float | None]], now: dict[str, float], before: list[float | None], *, is_there: bool
) -> None:
    """Add a scrape; `before` are the samples that a series has when it is new."""
    for series, value in now.items():
        row = samples.setdefault(series, before.copy())
        row.append(value if is_there else None)


def _notation(samples: Sequence[float | None]) -> str:
    """Samples in the notation of promtool: runs of equal steps as `first+stepxtimes`, gaps as `_xtimes`."""
    return " ".join(_runs(samples))


def _runs(samples: Sequence[float | None]) -> Iterator[str]:
    first = 0
    while first < len(samples):
        start, last = samples[first], first
        if start is None:
            last = next((at for at in range(first, len(samples)) if samples[at] is not None), len(samples)) - 1
            yield f"_x{last - first + 1}"
        elif (step := _step(samples, first)) is None:
            yield number(start)
        else:
            while _step(samples, last) == step:
                last += 1
            yield f"{number(start)}{'-' if step < 0 else '+'}{number(abs(step))}x{last - first}"
        first = last + 1


def _step(samples: Sequence[float | None], index: int) -> float | None:
    """By how much the next sample is more than this one."""
    value = samples[index]
    after = samples[index + 1] if index + 1 < len(samples) else None
    return after - value if value is not None and after is not None else None
