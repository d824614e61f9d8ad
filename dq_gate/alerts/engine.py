"""The alert engine: event lines in, alerts out. Pure: event time is the only clock; times are milliseconds.

The clock is the highest time seen, or told by `advance`. What changes between two lines (a sum that runs out, a
hold that is reached, an event that does not come) is found by timers at the moment it changes, so the result does
not depend on how densely lines come.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from dq_gate.alerts.fields import WINDOW_CLOSED, counts_failures
from dq_gate.alerts.groups import MAX_GROUPS, Group
from dq_gate.alerts.sums import NEVER_DUE
from dq_gate.alerts.trackers import NEVER, Heard, Measurement, Tracker, track
from dq_gate.alerts.windows import MalformedWindowError, Record, Window, Windows
from dq_gate.events import CATALOGUE, AlertFired, AlertResolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dq_gate.alerts.rules import AlertRule

LATE_MS = 5 * 60_000
"""An event older than the clock by more than this is not counted: what it would change has been said."""

LEAP_MS = 60 * 60_000
"""An event ahead by more than this is held until the next one bears it out: one bad clock must not end it all."""

Alert = AlertFired | AlertResolved
_NOTHING: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """What a rule says about a group at the end.

    Attributes:
        state: ok, pending, firing, unknown (too little to say) or silent (nothing is heard).
        value: What was measured; None when it could not be.
        volume: The whole of a ratio.
    """

    alert: str
    group: dict[str, str]
    state: Literal["ok", "pending", "firing", "unknown", "silent"]
    value: float | None
    volume: float | None


@dataclass(frozen=True, slots=True)
class Losses:
    """What the engine left out, and why. All zero on a good day.

    Attributes:
        late: Events too far behind the clock.
        ahead: Events too far ahead of it.
        malformed: Windows without a window's shape.
        duplicates: Windows that came before.
        missing: Windows that a process numbered and that never came.
        incomplete: Windows counted without some of their parts.
        evicted: Groups dropped or turned away because a rule had too many.
        forgotten: Processes no longer followed because there were too many.
    """

    late: int
    ahead: int
    malformed: int
    duplicates: int
    missing: int
    incomplete: int
    evicted: int
    forgotten: int


class Engine:
    """Evaluates alert rules over events.

    Args:
        rules: The rules.
        max_groups: How many groups a rule may have.
    """

    def __init__(self, rules: Sequence[AlertRule], *, max_groups: int = MAX_GROUPS) -> None:
        self._heard = Heard()
        self._trackers = [track(rule, self._heard, max_groups) for rule in rules]
        self._any = [tracker for tracker in self._trackers if not tracker.events]
        self._routes = {
            name: [tracker for tracker in self._trackers if not tracker.events or name in tracker.events]
            for name in CATALOGUE
        }
        self._windows = Windows(with_rules=any(counts_failures(rule) for rule in rules))
        self._clock = NEVER
        self._held: tuple[Record, int] | None = None
        self._timers: list[tuple[int, int, Tracker, Group[Any]]] = []
        self._order = count()
        self._asleep: dict[Group[Any], Tracker] = {}
        self._alerts: list[Alert] = []
        self._late = self._ahead = self._malformed = 0

    def feed(self, record: Record, at: int, limit: int | None = None) -> Sequence[Alert]:
        """Take in one event.

        Args:
            record: The line's fields; `event` is text.
            at: Its time.
            limit: The time it is, when lines are followed as they are written: a line slightly ahead of it
                counts as of now, one far ahead is left out.

        Returns:
            Alerts that fired or resolved.
        """
        if limit is not None and at > limit:
            if at > limit + LEAP_MS:
                self._ahead += 1
                return _NOTHING
            at = limit
        if self._held is not None:
            self._decide_held(at)
        if at - self._clock > LEAP_MS:
            self._held = (record, at)
        else:
            self._take(record, at)
        return self._drain() if self._alerts else _NOTHING

    def advance(self, now: int) -> Sequence[Alert]:
        """Let time pass without an event."""
        if self._held is not None:
            self._decide_held(now)
        self._start(now)
        self._run_timers(now + 1)
        self._clock = max(self._clock, now)
        return self._drain()

    def finish(self, limit: int | None = None) -> Sequence[Alert]:
        """Take in what was held back, at the end of the lines.

        Args:
            limit: The time it is; a last line far ahead of it is left out.
        """
        if self._held is not None:
            at = self._held[1]
            self._decide_held(at if limit is None or at <= limit + LEAP_MS else NEVER)
        for window in self._windows.release():
            self._count(window.record, self._clock, window)
        self._run_timers(self._clock + 1)
        return self._drain()

    def report(self) -> list[Status]:
        """What every rule says about every group now."""
        return [status for tracker in self._trackers for status in self._statuses(tracker)]

    @property
    def losses(self) -> Losses:
        """What was left out so far."""
        windows = self._windows
        return Losses(
            late=self._late,
            ahead=self._ahead,
            malformed=self._malformed,
            duplicates=windows.duplicates,
            missing=windows.missing,
            incomplete=windows.incomplete,
            evicted=sum(tracker.evicted for tracker in self._trackers),
            forgotten=windows.forgotten,
        )

    def _decide_held(self, next_at: int) -> None:
        """Believe a leap unless what comes next falls back far behind it."""
        assert self._held is not None
        (record, at), self._held = self._held, None
        if next_at < at - LEAP_MS:
            self._ahead += 1
            return
        self._start(at)
        self._take(record, at)

    def _start(self, now: int) -> None:
        if self._clock != NEVER:
            return
        self._clock = now
        for tracker in self._trackers:
            for group in tracker.start(now):
                self._settle(tracker, group)

    def _take(self, record: Record, at: int) -> None:
        if record["event"] != WINDOW_CLOSED:
            self._count(record, at, None)
            return
        try:
            windows = self._windows.take(record)
        except MalformedWindowError:
            self._malformed += 1
            return
        for window in windows:
            self._count(window.record, at, window)

    def _count(self, record: Record, at: int, window: Window | None) -> None:
        heard = self._heard
        if at > self._clock:
            if self._timers and self._timers[0][0] < at:
                self._run_timers(at)
            self._clock = heard.line = at
        elif at < self._clock - LATE_MS:
            self._late += 1
            return
        else:
            heard.line = max(heard.line, at)
        if window is not None:
            heard.window = max(heard.window, at)
        if self._asleep:
            self._wake()
        for tracker in self._routes.get(record["event"], self._any):
            for group in tracker.take(record, at, window):
                self._settle(tracker, group)

    def _wake(self) -> None:
        """Look again at groups about which nothing was known because nothing came."""
        asleep, self._asleep = self._asleep, {}
        for group, tracker in asleep.items():
            self._settle(tracker, group)

    def _run_timers(self, before: int) -> None:
        """Look at groups whose time has come, each at its own time."""
        while self._timers and self._timers[0][0] < before:
            due, _, tracker, group = heapq.heappop(self._timers)
            if group.timer == due:
                group.timer = None
                self._clock = max(self._clock, due)
                self._settle(tracker, group)

    def _settle(self, tracker: Tracker, group: Group[Any]) -> None:
        """Measure a group, say what changed, and set its next timer."""
        now, condition = self._clock, group.condition
        measured = tracker.measure(group, now)
        if measured.holds or condition.state != "ok":
            changed = condition.judge(holds=measured.holds, now=now, hold_for=tracker.rule.hold_for)
            if changed is not None:
                self._alerts.append(_alert(changed, tracker.rule, group, measured, now))
        if measured.missing == "silent" and tracker.wakes_on_any_line:
            self._asleep[group] = tracker
        due = tracker.next_change(group, now)
        if condition.state == "pending":
            due = min(due, condition.since + tracker.rule.hold_for)
        if due != NEVER_DUE and (group.timer is None or due < group.timer):
            group.timer = due
            heapq.heappush(self._timers, (due, next(self._order), tracker, group))

    def _drain(self) -> Sequence[Alert]:
        alerts, self._alerts = self._alerts, []
        return alerts

    def _statuses(self, tracker: Tracker) -> Iterable[Status]:
        rule, shown = tracker.rule, False
        for group in tracker.groups:
            what = tracker.measure(group, self._clock)
            if what.value is None and what.missing is None:
                continue
            shown = True
            state = group.condition.state if group.condition.state != "ok" else what.missing or "ok"
            yield Status(rule.name, _labels(rule, group), state, what.value, what.volume)
        if not shown:
            what = tracker.measure_nothing(self._clock)
            yield Status(rule.name, {}, what.missing or "ok", what.value, what.volume)


def _labels(rule: AlertRule, group: Group[Any]) -> dict[str, str]:
    return dict(zip(rule.group_by, group.key, strict=False))


def _alert(
    changed: Literal["fired", "resolved"], rule: AlertRule, group: Group[Any], measured: Measurement, now: int
) -> Alert:
    labels, value, at = _labels(rule, group), round(measured.value or 0.0, 4), rfc3339(now)
    if changed == "resolved":
        return AlertResolved(rule.name, rule.severity, labels, value, rule.threshold, at)
    summary = rule.summary or f"{rule.kind} {value:g}, bound {rule.threshold:g}"
    return AlertFired(rule.name, rule.severity, labels, value, rule.threshold, at, summary, rule.runbook)


def rfc3339(milliseconds: int) -> str:
    """Milliseconds since the epoch as text, UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
