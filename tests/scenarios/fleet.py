"""Gate processes and what they would log. Pure and seeded: the same seed gives the same bytes.

Every line is one of the event catalogue, as a gate writes it: windows every 10 s, each refused input on its own, one
in a hundred of the others, what the quarantine holds every minute. Times are seconds since the log begins.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate import events
from tests.scenarios.curves import Curve, constant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from random import Random

    from dq_gate.events import Event

START = datetime(2025, 3, 3, tzinfo=UTC)
"""When logs begin, a Monday, unless told otherwise."""

WINDOW_S = 10.0
MEASURED_EVERY = 6
"""Windows from one measurement of the store to the next."""

SAMPLE_RATE = 0.01
USUAL_RULES = {"query.text.length": 0.7, "query.text.encoding": 0.3}
"""Rules that fail, and how often of all failures."""

USUAL_RATE = constant(2.0)
USUAL_SHARE = constant(0.02)
AT_ONCE = constant(0.0)

Line = tuple[float, bytes]
"""When a line reaches the log, and the line."""


@dataclass(frozen=True, slots=True)
class GateProcess:
    """One process with a gate, from its start to its end.

    Attributes:
        source: The application.
        name: Its process id.
        rate: Inputs per second.
        share: Share of them that goes to the quarantine.
        rules: Which rules fail, at a time.
        starts: When it starts.
        ends: When it ends; None means not within the log.
        says_good_bye: Whether it says that it stopped.
        skew: How far its clock is ahead.
        delay: How much later a line reaches the log than it was written.
    """

    source: str
    name: str
    rate: Curve = USUAL_RATE
    share: Curve = USUAL_SHARE
    rules: Callable[[float], Mapping[str, float]] = lambda _: USUAL_RULES
    starts: float = 0.0
    ends: float | None = None
    says_good_bye: bool = True
    skew: float = 0.0
    delay: Curve = AT_ONCE


def log_of(fleet: Iterable[GateProcess], until: float, random: Random, start: datetime = START) -> list[Line]:
    """What all processes log until a time, in the order in which it reaches the log."""
    lines = [line for process in fleet for line in _Logging(process, random, start).lines(until)]
    return sorted((line for line in lines if line[0] <= until), key=itemgetter(0))


@dataclass(slots=True)
class _Counts:
    """What came of the inputs of one window."""

    clean: int
    refused: list[str]
    rules: Counter[str] = field(default_factory=Counter)


class _Logging:
    """One process at work."""

    def __init__(self, process: GateProcess, random: Random, start: datetime) -> None:
        self._process = process
        self._random = random
        self._start = start
        self._seq = 0
        self._refused = 0
        self._phase = random.uniform(0, WINDOW_S)

    def lines(self, until: float) -> Iterator[Line]:
        process = self._process
        end = until if process.ends is None else min(until, process.ends)
        opened = process.starts + self._phase
        yield self._line(opened, events.GateStarted(mode="enforce", store="redis"))
        yield self._line(opened, events.PackLoaded(rules=15))
        while (closes := opened + WINDOW_S) <= end:
            yield from self._window(opened, closes)
            opened = closes
        if process.ends is not None and process.ends <= until and process.says_good_bye:
            yield from self._window(opened, end)
            yield self._line(end, events.GateStopped(unwritten=0))

    def _window(self, opened: float, closes: float) -> Iterator[Line]:
        counts = self._judged(opened, closes - opened)
        for rule_id in counts.refused:
            yield self._line(self._random.uniform(opened, closes), self._quarantined(rule_id))
        for _ in range(_poisson(self._random, counts.clean * SAMPLE_RATE)):
            admitted = events.InputAdmitted(sample_rate=SAMPLE_RATE, warnings=(), latency_us=12.0)
            yield self._line(self._random.uniform(opened, closes), admitted)
        yield self._line(closes, self._closed(counts, opened, closes))
        if self._seq % MEASURED_EVERY == 0:
            yield self._line(closes, self._measured())
        self._seq += 1

    def _judged(self, opened: float, seconds: float) -> _Counts:
        process, random = self._process, self._random
        inputs = _poisson(random, process.rate(opened) * seconds)
        refused = _binomial(random, inputs, process.share(opened))
        weights = process.rules(opened)
        failed = random.choices(list(weights), list(weights.values()), k=refused)
        return _Counts(inputs - refused, failed, Counter(failed))

    def _closed(self, counts: _Counts, opened: float, closes: float) -> Event:
        outcomes = {"clean": counts.clean, "quarantined": len(counts.refused)}
        source, has_inputs = self._process.source, any(outcomes.values())
        return events.WindowClosed(
            seq=self._seq,
            part=1,
            parts=1,
            opened_at=self._rfc3339(opened),
            closed_at=self._rfc3339(closes),
            mode="enforce",
            inputs=tuple({"source": source, "outcome": what, "count": n} for what, n in outcomes.items() if n),
            rules=tuple(
                {"source": source, "rule_id": rule_id, "mode": "enforce", "count": count}
                for rule_id, count in sorted(counts.rules.items())
            ),
            latency_us=self._quantiles(8.0) if has_inputs else None,
            put_ms=self._quantiles(2.0) if counts.refused else None,
            dropped=0,
        )

    def _quarantined(self, rule_id: str) -> Event:
        self._refused += 1
        return events.InputQuarantined(
            entry_id=f"{self._process.name}-{self._refused}",
            stored="store",
            rules=(rule_id,),
            fields=("query",),
            group="0" * 16,
            fallback=True,
            latency_us=14.0,
            put_ms=2.0,
        )

    def _measured(self) -> Event:
        pending = 40 + self._random.randrange(20)
        return events.StoreMeasured(
            pending=pending, leased=2, released=0, dead=0, bytes=2_000 * pending, oldest_pending_s=5_000.0
        )

    def _quantiles(self, least: float) -> dict[str, float]:
        p50 = self._random.uniform(least, 2 * least)
        return {"p50": round(p50, 3), "p95": round(2 * p50, 3), "p99": round(3 * p50, 3)}

    def _line(self, at: float, event: Event) -> Line:
        process = self._process
        record: dict[str, Any] = {
            "timestamp": self._rfc3339(at),
            "level": event.level,
            "event": event.name,
            "namespace": "default",
            "source": process.source,
            "process": process.name,
            "plane": "request",
            "pack": "query",
            "pack_version": 1,
            "pack_digest": "0" * 16,
            **event.payload(),
        }
        return at + process.delay(at), orjson.dumps(record)

    def _rfc3339(self, at: float) -> str:
        """A time as the process's own clock has it."""
        moment = self._start + timedelta(seconds=at + self._process.skew)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _poisson(random: Random, mean: float) -> int:
    """A count of independent arrivals; beyond 30 of them the normal distribution is near enough."""
    if mean > 30:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    count, product, least = 0, random.random(), math.exp(-mean)
    while product > least:
        count, product = count + 1, product * random.random()
    return count


def _binomial(random: Random, trials: int, share: float) -> int:
    """How many of so many; beyond 100 of them the normal distribution is near enough."""
    if trials <= 100:
        return sum(random.random() < share for _ in range(trials))
    found = round(random.gauss(trials * share, math.sqrt(trials * share * (1 - share))))
    return min(trials, max(0, found))
