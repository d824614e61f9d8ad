"""What is handed out of what fires and resolves, and what the history says of it. Pure; times are milliseconds.

Whether an alert is inhibited is decided at the end of the moment at which it fires: the order of the lines of one
moment does not matter. Nobody is told twice of one firing, nor of the end of one that nobody was told of.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import notices
from dq_gate.alerts.evaluation.silencing import MUTED, Inhibition, muted_until
from dq_gate.alerts.evaluation.sums import NEVER_DUE
from dq_gate.alerts.state.contract import Transition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.alerts.evaluation.groups import Group, Shown
    from dq_gate.alerts.evaluation.notices import Alert
    from dq_gate.alerts.evaluation.trackers.base import Measurement, Tracker
    from dq_gate.alerts.rules import AlertRule
    from dq_gate.alerts.state.contract import State

MAX_TRANSITIONS = 50_000
"""What is kept of the history until it is taken; of more, the oldest are dropped."""


@dataclass(slots=True)
class _Untold:
    """A group that fires and of which nobody was told.

    Attributes:
        tracker: Its rule at work.
        before: What was said of it before; None once it was decided whether to tell.
        silenced_by: What silenced it when that was last decided.
    """

    tracker: Tracker
    before: State | None
    silenced_by: str | None = None


class Teller:
    """Hands out alerts unless they are silenced.

    Args:
        rules: All rules.

    Attributes:
        alerts: What is to be handed out, in order.
        is_open: Whether something is to be decided at the end of the present moment.
    """

    def __init__(self, rules: Sequence[AlertRule]) -> None:
        self.alerts: list[Alert] = []
        self.is_open = False
        self._inhibition = Inhibition(rules)
        self._untold: dict[Group[Any], _Untold] = {}
        self._transitions: deque[Transition] = deque(maxlen=MAX_TRANSITIONS)

    def fired(self, tracker: Tracker, group: Group[Any], measured: Measurement, now: int) -> None:
        """A group fires."""
        name = tracker.rule.name
        untold = self._untold[group] = _Untold(tracker, _state(group.condition.shown))
        group.condition.shown = "firing"
        self._inhibition.fired(name, group.key)
        if self._inhibition.is_inhibitable(name):
            self.is_open = True
        else:
            self._decide(group, untold, measured, now)

    def resolved(
        self, tracker: Tracker, group: Group[Any], measured: Measurement, now: int, reason: str = "ok"
    ) -> None:
        """A group no longer fires. What fired and resolves within one moment is told like everything else."""
        untold = self._untold.get(group)
        if untold is not None and untold.before is not None:
            self._decide(group, untold, measured, now)
        condition, rule = group.condition, tracker.rule
        if condition.is_told:
            self.alerts.append(notices.resolved(rule, group, measured, now, reason))
        silenced_by = untold.silenced_by if untold is not None and not condition.is_told else None
        self._note(rule, group, ("firing", "resolved"), measured, now, silenced_by=silenced_by)
        self._untold.pop(group, None)
        condition.shown, condition.is_told = "resolved", False
        self._inhibition.resolved(rule.name, group.key)
        self.is_open = self.is_open or self._inhibition.can_inhibit(rule.name)

    def show(self, tracker: Tracker, group: Group[Any], shown: Shown, measured: Measurement, now: int) -> None:
        """Something else than before is said of a group that neither fired nor resolved now."""
        before, group.condition.shown = group.condition.shown, shown
        if before is not None or shown == "pending":
            self._note(tracker.rule, group, (_state(before), shown), measured, now)

    def review(self, rule: AlertRule, now: int) -> int:
        """Decide anew at the end of this moment on what is muted; when to do so again."""
        if not rule.mute:
            return NEVER_DUE
        self.is_open = True
        until = muted_until(rule.mute, now)
        return NEVER_DUE if until is None else until

    def end_moment(self, now: int) -> None:
        """Decide what was left open: all lines and timers of this moment have been taken in."""
        self.is_open = False
        for group, untold in list(self._untold.items()):
            self._decide(group, untold, untold.tracker.measure(group, now), now)

    def take_transitions(self) -> list[Transition]:
        """What changed since the last call."""
        taken = list(self._transitions)
        self._transitions.clear()
        return taken

    def note_removed(self, standing: dict[str, Any], now: int) -> None:
        """Take note that a group no longer fires as its rule is gone; `standing` is what `notices` says of it."""
        alert, group, value = standing["alert"], standing["group"], standing["value"]
        self._transitions.append(Transition(now, alert, group, "firing", "resolved", value, standing["id"]))

    def untold(self) -> Iterator[tuple[Tracker, Group[Any], list[str | None]]]:
        """Groups that fire and nobody was told of, and what `restore_untold` needs to know."""
        return ((untold.tracker, group, [untold.before, untold.silenced_by]) for group, untold in self._untold.items())

    def restore_firing(self, tracker: Tracker, group: Group[Any]) -> None:
        """Take up a group that fires."""
        self._inhibition.fired(tracker.rule.name, group.key)

    def restore_untold(self, tracker: Tracker, group: Group[Any], saved: Sequence[Any]) -> None:
        """Take up a group that fires and that nobody was told of."""
        self._untold[group] = _Untold(tracker, *saved)

    def _decide(self, group: Group[Any], untold: _Untold, measured: Measurement, now: int) -> None:
        rule = untold.tracker.rule
        is_new, before = untold.before is not None, untold.before or "firing"
        silenced_by = self._silenced_by(rule, group, now)
        untold.before, untold.silenced_by = None, silenced_by
        if is_new or silenced_by is None:
            self._note(rule, group, (before, "firing"), measured, now, silenced_by=silenced_by)
        if silenced_by is None:
            del self._untold[group]
            group.condition.is_told = True
            self.alerts.append(notices.fired(rule, group, measured, now))

    def _silenced_by(self, rule: AlertRule, group: Group[Any], now: int) -> str | None:
        inhibitor = self._inhibition.inhibitor(rule.name, group.key)
        if inhibitor is not None:
            return inhibitor
        return MUTED if rule.mute and muted_until(rule.mute, now) is not None else None

    def _note(
        self,
        rule: AlertRule,
        group: Group[Any],
        change: tuple[State, Shown],
        measured: Measurement,
        now: int,
        *,
        silenced_by: str | None = None,
    ) -> None:
        before, after = change
        firing_id = notices.firing_id(rule, group) if "firing" in change else None
        labels, value = notices.labels(rule, group.key), measured.value
        self._transitions.append(Transition(now, rule.name, labels, before, after, value, firing_id, silenced_by))


def _state(shown: Shown | None) -> State:
    """What was said before, as the history has it: what has resolved is ok, and nothing was known of what is new."""
    if shown is None:
        return "unknown"
    return "ok" if shown == "resolved" else shown
