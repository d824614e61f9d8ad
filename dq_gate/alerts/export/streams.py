"""Event streams made from a rule: just beyond its bound, just not, and beside what it asks for. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from dq_gate.alerts.export.promql import number
from dq_gate.alerts.fields import OUTCOMES, WINDOW_CLOSED, counted_by_windows, counts_failures, events_of
from dq_gate.alerts.rules import (
    AbsenceRule,
    AlertRule,
    BurnRateRule,
    CardinalityRule,
    Counting,
    EventSpec,
    FlatlineRule,
    FrequencyRule,
    NewTermRule,
    RatioRule,
    SpikeRule,
    ThresholdRule,
)
from dq_gate.core.model import GateMode
from dq_gate.events import PackLoaded
from dq_gate.signals.windows import WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW_MS = round(WINDOW_SECONDS * 1000)
BEAT_MS = 20_000
"""Often enough for the engine to know that the gate is there."""

_AFTERMATH_STEPS = 6
_INPUTS = 1_000
"""Inputs of a window: enough to come within a thousandth of a bound."""
_MOST_TERMS = 50
_OTHER = "some-other"
_RULE = "query.text.length"

Fields = dict[str, Any]


class Stream(NamedTuple):
    """Events, and what they show."""

    shows: str
    specs: list[EventSpec]


def streams(rule: AlertRule, step: int) -> Iterator[Stream]:
    """Streams that tell the rule from one with another bound, wait, look-back or clause.

    Args:
        rule: The rule.
        step: Events come at multiples of this, milliseconds.
    """
    if isinstance(rule, RatioRule | BurnRateRule) and not counted_by_windows(rule):
        return iter(())
    return _KINDS[rule.kind](rule, _Maker(rule, step))


class _Maker:
    """Makes events that a rule asks for, at multiples of a step."""

    def __init__(self, rule: AlertRule, step: int) -> None:
        self._rule = rule
        self.step = step
        self.after = _AFTERMATH_STEPS * step
        self.asked: Fields = {field: wanted[0] for field, wanted in rule.where.items() if field != "event"}
        self.event = str(rule.where.get("event", (PackLoaded.name,))[0])
        self.enough = self.whole(rule.within + rule.hold_for) + self.after
        """How long a condition lasts that is to be seen as over later on."""

    def whole(self, milliseconds: float) -> int:
        """A time, rounded up to a step."""
        return math.ceil(milliseconds / self.step) * self.step

    def beside(self) -> Iterator[tuple[str, Fields]]:
        """Fields as the rule does not ask for: one of them other each time."""
        for field, value in self.asked.items():
            if isinstance(value, str):
                yield f"another {field}", self.asked | {field: _OTHER}

    def spec(self, at: int, event: str, times: int = 1, every: int = 0, **fields: Any) -> EventSpec:
        """Events; times are milliseconds."""
        return EventSpec.model_construct(at=at, event=event, times=times, every=every, **fields)

    def windows(self, start: int, end: int, every: int | None = None, **fields: Any) -> EventSpec:
        """A window every step from one time to before another."""
        every = every or self.step
        return self.spec(start, WINDOW_CLOSED, max(1, (end - start) // every), every, **fields)

    def beat(self, end: int) -> EventSpec:
        """Windows without anything in them: the gate is there."""
        return self.windows(0, end, BEAT_MS)

    def come(self, at: int, count: int, fields: Fields | None = None) -> list[EventSpec]:
        """As many as that of what the rule counts, at once."""
        fields = self.asked if fields is None else fields
        if count <= 0:
            return []
        if not isinstance(self._rule, Counting) or not counted_by_windows(self._rule):
            return [self.spec(at, self.event, count, **fields)]
        return [self.spec(at, WINDOW_CLOSED, **self.rows(count, count, fields))]

    def rows(self, part: int, whole: int, fields: Fields | None = None) -> Fields:
        """A window's rows, of which a part is what the rule asks for."""
        fields = self.asked if fields is None else fields
        source, rule_id = fields.get("source", "example"), fields.get("rule_id", _RULE)
        own = {field: value for field, value in fields.items() if field not in ("source", "rule_id")}
        outcome = OUTCOMES[self.event]
        counts = ((outcome, part), ("clean" if outcome != "clean" else "repaired", whole - part))
        inputs = [{"source": source, "outcome": name, "count": count} for name, count in counts]
        failed = [{"source": source, "rule_id": rule_id, "mode": "enforce", "count": part}]
        return own | {"inputs": inputs, "rules": failed if counts_failures(self._rule) else []}


def _beside(bound: float, *, is_above: bool) -> tuple[int, int]:
    """The whole numbers next to a bound: one that fires, one that does not."""
    bound = round(bound, 9)
    return (math.floor(bound) + 1, math.floor(bound)) if is_above else (math.ceil(bound) - 1, math.ceil(bound))


def _ratio(rule: RatioRule, make: _Maker) -> Iterator[Stream]:
    is_above, end = rule.above is not None, make.enough
    beyond, quiet = _beside(rule.threshold * _INPUTS, is_above=is_above)
    over = make.windows(
        end, 2 * end + make.whole(rule.keep_firing_for), **make.rows(0 if is_above else _INPUTS, _INPUTS)
    )
    if 0 <= beyond <= _INPUTS:
        yield Stream("beyond the bound", [make.windows(0, end, **make.rows(beyond, _INPUTS)), over])
        for shows, fields in make.beside():
            yield Stream(shows, [make.windows(0, end, **make.rows(beyond, _INPUTS, fields))])
    yield Stream("at the bound", [make.windows(0, end, **make.rows(quiet, _INPUTS))])
    for shows, volume in (("just enough inputs", rule.min_volume), ("too few inputs", rule.min_volume - 1)):
        if volume:
            alarming = make.rows(volume if is_above else 0, volume)
            yield Stream(shows, [make.spec(0, WINDOW_CLOSED, **alarming), make.windows(make.step, end)])
    if rule.min_volume > 1:
        few = make.rows(rule.min_volume - 1 if is_above else 0, rule.min_volume - 1)
        turns = make.windows(0, 2 * end, make.whole(rule.within) + make.step, **few)
        yield Stream("too few inputs at a time", [turns, make.beat(2 * end)])


def _burn_rate(rule: BurnRateRule, make: _Maker) -> Iterator[Stream]:
    """The slowest pair alone, by a steady share; each faster one, by a sudden outage after a good time."""
    slowest = min(rule.windows, key=lambda pair: pair.factor)
    beyond, quiet = _beside(slowest.factor * rule.budget * _INPUTS, is_above=True)
    end = make.whole(rule.hold_for + slowest.short) + make.after
    good, bad = make.rows(0, _INPUTS), make.rows(_INPUTS, _INPUTS)
    steady = make.windows(0, end, **make.rows(beyond, _INPUTS))
    yield Stream("beyond the bound", [steady, make.windows(end, 2 * end, **good)])
    yield Stream("at the bound", [make.windows(0, end, **make.rows(quiet, _INPUTS))])
    for shows, fields in make.beside():
        yield Stream(shows, [make.windows(0, end, **make.rows(_INPUTS, _INPUTS, fields))])
    for pair in rule.windows:
        start = make.whole(rule.within)
        down = make.whole(pair.long * pair.factor * rule.budget + rule.hold_for) + make.after
        up = make.windows(start + down, start + down + make.whole(pair.short) + make.after, **good)
        outage = [make.windows(0, start, **good), make.windows(start, start + down, **bad), up]
        yield Stream(f"an outage, factor {number(pair.factor)}", outage)


def _modes(rule: FrequencyRule, make: _Maker) -> Iterator[Stream]:
    end = make.enough
    after = make.windows(end, 2 * end + make.whole(rule.keep_firing_for), mode="enforce")
    yield Stream("in the mode", [make.windows(0, end, **make.asked), after])
    for shows, fields in make.beside():
        yield Stream(shows, [make.windows(0, end, **fields)])
    for mode in sorted({*get_args(GateMode)} - set(rule.where.get("mode", ()))):
        yield Stream(f"mode {mode}", [make.windows(0, end, **make.asked | {"mode": mode})])


def _until(rule: FrequencyRule, make: _Maker) -> Iterator[Stream]:
    ends = str((rule.until or {})["event"][0])
    hold = make.whole(rule.hold_for)
    end = hold + make.after
    beat = make.beat(end + hold + make.after + make.whole(rule.keep_firing_for))
    begins = make.spec(make.step, make.event, **make.asked)
    yield Stream("until it ends", [beat, begins, make.spec(end, ends, **make.asked)])
    if hold > make.step:
        yield Stream("ends in time", [beat, begins, make.spec(hold, ends, **make.asked)])


def _frequency(rule: FrequencyRule, make: _Maker) -> Iterator[Stream]:
    if events_of(rule.where) == {WINDOW_CLOSED}:
        return _modes(rule, make)
    return _until(rule, make) if rule.until is not None else _bursts(rule, make)


def _bursts(rule: FrequencyRule, make: _Maker) -> Iterator[Stream]:
    """One burst each `within`: as one is forgotten the next is there.

    Of a source that it does not know, Prometheus does not say that too little comes, and our engine does.
    """
    beyond, quiet = _beside(rule.threshold, is_above=rule.above is not None)
    within, bursts = make.whole(rule.within), math.ceil(rule.hold_for / rule.within) + 1
    first = 0 if rule.above is not None else quiet
    end = (bursts + 2) * within + make.after
    for shows, count, fields in (
        ("beyond the bound", beyond, make.asked),
        ("at the bound", quiet, make.asked),
        *((shows, beyond, fields) for shows, fields in make.beside() if rule.above is not None),
    ):
        turns = [make.come(make.step + turn * within, count, fields) for turn in range(bursts + (first > 0))]
        if first:
            turns[0] = make.come(make.step, first, fields)
        yield Stream(shows, [make.beat(end), *(spec for turn in turns for spec in turn)])


def _spike(rule: SpikeRule, make: _Maker) -> Iterator[Stream]:
    """A steady stream, and then much more of it, or much less, in one `within`."""
    within, before = make.whole(rule.within), make.whole(rule.reference + rule.offset)
    steps, more = before // make.step, within // make.step
    rate = math.ceil(max(10, rule.min_reference / steps, rule.min_volume / more))
    mean, last = rate * more, make.step * (steps + more)
    end = last + within + make.after
    steady = [spec for turn in range(steps + more) for spec in make.come(turn * make.step, rate)]
    if rule.direction != "down":
        beyond, quiet = _beside(rule.factor * mean, is_above=True)
        for shows, count in (("a spike", beyond), ("no spike yet", quiet)):
            yield Stream(shows, [make.beat(end), *steady, *make.come(last, count - mean + rate)])
    if rule.direction != "up":
        beyond, quiet = _beside(mean / rule.factor, is_above=False)
        for shows, count in (("a drop", beyond), ("no drop yet", quiet)):
            yield Stream(shows, [make.beat(end), *steady, *make.come(last, count)])


def _flatline(rule: FlatlineRule, make: _Maker) -> Iterator[Stream]:
    within = make.whole(rule.within)
    end = make.step + 2 * within + make.whole(rule.hold_for) + make.after
    came = max(rule.min_reference, rule.below)
    first, later = make.come(make.step, came), make.step + within
    yield Stream("it comes no more", [make.beat(end), *first, *make.come(later, rule.below - 1)])
    yield Stream("it still comes", [make.beat(end), *first, *make.come(later, rule.below)])
    if rule.min_reference > 1:
        yield Stream("it hardly came", [make.beat(end), *make.come(make.step, rule.min_reference - 1)])
    for shows, fields in make.beside():
        yield Stream(shows, [make.beat(end), *make.come(make.step, came, fields)])


def _new_term(rule: NewTermRule, make: _Maker) -> Iterator[Stream]:
    late = make.whole(rule.learn) + 2 * make.step
    end = late + make.whole(rule.within) + make.after
    old = make.come(make.step, 1, make.asked | {rule.field: "old"})
    new = make.come(late, 1, make.asked | {rule.field: "new"})
    again = make.come(late, 1, make.asked | {rule.field: "old"})
    yield Stream("something new", [make.beat(end), *old, *new])
    yield Stream("nothing new", [make.beat(end), *old, *again])
    for shows, fields in make.beside():
        yield Stream(shows, [make.beat(end), *old, *make.come(late, 1, fields | {rule.field: "new"})])


def _cardinality(rule: CardinalityRule, make: _Maker) -> Iterator[Stream]:
    beyond, quiet = _beside(rule.threshold, is_above=rule.above is not None)
    if max(beyond, quiet) > _MOST_TERMS:
        return
    end = 2 * make.enough
    for shows, count in (("beyond the bound", beyond), ("at the bound", quiet)):
        terms = [make.come(make.step, 1, make.asked | {rule.field: f"term{turn}"}) for turn in range(count)]
        yield Stream(shows, [make.beat(end), *(spec for term in terms for spec in term)])


def _threshold(rule: ThresholdRule, make: _Maker) -> Iterator[Stream]:
    """Values beside the bound; of quantiles, which are read off buckets, far from it."""
    field, _, quantile = rule.field.partition(".")
    sign = 1 if rule.above is not None else -1
    beyond = rule.threshold * 4**sign if quantile else rule.threshold + sign * max(1, rule.threshold / 1000)
    quiet = rule.threshold / 4**sign if quantile else rule.threshold
    end, every = make.enough, WINDOW_MS if make.event == WINDOW_CLOSED else make.step
    times = end // every if rule.aggregate != "sum" else 1

    def said(at: int, value: float, fields: Fields) -> EventSpec:
        facts: Fields = {**fields, field: {quantile: value} if quantile else value}
        return make.spec(at, make.event, times, every, **facts)

    beat = [make.beat(2 * end)] if rule.aggregate == "sum" or make.event != WINDOW_CLOSED else []
    yield Stream("beyond the bound", [*beat, said(make.step, beyond, make.asked), said(end + make.step, 0, make.asked)])
    yield Stream("at the bound", [*beat, said(make.step, quiet, make.asked)])
    for shows, fields in make.beside():
        yield Stream(shows, [*beat, said(make.step, beyond, fields)])
    if rule.aggregate in ("last", "max") and not quantile:
        clock = make.spec(end + make.whole(rule.within) + make.after, PackLoaded.name, process="another")
        once = make.spec(make.step, make.event, **make.asked | {field: beyond})
        yield Stream("its process ends", [said(make.step, beyond, make.asked), clock])
        yield Stream("its process ends at once", [once, clock])


def _absence(rule: AbsenceRule, make: _Maker) -> Iterator[Stream]:
    within = make.whole(rule.within)
    beats = (3 * within + make.after) // BEAT_MS
    beat = make.spec(0, PackLoaded.name if make.event == WINDOW_CLOSED else WINDOW_CLOSED, beats, BEAT_MS)
    came = make.spec(make.step, make.event, **make.asked)
    yield Stream("it stops coming", [came, beat, make.spec(3 * within, make.event, **make.asked)])
    yield Stream("it comes just in time", [make.spec(0, make.event, 4, within - make.step, **make.asked)])
    for shows, fields in make.beside() if make.event == WINDOW_CLOSED else ():
        yield Stream(shows, [make.spec(0, make.event, within // make.step + 6, make.step, **fields)])


_KINDS: dict[str, Callable[[Any, _Maker], Iterator[Stream]]] = {
    "frequency": _frequency,
    "ratio": _ratio,
    "threshold": _threshold,
    "spike": _spike,
    "flatline": _flatline,
    "new_term": _new_term,
    "cardinality": _cardinality,
    "absence": _absence,
    "burn_rate": _burn_rate,
}
