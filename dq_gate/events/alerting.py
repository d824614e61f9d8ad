"""Alerts raised from the events, and fallbacks used."""

from __future__ import annotations

from dataclasses import dataclass

from dq_gate.events.base import PREFIX, Event


@dataclass(frozen=True, slots=True)
class AlertFired(Event):
    """An alert rule's condition holds.

    Attributes:
        alert: The rule's name.
        severity: page, ticket or info.
        group: Values of the fields the rule groups by.
        value: What was measured.
        threshold: What it was held against.
        at: Event time, RFC 3339 in UTC.
        summary: One line for whoever is called.
        runbook: Where to read on.
    """

    name = PREFIX + "alert.fired"
    level = "error"
    alert: str
    severity: str
    group: dict[str, str]
    value: float
    threshold: float
    at: str
    summary: str
    runbook: str | None = None


@dataclass(frozen=True, slots=True)
class AlertResolved(Event):
    """A fired alert's condition no longer holds.

    Attributes:
        alert: The rule's name.
        severity: page, ticket or info.
        group: Values of the fields the rule groups by.
        value: What was measured.
        threshold: What it was held against.
        at: Event time, RFC 3339 in UTC.
    """

    name = PREFIX + "alert.resolved"
    level = "info"
    alert: str
    severity: str
    group: dict[str, str]
    value: float
    threshold: float
    at: str


@dataclass(frozen=True, slots=True)
class FallbackUsed(Event):
    """A guarded call was served by its fallback.

    Attributes:
        entry_id: The quarantined input's entry.
    """

    name = PREFIX + "fallback.used"
    level = "info"
    entry_id: str
