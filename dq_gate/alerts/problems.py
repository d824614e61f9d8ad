"""What is wrong with a well-formed alert rule: events and fields that do not exist, and what contradicts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.alerts.evaluation.messages import placeholders
from dq_gate.alerts.fields import (
    OUTCOMES,
    QUARANTINED,
    WINDOW_FIELDS,
    asks_for_inputs,
    counted_by_windows,
    counted_fields,
    events_of,
    groupable,
    is_number,
    numbers,
    selectable,
)
from dq_gate.alerts.rules import (
    BurnRateRule,
    CardinalityRule,
    ChangeRule,
    Counting,
    EventSpec,
    NewTermRule,
    RatioRule,
    ThresholdRule,
)
from dq_gate.errors import did_you_mean
from dq_gate.events import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dq_gate.alerts.rules import AlertRule, Clause, Examples

Keys = tuple[str | int, ...]
Problem = tuple[Keys, str]


def problems(rule: AlertRule) -> Iterator[Problem]:
    """What is wrong with a rule: where, and why. The first is the one to tell."""
    clauses = {"where": rule.where, "until": getattr(rule, "until", None), "of": getattr(rule, "of", None)}
    named = {key: clause for key, clause in clauses.items() if isinstance(clause, dict)}
    for key, clause in named.items():
        yield from _unknown_events((key, "event"), events_of(clause))
    if isinstance(rule, Counting) and rule.count == "inputs":
        yield from _uncountable(rule)
    elif isinstance(rule, RatioRule | BurnRateRule) and rule.of == "inputs":
        yield from _problems_of_share(rule)
    else:
        for key, clause in named.items():
            yield from _unknown_fields(key, clause, rule.group_by)
    yield from _problems_of_field(rule)
    yield from (((key,), reason) for key, reason in rule.contradictions())
    yield from _problems_of_message(rule)
    yield from _problems_of_examples(rule.examples)


def problems_between(rules: Mapping[str, AlertRule]) -> Iterator[tuple[str, Keys, str]]:
    """What is wrong between the rules of a file: the alert, where in it, and why."""
    for name, rule in rules.items():
        for position, inhibited in enumerate(rule.inhibit):
            keys = ("inhibit", position)
            if inhibited == name:
                yield name, keys, "an alert cannot inhibit itself"
            elif inhibited not in rules:
                yield name, keys, f"there is no alert {inhibited!r}{did_you_mean(inhibited, rules)}"
            elif name in _inhibited_by(inhibited, rules):
                yield name, keys, f"inhibits in a circle: {inhibited!r} inhibits {name!r}, by itself or through others"


def _inhibited_by(name: str, rules: Mapping[str, AlertRule]) -> set[str]:
    """All that an alert inhibits, through others too."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        rule = rules.get(waiting.pop())
        new = set(rule.inhibit) - found if rule is not None else set[str]()
        found |= new
        waiting += new
    return found


def _uncountable(rule: Counting) -> Iterator[Problem]:
    """Why windows do not count what a rule wants counted as inputs."""
    events, allowed = events_of(rule.where), ", ".join(sorted(OUTCOMES))
    if not events or not events <= OUTCOMES.keys():
        yield ("where",), f"with `count: inputs`, where must name events that windows count inputs by: {allowed}"
    for key, names in (("where", rule.where.keys() - {"event"}), ("group_by", rule.group_by)):
        for name in sorted(set(names) - WINDOW_FIELDS):
            keys = (key, name) if key == "where" else (key,)
            yield keys, f"inputs are not counted by {name!r}{did_you_mean(name, WINDOW_FIELDS)}; use `count: lines`"
    if "rule_id" in counted_fields(rule) and events != {QUARANTINED}:
        yield ("where",), f"with rule_id, windows count failures: where must name {QUARANTINED} alone"


def _problems_of_share(rule: RatioRule | BurnRateRule) -> Iterator[Problem]:
    """A share of inputs: its `where` may name what windows count by; its groups must be known to windows."""
    if counted_by_windows(rule):
        if isinstance(rule, RatioRule) and rule.above is not None and rule.above >= 1:
            yield ("above",), "must be less than 1: a share of inputs, not a percentage"
        return
    yield from _unknown_fields("where", rule.where, rule.group_by)
    for field in rule.group_by:
        if field not in WINDOW_FIELDS:
            yield ("group_by",), f"inputs are not counted by {field!r}{did_you_mean(field, WINDOW_FIELDS)}"


def _problems_of_field(rule: AlertRule) -> Iterator[Problem]:
    """The field that a kind reads must be in every event it is read from, and be of a type that it can read."""
    if not isinstance(rule, ThresholdRule | NewTermRule | CardinalityRule | ChangeRule):
        return
    events = events_of(rule.where)
    named = ", ".join(sorted(events)) or "every event"
    if isinstance(rule, ThresholdRule):
        if not is_number(events, rule.field):
            yield ("field",), f"{rule.field!r} is no number of {named}{_nearest(rule.field, numbers(events))}"
        return
    if asks_for_inputs(rule):
        allowed = WINDOW_FIELDS
    else:
        allowed = groupable(events) if isinstance(rule, ChangeRule) else selectable(events)
    if rule.field not in allowed:
        yield ("field",), f"{named} has no field {rule.field!r} to tell values apart by{_nearest(rule.field, allowed)}"


def _nearest(name: str, allowed: Iterable[str]) -> str:
    return did_you_mean(name, allowed) if allowed else ""


def _problems_of_message(rule: AlertRule) -> Iterator[Problem]:
    if rule.message is None:
        return
    try:
        asked = placeholders(rule.message)
    except ValueError as error:
        yield ("message",), str(error)
        return
    known = rule.measures | set(rule.group_fields)
    for name in sorted(asked - known):
        yield ("message",), f"there is no {{{name}}} in it{did_you_mean(name, known)}"


def _unknown_events(keys: Keys, names: Iterable[str]) -> Iterator[Problem]:
    for name in sorted(names):
        if name not in CATALOGUE:
            yield keys, f"unknown event {name!r}{did_you_mean(name, CATALOGUE)}"


def _unknown_fields(key: str, clause: Clause, group_by: tuple[str, ...]) -> Iterator[Problem]:
    events = events_of(clause)
    named = ", ".join(sorted(events)) or "every event"
    for field in clause.keys() - {"event"} - selectable(events):
        yield (key, field), f"{named} has no field {field!r}{did_you_mean(field, selectable(events))}"
    for field in group_by:
        if field not in groupable(events):
            reason = f"{named} cannot be grouped by {field!r}{did_you_mean(field, groupable(events))}"
            yield ("group_by",), reason


def _problems_of_examples(examples: Examples) -> Iterator[Problem]:
    for kind, streams in (("fires", examples.fires), ("quiet", examples.quiet)):
        for number, stream in enumerate(streams):
            for position, spec in enumerate(stream):
                yield from problems_of_spec(("examples", kind, number, position), spec)


def problems_of_spec(keys: Keys, spec: EventSpec) -> Iterator[Problem]:
    """What is wrong with an event of an example: an unknown one, or fields that it does not have."""
    given = spec.model_extra or {}
    if spec.event is not None:
        yield from _unknown_events((*keys, "event"), [spec.event])
        allowed = selectable(()) | set(CATALOGUE[spec.event].__dataclass_fields__)
    else:
        allowed = frozenset(EventSpec.model_fields)
    for field in sorted(given.keys() - allowed):
        yield (
            (*keys, field),
            f"unknown key {field!r}{did_you_mean(field, allowed | EventSpec.model_fields.keys())}",
        )
