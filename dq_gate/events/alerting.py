"""Alerts raised from the events, and fallbacks used."""

from __future__ import annotations

from dataclasses import dataclass

from dq_gate.events.base import PREFIX, Event


@dataclass(frozen=True, slots=True)
class AlertFired(Event):
    """An alert rule's condition holds.

    Attributes:
        id: Of this firing: the same on the event that resolves it, and on every delivery.
        alert: The rule's name.
        severity: page, ticket or info.
        group: Values of the fields the rule groups by.
        value: What was measured.
        threshold: What it was held against.
        at: Event time, RFC 3339 in UTC.
        summary: One line for whoever is called.
        volume: The whole of a ratio.
        message: What the rule says of this group.
        runbook: Where to read on.
    """

    name = PREFIX + "alert.fired"
    level = "error"
    id: str
    alert: str
    severity: str
    group: dict[str, str]
    value: float
    threshold: float
    at: str
    summary: str
    volume: float | None = None
    message: str | None = None
    runbook: str | None = None


@dataclass(frozen=True, slots=True)
class AlertResolved(Event):
    """A fired alert's condition no longer holds.

    Attributes:
        id: That of the event that fired it.
        alert: The rule's name.
        severity: page, ticket or info.
        group: Values of the fields the rule groups by.
        value: What was measured.
        threshold: What it was held against.
        at: Event time, RFC 3339 in UTC.
        fired_at: When it fired, event time.
        reason: ok (the condition is over), removed (the rule is gone or was changed) or forgotten (nothing was heard
            of the group for too long).
    """

    name = PREFIX + "alert.resolved"
    level = "info"
    id: str
    alert: str
    severity: str
    group: dict[str, str]
    value: float
    threshold: float
    at: str
    fired_at: str
    reason: str = "ok"


@dataclass(frozen=True, slots=True)
class FallbackUsed(Event):
    """A guarded call was served by its fallback.

    Attributes:
        entry_id: The quarantined input's entry.
    """

    name = PREFIX + "fallback.used"
    level = "info"
    entry_id: str
