"""Rules that count events, as PromQL over counters. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.alerts.export import counters
from dq_gate.alerts.export.gauges import Expression, bound, store_is_away, window_mode
from dq_gate.alerts.export.promql import InexpressibleError, aggregate, duration, existed, increase, number
from dq_gate.alerts.fields import WINDOW_CLOSED, counted_by_windows, events_of
from dq_gate.events import StoreDegraded

if TYPE_CHECKING:
    from dq_gate.alerts.export.promql import Selector
    from dq_gate.alerts.rules import (
        BurnRateRule,
        BurnWindow,
        CardinalityRule,
        Counting,
        FlatlineRule,
        FrequencyRule,
        NewTermRule,
        RatioRule,
        SpikeRule,
    )

_RETENTION_MS = 15 * 86_400_000
"""What Prometheus keeps when it is not told otherwise."""


def ratio(rule: RatioRule) -> tuple[Expression, ...]:
    """The part by the whole, where the whole is large enough."""
    share, volume = _share(rule, rule.within)
    return (Expression(f"{share} {bound(rule)}\nand {volume} >= {rule.min_volume}"),)


def burn_rate(rule: BurnRateRule) -> tuple[Expression, ...]:
    """The share of bad events by the budget, over two stretches of time at once; any pair of them."""
    return (Expression("\nor\n".join(_burns(rule, pair) for pair in rule.windows)),)


def _burns(rule: BurnRateRule, pair: BurnWindow) -> str:
    faster = f"/ {number(rule.budget)} > {number(pair.factor)}"
    (long, volume), (short, _) = _share(rule, pair.long), _share(rule, pair.short)
    return f"(\n{long} {faster}\nand {volume} >= {rule.min_volume}\nand\n{short} {faster}\n)"


def _share(rule: RatioRule | BurnRateRule, within: int) -> tuple[str, str]:
    """A part by its whole, and the whole as `and` takes it; groups by rule share the whole of their other fields."""
    by, shared = rule.group_by, tuple(field for field in rule.group_by if field != "rule_id")
    part, whole = _sides(rule)
    volume = increase(whole, shared, within)
    if by == shared:
        return f"{increase(part, by, within)}\n  / {volume}", volume
    matching = f"on ({', '.join(shared)})"
    return f"{increase(part, by, within)}\n  / {matching} group_left () {volume}", f"{matching} {volume}"


def _sides(rule: RatioRule | BurnRateRule) -> tuple[Selector, Selector]:
    if rule.of != "inputs":
        return counters.lines(rule.where, rule.group_by), counters.lines(rule.of, rule.group_by)
    count = counters.inputs if counted_by_windows(rule) else counters.lines
    return count(rule.where, rule.group_by), counters.judged(rule.where, rule.group_by)


def frequency(rule: FrequencyRule) -> tuple[Expression, ...]:
    """How much counters grew; too little only where they were there all the time."""
    events = events_of(rule.where)
    if events == {WINDOW_CLOSED}:
        return (window_mode(rule),)
    if rule.until is not None and events == {StoreDegraded.name}:
        return (store_is_away(rule),)
    if rule.until is not None:
        raise InexpressibleError("counters cannot be made to forget by an `until` event")
    counter = _counter(rule, rule.group_by)
    text = f"{increase(counter, rule.group_by, rule.within)} {bound(rule)}"
    if rule.below is not None:
        text += f"\nand {existed(counter, rule.group_by, rule.within)}"
    return (Expression(text),)


def _counter(rule: Counting, by: tuple[str, ...]) -> Selector:
    count = counters.inputs if counted_by_windows(rule) else counters.lines
    return count(rule.where, by)


def spike(rule: SpikeRule) -> tuple[Expression, ...]:
    """What came lately by the mean of the reference, where all of that was seen and enough came."""
    by, shift = rule.group_by, rule.within + rule.offset
    counter = _counter(rule, by)
    now = increase(counter, by, rule.within)
    reference = increase(counter, by, rule.reference, offset=shift)
    times = f"{now}\n  / {reference} * {number(rule.reference / rule.within)}"
    up = f"{times} > {number(rule.factor)}\nand {now} >= {rule.min_volume}"
    down = f"{times} < {number(1 / rule.factor)}"
    ways = {"up": up, "down": down, "both": f"(\n{up}\nor\n{down}\n)"}
    enough = f"{reference} >= {rule.min_reference}"
    return (Expression(f"{ways[rule.direction]}\nand {enough}\nand {existed(counter, by, shift + rule.reference)}"),)


def flatline(rule: FlatlineRule) -> tuple[Expression, ...]:
    """Few came lately, and enough before."""
    counter, by = _counter(rule, rule.group_by), rule.group_by
    before = increase(counter, by, rule.reference, offset=rule.within)
    return (Expression(f"{increase(counter, by, rule.within)} < {rule.below}\nand {before} >= {rule.min_reference}"),)


def new_term(rule: NewTermRule) -> tuple[Expression, ...]:
    """Counters that grew lately and did not before."""
    by = rule.group_fields
    counter = _counter(rule, by)
    before = increase(counter, by, rule.memory, offset=rule.within)
    learned = existed(counter, rule.group_by, rule.learn)
    far = rule.memory > _RETENTION_MS
    note = (
        f"memory {duration(rule.memory)}: Prometheus must keep as much (--storage.tsdb.retention.time)" if far else None
    )
    text = (
        f"{increase(counter, by, rule.within)} > 0\nunless {before} > 0\nand on ({', '.join(rule.group_by)}) {learned}"
    )
    return (Expression(text, note=note),)


def cardinality(rule: CardinalityRule) -> tuple[Expression, ...]:
    """How many counters grew."""
    by = (*rule.group_by, rule.field)
    counter = _counter(rule, by)
    grew = f"{increase(counter, by, rule.within)} > bool 0"
    text = f"{aggregate('sum', rule.group_by, grew)} {bound(rule)}"
    if rule.below is not None:
        text += f"\nand {existed(counter, rule.group_by, rule.within)}"
    return (Expression(text),)
