"""Which fields alert rules may ask for: those of the catalogue's events, and those that windows count by."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from dq_gate.alerts.rules import BurnRateRule, CardinalityRule, Counting, NewTermRule, RatioRule
from dq_gate.events import (
    CATALOGUE,
    CONTEXT_FIELDS,
    InputAdmitted,
    InputQuarantined,
    InputRepaired,
    WindowClosed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq_gate.alerts.rules import Clause, Rule, Scalar

WINDOW_CLOSED = WindowClosed.name
ADMITTED = InputAdmitted.name
QUARANTINED = InputQuarantined.name

OUTCOMES = {ADMITTED: "clean", InputRepaired.name: "repaired", QUARANTINED: "quarantined"}
"""Events that windows count exactly, and the outcome they count them under."""

JUDGED = frozenset({"clean", "repaired", "quarantined", "shadowed"})
"""Outcomes of inputs that were judged: a share of unjudged ones would say zero and know nothing."""

CONTEXT = frozenset(CONTEXT_FIELDS) - {"timestamp", "event"}
WINDOW_FIELDS = CONTEXT - {"level"} | {"mode", "rule_id"}
"""What window counts can be filtered and grouped by: context, the gate's mode, a row's source and rule."""

_SINGLE = frozenset({"str", "str | None", "int", "float", "bool"})
_LISTS = frozenset({"tuple[str, ...]"})
_NUMBERS = frozenset({"int", "float"})
_NUMBERS_BY_NAME = {"dict[str, float] | None": ("p50", "p95", "p99"), "dict[str, int]": ()}
"""Types of fields that hold numbers by name, and the names, when they are always the same."""


def selectable(events: Iterable[str]) -> frozenset[str]:
    """Fields of all these events that a clause can compare; a list is compared by its items."""
    return _common(events, _SINGLE | _LISTS)


def groupable(events: Iterable[str]) -> frozenset[str]:
    """Fields of all these events that hold a single value."""
    return _common(events, _SINGLE)


def is_number(events: Iterable[str], path: str) -> bool:
    """Whether a dotted path leads to a number in all these events."""
    name, _, key = path.partition(".")
    types = [{field.name: str(field.type) for field in fields(CATALOGUE[event])}.get(name, "") for event in events]
    if not key:
        return bool(types) and all(kind in _NUMBERS for kind in types)
    known = [_NUMBERS_BY_NAME.get(kind) for kind in types]
    return bool(known) and all(names is not None and (not names or key in names) for names in known)


def numbers(events: Iterable[str]) -> frozenset[str]:
    """Paths of the numbers that all these events have; of those that rules name, none."""
    found = []
    for event in events:
        own = {field.name: str(field.type) for field in fields(CATALOGUE[event])}
        single = {name for name, kind in own.items() if kind in _NUMBERS}
        found.append(single | {f"{name}.{key}" for name, kind in own.items() for key in _NUMBERS_BY_NAME.get(kind, ())})
    return frozenset[str].intersection(*map(frozenset, found)) if found else frozenset()


def _common(events: Iterable[str], types: frozenset[str]) -> frozenset[str]:
    own = [frozenset(field.name for field in fields(CATALOGUE[name]) if field.type in types) for name in events]
    return CONTEXT | frozenset.intersection(*own) if own else CONTEXT


def events_of(clause: Mapping[str, tuple[Scalar, ...]]) -> frozenset[str]:
    """Names of the events a clause asks for; empty means any."""
    return frozenset(str(name) for name in clause.get("event", ()))


def counted_fields(rule: Rule) -> frozenset[str]:
    """The fields by which a rule tells what it counts apart, its events' names aside."""
    terms = {rule.field} if isinstance(rule, NewTermRule | CardinalityRule) else set[str]()
    return frozenset(rule.where.keys() - {"event"} | set(rule.group_by) | terms)


def asks_for_inputs(rule: Rule) -> bool:
    """Whether a rule wants inputs counted from windows, as a whole or for themselves."""
    if isinstance(rule, RatioRule | BurnRateRule):
        return rule.of == "inputs"
    return isinstance(rule, Counting) and rule.count == "inputs"


def counted_by_windows(rule: Rule) -> bool:
    """Whether all that a rule counts can be read off windows, exactly and at the same moment."""
    events, wanted = events_of(rule.where), counted_fields(rule)
    by_outcome = bool(events) and events <= OUTCOMES.keys()
    by_rule = "rule_id" not in wanted or events == {QUARANTINED}
    return asks_for_inputs(rule) and by_outcome and by_rule and wanted <= WINDOW_FIELDS


def counts_failures(rule: Rule) -> bool:
    """Whether a rule reads the windows' counts of failures by rule."""
    return counted_by_windows(rule) and "rule_id" in counted_fields(rule)


def counts_rules(clause: Clause, group_by: Iterable[str]) -> bool:
    """Whether a part counted by windows is failures by rule, not inputs by outcome."""
    return "rule_id" in clause or "rule_id" in group_by
