"""The alert engine: event lines in, alerts out. Pure: event time is the only clock; times are milliseconds.

The clock is the highest aligned time seen (`skew`), or told by `advance`. What changes between two lines (a sum that
runs out, a hold that is reached, an event that does not come) is found by timers at the moment it changes, so the
result does not depend on how densely lines come.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import notices, saving
from dq_gate.alerts.evaluation.groups import MAX_GROUPS, Condition, Group, Shown
from dq_gate.alerts.evaluation.notices import Alert
from dq_gate.alerts.evaluation.skew import LATE_MS, Aligner
from dq_gate.alerts.evaluation.skipping import Needles, uncounted
from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.evaluation.telling import Teller
from dq_gate.alerts.evaluation.timers import Timers
from dq_gate.alerts.evaluation.trackers import track
from dq_gate.alerts.evaluation.trackers.base import NEVER, Heard, Measurement, Tracker
from dq_gate.alerts.evaluation.windows import MalformedWindowError, Record, Window, Windows
from dq_gate.alerts.fields import WINDOW_CLOSED, counts_failures
from dq_gate.errors import AlertStateError
from dq_gate.events import CATALOGUE, AlertResolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dq_gate.alerts.rules import AlertRule
    from dq_gate.alerts.state.contract import Transition

__all__ = ["Alert", "Engine", "Losses", "Status"]

REVIEW_MS = 60_000
"""How often all groups are looked at, for what is said of those that no line and no timer touches."""

IDLE_MS = 24 * 3_600_000
"""Groups that say nothing any more are forgotten after this long."""

FORGET_MS = 7 * 24 * 3_600_000
"""What fires for a group of which nothing was heard for so long, and `within`, resolves: it does not come back."""

_NOTHING: tuple[Alert, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """What a rule says about a group at the end.

    Attributes:
        state: ok, pending, firing, resolved (it fired, and is over), unknown (too little to say) or silent (nothing
            is heard).
        value: What was measured; None when it could not be.
        volume: The whole of a ratio.
    """

    alert: str
    group: dict[str, str]
    state: Shown
    value: float | None
    volume: float | None


@dataclass(frozen=True, slots=True)
class Losses:
    """What the engine left out or moved, and why. All zero on a good day.

    Attributes:
        late: Events too far behind the clock; left out.
        skewed: Events counted at another time than they say, as their process's clock is ahead.
        malformed: Windows without a window's shape.
        duplicates: Windows that came before.
        missing: Windows that a process numbered and that never came.
        incomplete: Windows counted without some of their parts.
        evicted: Groups dropped or turned away because a rule had too many.
        forgotten: Processes no longer followed because there were too many.
        not_numbers: Values that a rule wanted as numbers and that were none.
    """

    late: int
    skewed: int
    malformed: int
    duplicates: int
    missing: int
    incomplete: int
    evicted: int
    forgotten: int
    not_numbers: int


class Engine:
    """Evaluates alert rules over events.

    Args:
        rules: The rules.
        max_groups: How many groups a rule may have.
    """

    def __init__(self, rules: Sequence[AlertRule], *, max_groups: int = MAX_GROUPS) -> None:
        self._heard = Heard()
        self._trackers = [track(rule, self._heard, max_groups) for rule in rules]
        self._any = [(tracker.take, tracker) for tracker in self._trackers if not tracker.events]
        self._routes = {
            name: [(one.take, one) for one in self._trackers if not one.events or name in one.events]
            for name in CATALOGUE
        }
        self._windows = Windows(with_rules=any(counts_failures(rule) for rule in rules))
        self._aligner = Aligner()
        self._teller = Teller(rules)
        self._timers = Timers()
        self._clock = NEVER
        self._review_at, self._pause = NEVER_DUE, REVIEW_MS
        self._asleep: dict[Group[Any], Tracker] = {}
        self._late = self._malformed = self._evicted_before = 0

    @classmethod
    def restored(
        cls, rules: Sequence[AlertRule], saved: Mapping[str, Any], *, max_groups: int = MAX_GROUPS
    ) -> tuple[Engine, Sequence[Alert]]:
        """An engine that goes on where another was saved.

        Args:
            rules: The rules. What was known of one that is the same is taken up; one that is new or was changed
                starts at the time of the save.
            saved: What `save` gave.
            max_groups: How many groups a rule may have.

        Returns:
            The engine, and the resolutions of what fired by rules that are gone or were changed.

        Raises:
            AlertStateError: the saved state is damaged, or of an unknown release.
        """
        engine = cls(rules, max_groups=max_groups)
        if saved.get("version") != saving.VERSION:
            found = saved.get("version")
            raise AlertStateError(f"the saved state of the alerts has format {found!r}, not {saving.VERSION}")
        try:
            return engine, engine._restore(saved)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise AlertStateError(f"the saved state of the alerts is damaged: {type(error).__name__}") from None

    def feed(self, record: Record, at: int, limit: int | None = None) -> Sequence[Alert]:
        """Take in one event.

        Args:
            record: The line's fields; `event` is text.
            at: Its time.
            limit: The time it is, when lines are followed as they are written.

        Returns:
            Alerts that fired or resolved.
        """
        aligned = self._aligner.align(record, at, limit)
        if aligned is None:
            self._take_ready()
        elif record["event"] == WINDOW_CLOSED:
            self._take_windows(record, aligned)
        else:
            self._count(record, aligned, None)
        return self._drain() if self._teller.alerts else _NOTHING

    def advance(self, now: int) -> Sequence[Alert]:
        """Let time pass without an event.

        Args:
            now: The time it is, less what lines may be delayed.
        """
        now = self._aligner.follow(now)
        self._take_ready()
        self._start(now)
        self._run_timers(now + 1)
        if now >= self._clock:
            self._end_moment()
            self._clock = now
        return self._drain()

    def finish(self, limit: int | None = None) -> Sequence[Alert]:
        """Take in what was held back, at the end of the lines.

        Args:
            limit: The time it is; what lies far ahead of it does not move the clock.
        """
        self._aligner.finish(limit)
        self._take_ready()
        for window in self._windows.release():
            self._count(window.record, self._clock, window)
        self._run_timers(self._clock + 1)
        self._end_moment()
        return self._drain()

    def report(self) -> list[Status]:
        """What every rule says about every group now."""
        return [status for tracker in self._trackers for status in self._statuses(tracker)]

    @property
    def ignored(self) -> dict[str, Needles]:
        """Events whose lines only tell that time passes, unless they hold one of certain texts."""
        return uncounted({name: [tracker for _, tracker in route] for name, route in self._routes.items()})

    def take_transitions(self) -> list[Transition]:
        """What changed since the last call, for the history."""
        return self._teller.take_transitions()

    @property
    def losses(self) -> Losses:
        """What was left out so far."""
        windows = self._windows
        return Losses(
            late=self._late,
            skewed=self._aligner.skewed,
            malformed=self._malformed,
            duplicates=windows.duplicates,
            missing=windows.missing,
            incomplete=windows.incomplete,
            evicted=self._evicted_before + sum(tracker.evicted for tracker in self._trackers),
            forgotten=windows.forgotten,
            not_numbers=self._heard.not_numbers,
        )

    def save(self) -> dict[str, Any]:
        """Everything it knows, as JSON takes it; `restored` goes on from it. Transitions are to be taken before."""
        return {
            "version": saving.VERSION,
            "clock": self._clock,
            "review": [self._review_at, self._pause],
            "heard": asdict(self._heard),
            "losses": [self._late, self._malformed, self.losses.evicted],
            "aligner": self._aligner.save(),
            "windows": self._windows.save(),
            "rules": {tracker.rule.name: saving.save_rule(tracker, self._clock) for tracker in self._trackers},
            "timers": [[tracker.rule.name, group.key, due] for due, tracker, group in self._timers],
            "asleep": [[tracker.rule.name, group.key] for group, tracker in self._asleep.items()],
            "untold": [[tracker.rule.name, group.key, *how] for tracker, group, how in self._teller.untold()],
        }

    def _restore(self, saved: Mapping[str, Any]) -> Sequence[Alert]:
        self._clock = int(saved["clock"])
        self._review_at, self._pause = saved["review"]
        self._late, self._malformed, self._evicted_before = saved["losses"]
        for name, at in saved["heard"].items():
            setattr(self._heard, name, int(at))
        self._aligner.restore(saved["aligner"])
        self._windows.restore(saved["windows"])
        known = saving.restore_rules(self._trackers, saved["rules"])
        self._restore_groups(known, saved)
        for tracker in self._trackers:
            if tracker.rule.name not in known and self._clock != NEVER:
                self._settle_all(tracker, tracker.start(self._clock))
        return [*self._drain(), *self._remove(saved["rules"], known)]

    def _restore_groups(self, known: Mapping[str, Tracker], saved: Mapping[str, Any]) -> None:
        """Set timers as they were, and decide anew of whom to tell: rules may inhibit and mute otherwise now."""
        teller = self._teller
        for tracker in known.values():
            for group in tracker.groups:
                if group.condition.state == "firing":
                    teller.restore_firing(tracker, group)
        for tracker, group, (due,) in saving.placed(known, saved["timers"]):
            self._timers.set(int(due), tracker, group)
        for tracker, group, _ in saving.placed(known, saved["asleep"]):
            self._asleep[group] = tracker
        for tracker, group, how in saving.placed(known, saved["untold"]):
            teller.restore_untold(tracker, group, how)
            self._timers.set(teller.review(tracker.rule, self._clock), tracker, group)
        teller.is_open = True

    def _remove(self, saved: Mapping[str, Any], known: Mapping[str, Tracker]) -> Iterable[Alert]:
        for standing, is_told in saving.removed(saved, known):
            self._teller.note_removed(standing, self._clock)
            if is_told:
                yield AlertResolved(**standing, at=notices.rfc3339(self._clock), reason="removed")

    def _start(self, now: int) -> None:
        if self._clock != NEVER:
            return
        self._clock, self._review_at = now, now + REVIEW_MS
        for tracker in self._trackers:
            self._settle_all(tracker, tracker.start(now))

    def _take_ready(self) -> None:
        for record, at in self._aligner.take_ready():
            self._start(at)
            if record["event"] == WINDOW_CLOSED:
                self._take_windows(record, at)
            else:
                self._count(record, at, None)

    def _take_windows(self, record: Record, at: int) -> None:
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
            self._pass(at)
        elif at < self._clock - LATE_MS:
            self._late += 1
            return
        heard.line = max(heard.line, at)
        if window is not None and at > heard.window:
            heard.window = at
        if self._asleep:
            self._wake()
        for take, tracker in self._routes.get(record["event"], self._any):
            for group in take(record, at, window):
                self._settle(tracker, group)

    def _pass(self, at: int) -> None:
        """Let time pass until a line."""
        if self._timers.due < at or self._review_at < at:
            self._run_timers(at)
        if self._teller.is_open:
            self._end_moment()
        if at - self._heard.line > REVIEW_MS:
            self._review_at, self._pause = at + REVIEW_MS, REVIEW_MS
        self._clock = at

    def _wake(self) -> None:
        """Look again at groups about which nothing was known because nothing came."""
        asleep, self._asleep = self._asleep, {}
        for group, tracker in asleep.items():
            if tracker.groups.get(group.key) is group:
                self._settle(tracker, group)

    def _run_timers(self, before: int) -> None:
        """Look at groups whose time has come, each at its own time."""
        timers = self._timers
        while (due := min(timers.due, self._review_at)) < before:
            if due > self._clock:
                self._end_moment()
                self._clock = due
            if due == self._review_at:
                self._review()
            elif (popped := timers.pop()) is not None:
                self._settle(*popped)

    def _review(self) -> None:
        """Look at all groups, less and less often while nothing is heard, and forget those that say nothing."""
        now = self._clock
        for tracker in self._trackers:
            self._settle_all(tracker, list(tracker.groups))
            tracker.groups.forget_idle(now, IDLE_MS)
        self._pause = REVIEW_MS if now - self._heard.line < REVIEW_MS else 2 * self._pause
        self._review_at = now + self._pause

    def _settle_all(self, tracker: Tracker, groups: Iterable[Group[Any]]) -> None:
        for group in groups:
            self._settle(tracker, group)

    def _settle(self, tracker: Tracker, group: Group[Any]) -> None:
        """Measure a group, say what changed, and set its next timer."""
        now, condition, rule = self._clock, group.condition, tracker.rule
        measured = tracker.measure(group, now)
        if measured.holds or condition.state != "ok":
            changed = condition.judge(
                holds=measured.holds, now=now, hold_for=rule.hold_for, keep_firing_for=rule.keep_firing_for
            )
            if changed == "fired":
                self._teller.fired(tracker, group, measured, now)
            elif changed == "resolved":
                self._teller.resolved(tracker, group, measured, now)
        shown = _shown(condition, measured)
        if shown != condition.shown:
            self._teller.show(tracker, group, shown, measured, now)
        if measured.missing == "silent" and tracker.wakes_on_any_line:
            self._asleep[group] = tracker
        due = tracker.next_change(group, now)
        if condition.state != "ok":
            due = min(due, condition.next_change(hold_for=rule.hold_for, keep_firing_for=rule.keep_firing_for))
            if condition.state == "firing":
                due = min(due, self._attend(tracker, group, measured))
        self._timers.set(due, tracker, group)

    def _attend(self, tracker: Tracker, group: Group[Any], measured: Measurement) -> int:
        """Forget a group that fires and was not heard of for too long; when to look at it again otherwise."""
        rule, now = tracker.rule, self._clock
        forget_at = group.fed + rule.within + FORGET_MS if group.key else NEVER_DUE
        if now < forget_at:
            return forget_at if group.condition.is_told else min(forget_at, self._teller.review(rule, now))
        self._teller.resolved(tracker, group, measured, now, "forgotten")
        group.condition.state = "ok"
        tracker.groups.remove(group)
        self._asleep.pop(group, None)
        return NEVER_DUE

    def _end_moment(self) -> None:
        if self._teller.is_open:
            self._teller.end_moment(self._clock)

    def _drain(self) -> Sequence[Alert]:
        alerts, self._teller.alerts = self._teller.alerts, []
        return alerts

    def _statuses(self, tracker: Tracker) -> Iterable[Status]:
        rule, is_shown = tracker.rule, False
        for group in tracker.groups:
            what = tracker.measure(group, self._clock)
            if what.value is None and what.missing is None:
                continue
            is_shown = True
            state = _shown(group.condition, what)
            yield Status(rule.name, notices.labels(rule, group.key), state, what.value, what.volume)
        if not is_shown:
            what = tracker.measure_nothing(self._clock)
            yield Status(rule.name, {}, what.missing or "ok", what.value, what.volume)


def _shown(condition: Condition, measured: Measurement) -> Shown:
    if condition.state != "ok":
        return condition.state
    if measured.missing is not None:
        return measured.missing
    return "resolved" if condition.shown == "resolved" else "ok"
