"""Which fields alert rules may ask for: those of the catalogue's events, and those that windows count by."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from dq_gate.alerts.rules import RatioRule
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

    from dq_gate.alerts.rules import AlertRule, Scalar

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


def selectable(events: Iterable[str]) -> frozenset[str]:
    """Fields of all these events that a clause can compare; a list is compared by its items."""
    return _common(events, _SINGLE | _LISTS)


def groupable(events: Iterable[str]) -> frozenset[str]:
    """Fields of all these events that hold a single value."""
    return _common(events, _SINGLE)


def _common(events: Iterable[str], types: frozenset[str]) -> frozenset[str]:
    own = [frozenset(field.name for field in fields(CATALOGUE[name]) if field.type in types) for name in events]
    return CONTEXT | frozenset.intersection(*own) if own else CONTEXT


def events_of(clause: Mapping[str, tuple[Scalar, ...]]) -> frozenset[str]:
    """Names of the events a clause asks for; empty means any."""
    return frozenset(str(name) for name in clause.get("event", ()))


def counted_by_windows(rule: RatioRule) -> bool:
    """Whether both sides of a ratio can be read off windows, exactly and at the same moment."""
    events = events_of(rule.where)
    wanted = rule.where.keys() - {"event"} | set(rule.group_by)
    by_outcome = bool(events) and events <= OUTCOMES.keys()
    by_rule = "rule_id" not in wanted or events == {QUARANTINED}
    return rule.of == "inputs" and by_outcome and by_rule and wanted <= WINDOW_FIELDS


def counts_failures(rule: AlertRule) -> bool:
    """Whether a rule reads the windows' counts of failures by rule."""
    if not isinstance(rule, RatioRule) or not counted_by_windows(rule):
        return False
    return "rule_id" in rule.where or "rule_id" in rule.group_by
