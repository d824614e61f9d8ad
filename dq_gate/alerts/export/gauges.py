"""Rules about what a gate says of itself, as PromQL over gauges and histograms. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq_gate.alerts.export import counters
from dq_gate.alerts.export.promql import InexpressibleError, aggregate, duration, existed, increase, number
from dq_gate.alerts.fields import WINDOW_CLOSED, events_of
from dq_gate.events import GateStopped, StoreRestored
from dq_gate.signals.metrics import MODE, STORE_DEGRADED, WINDOW_CLOSED_AT

if TYPE_CHECKING:
    from dq_gate.alerts.rules import AbsenceRule, Bounded, ChangeRule, FrequencyRule

NEVER_SEEN = (("seen", "never"),)
"""Labels of an alert about what has not come since the start. Two rules may not be alike in name and labels."""

MEMORY_MS = 86_400_000
"""For how long Prometheus goes on expecting what it saw; the engine of `alerts run` does without end."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition in PromQL.

    Attributes:
        text: The expression, of one line or several.
        hold_for: How long it must hold at the least, beside the rule's own `for`; ms.
        labels: More labels of its alerts.
        note: Where it differs from what `alerts run` says.
    """

    text: str
    hold_for: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    note: str | None = None


def absence(rule: AbsenceRule) -> tuple[Expression, ...]:
    """The age of the last window; of other events, a counter that stands still."""
    if events_of(rule.where) == {WINDOW_CLOSED}:
        return _no_window(rule)
    if rule.until is not None:
        raise InexpressibleError("no metric says that an `until` event ended the wait")
    counter, by = counters.lines(rule.where, rule.group_by), rule.group_by
    memory = max(rule.within, MEMORY_MS)
    was_there = existed(counter, (), rule.within)
    if not by:
        return (Expression(f"{increase(counter, (), rule.within)} == 0\nand {was_there}"),)
    seen = f"{increase(counter, by, memory, offset=rule.within)} > 0"
    note = f"a group that was not seen for {duration(memory + rule.within)} is no longer expected"
    return (
        Expression(f"{increase(counter, by, rule.within)} == 0\nand {seen}", note=note),
        Expression(f"{increase(counter, (), memory)} == 0\nand {was_there}", labels=NEVER_SEEN),
    )


def _no_window(rule: AbsenceRule) -> tuple[Expression, ...]:
    last = counters.select(WINDOW_CLOSED_AT, rule.where, rule.group_by)
    if rule.until is not None and events_of(rule.until) != {GateStopped.name}:
        raise InexpressibleError("no metric says that an `until` event ended the wait")
    memory = max(2 * rule.within, MEMORY_MS)
    note = f"a gate that stopped looks like one that died, and is no longer expected after {duration(memory)}"
    latest = aggregate("max", rule.group_by, f"last_over_time({last.over(memory)})")
    never = aggregate("max", (), f"absent_over_time({last.over(memory)})")
    return (
        Expression(f"time() - {latest} >= {number(rule.threshold)}", note=note),
        Expression(never, hold_for=rule.within, labels=NEVER_SEEN),
    )


def change(rule: ChangeRule) -> tuple[Expression, ...]:
    """Never: a metric that was told apart by such a value would have a series for each."""
    raise InexpressibleError(f"no metric keeps the values of {rule.field!r}")


def window_mode(rule: FrequencyRule) -> Expression:
    """Whether any process was in one of these modes."""
    if "mode" not in rule.where or rule.above != 0 or rule.until is not None:
        raise InexpressibleError("windows are not counted; only that there was one in a mode can be said (above: 0)")
    mode = counters.select(MODE, rule.where, rule.group_by, fields=("mode",))
    return Expression(f"{aggregate('sum', rule.group_by, f'max_over_time({mode.over(rule.within)})')} > 0")


def store_is_away(rule: FrequencyRule) -> Expression:
    """Whether the store of any process does not answer."""
    if rule.until is None or events_of(rule.until) != {StoreRestored.name} or rule.above != 0:
        raise InexpressibleError("only that the store is away can be said: above 0, until dq_gate.store.restored")
    away = counters.select(STORE_DEGRADED, rule.where, rule.group_by)
    return Expression(f"{aggregate('max', rule.group_by, str(away))} > 0")


def bound(rule: Bounded) -> str:
    """The comparison with a rule's bound."""
    return f"{'>' if rule.above is not None else '<'} {number(rule.threshold)}"
