"""One gate's part of the metrics: what its windows, its emitter and its writer say, brought up to date every second."""

from __future__ import annotations

import errno
import math
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from dq_gate.core.flow import Counted
from dq_gate.core.model import GateMode
from dq_gate.events import (
    CATALOGUE,
    PREFIX,
    DistributionDrifted,
    InputQuarantined,
    MetricsFailed,
    MetricsServed,
    RuleCrashed,
    SchemaDrifted,
    StoreMeasured,
)
from dq_gate.signals import metrics, prometheus
from dq_gate.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dq_gate.events import Event
    from dq_gate.signals.families import Families
    from dq_gate.signals.windows import Tally

SERVE_AGAIN = 10.0
"""Seconds between attempts to serve an address that is in use: whoever has it may be gone by then."""
_STORED = ("store", "spool", "none", "unknown")
_DRIFTS = (SchemaDrifted, DistributionDrifted)


@dataclass(frozen=True, slots=True)
class Readings:
    """What a gate is like at the moment.

    Attributes:
        mode: Its mode.
        dropped: Events that could not be written, so far.
        unkept: Entries that neither store nor spool took, so far.
        spooled: Entries that wait in the spool.
        is_degraded: Whether the store did not answer when it was last asked.
    """

    mode: GateMode
    dropped: int
    unkept: int
    spooled: int
    is_degraded: bool


class Meter:
    """Keeps the metrics of one gate. It never raises: metrics that cannot be kept are told of once.

    Args:
        setting: Where they are read: `host:port`, `:port` or `registry`.
        namespace: The gate's namespace.
        source: The gate's source.
    """

    def __init__(self, setting: str, namespace: str, source: str) -> None:
        self._setting = setting
        self._namespace = namespace
        self._here = namespace, source
        self._lock = threading.RLock()
        self._events = Counter(dict.fromkeys(CATALOGUE, 0))
        self._of_rules: Counter[tuple[str, str, str]] = Counter()
        self._stored = Counter(dict.fromkeys(_STORED, 0))
        self._measured: StoreMeasured | None = None
        self._is_measured = False
        self._rules: list[tuple[str, str]] = []
        self._dropped = 0
        self._unkept = 0
        self._is_readable = False
        self._next_try = 0.0
        self._has_complained = False

    def note(self, event: Event) -> None:
        """Count an event. Called by any thread, for every event."""
        with self._lock:
            self._events[event.name] += 1
            if isinstance(event, InputQuarantined):
                self._stored[event.stored] += 1
            elif isinstance(event, _DRIFTS):
                self._of_rules[event.name, event.rule_id, event.mode] += 1
            elif isinstance(event, RuleCrashed):
                self._of_rules[event.name, event.rule_id, ""] += 1
            elif isinstance(event, StoreMeasured):
                self._measured = event

    def expect(self, rules: Iterable[tuple[str, str]]) -> None:
        """Have what is counted of these rules, given as id and mode, be there as 0 before the first of it."""
        for rule_id, mode in rules:
            self._rules.append((rule_id, mode))
            with self._lock:
                self._of_rules[RuleCrashed.name, rule_id, ""] += 0
                for drift in _DRIFTS:
                    self._of_rules[drift.name, rule_id, mode] += 0

    def publish(self, tally: Tally, now: Readings, tell: Callable[[Event], None]) -> None:
        """Bring the metrics up to date; called by one thread alone.

        Args:
            tally: What was counted since the last call.
            now: What the gate is like.
            tell: Takes the events `MetricsServed` and `MetricsFailed`.
        """
        try:
            self._write(now, tally)
            if not self._is_readable and time.monotonic() >= self._next_try:
                self._next_try = time.monotonic() + SERVE_AGAIN
                self._make_readable(tell)
        except Exception as error:  # noqa: BLE001 - a gate that metrics stop would be worse than one without
            if not self._has_complained:
                self._has_complained = True
                tell(MetricsFailed(self._setting, type(error).__name__, getattr(error, "strerror", None)))

    def close(self) -> None:
        """Take this gate's part out of what is as it is at the moment. What was counted stays."""
        with suppress(Exception):
            self._withdraw()

    def _make_readable(self, tell: Callable[[Event], None]) -> None:
        if self._setting == prometheus.REGISTRY:
            prometheus.register()
        else:
            try:
                is_new = prometheus.serve(self._setting)
            except OSError as error:
                if prometheus.is_fleet() and error.errno == errno.EADDRINUSE:
                    return  # another process answers for all; when it is gone, this one may
                raise
            if is_new:
                tell(MetricsServed(self._setting, "all" if prometheus.is_fleet() else "one"))
        self._is_readable, self._has_complained = True, False

    def _write(self, now: Readings, tally: Tally) -> None:
        with prometheus.lock:
            prometheus.require_room()
            families = prometheus.families()
            self._count(families, tally)
            self._count_events(families)
            self._count_losses(families, now)
            self._gauge(families, now)
            self._gauge_store(families, is_degraded=now.is_degraded)

    def _count(self, families: Families, tally: Tally) -> None:
        namespace, source = self._here
        for outcome in get_args(Counted):
            families.add(metrics.INPUTS, (namespace, source, outcome), 0)
        for (of, outcome), count in tally.inputs.items():
            families.add(metrics.INPUTS, (namespace, of, outcome), count)
        while self._rules:
            families.add(metrics.RULE_FAILURES, (namespace, source, *self._rules.pop()), 0)
        for (of, rule_id, mode), count in tally.rules.items():
            families.add(metrics.RULE_FAILURES, (namespace, of, rule_id, mode), count)
        families.observe(metrics.JUDGEMENT, self._here, tally.latencies_ns)
        families.observe(metrics.PUT, self._here, tally.puts_ns)
        if tally.closed_at is not None:
            families.set(metrics.WINDOW_CLOSED_AT, self._here, tally.closed_at)

    def _count_losses(self, families: Families, now: Readings) -> None:
        families.add(metrics.EVENTS_DROPPED, self._here, now.dropped - self._dropped)
        families.add(metrics.ENTRIES_UNKEPT, self._here, now.unkept - self._unkept)
        self._dropped, self._unkept = now.dropped, now.unkept

    def _gauge(self, families: Families, now: Readings) -> None:
        for mode in get_args(GateMode):
            families.share(metrics.MODE, (*self._here, mode), self, mode == now.mode)
        families.share(metrics.STORE_DEGRADED, self._here, self, now.is_degraded)
        families.share(metrics.SPOOL_ENTRIES, self._here, self, now.spooled)
        families.set(metrics.BUILD_INFO, (__version__,), 1)

    def _gauge_store(self, families: Families, *, is_degraded: bool) -> None:
        """Say what was measured since the last time; of a store that went away, that it is not known."""
        with self._lock:
            measured, self._measured = self._measured, None
        if measured is not None and not is_degraded:
            by_state = {state: getattr(measured, state) for state in metrics.ENTRY_STATES}
            self._set_store(families, by_state, measured.bytes, measured.oldest_pending_s)
            self._is_measured = True
        elif is_degraded and self._is_measured:
            self._set_store(families, dict.fromkeys(metrics.ENTRY_STATES, math.nan), math.nan, math.nan)
            self._is_measured = False

    def _set_store(self, families: Families, by_state: dict[str, float], size: float, oldest_s: float) -> None:
        for state, entries in by_state.items():
            families.set(metrics.QUARANTINE_ENTRIES, (self._namespace, state), entries)
        families.set(metrics.QUARANTINE_BYTES, (self._namespace,), size)
        families.set(metrics.OLDEST_PENDING, (self._namespace,), oldest_s)

    def _count_events(self, families: Families) -> None:
        with self._lock:
            events, self._events = self._events, Counter()
            of_rules, self._of_rules = self._of_rules, Counter()
            stored, self._stored = self._stored, Counter()
        for name, count in events.items():
            families.add(metrics.EVENTS, (*self._here, name.removeprefix(PREFIX)), count)
        for (name, rule_id, mode), count in of_rules.items():
            families.add(metrics.RULE_EVENTS, (*self._here, name.removeprefix(PREFIX), rule_id, mode), count)
        for where, count in stored.items():
            families.add(metrics.QUARANTINED, (*self._here, where), count)

    def _withdraw(self) -> None:
        with prometheus.lock:
            prometheus.require_room()
            families = prometheus.families()
            self._count_events(families)
            for mode in get_args(GateMode):
                families.withdraw(metrics.MODE, (*self._here, mode), self)
            for metric in (metrics.STORE_DEGRADED, metrics.SPOOL_ENTRIES):
                families.withdraw(metric, self._here, self)
