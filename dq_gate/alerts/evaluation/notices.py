"""What is said of a group that fires or resolves: the events that are handed out. Pure; times are milliseconds."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.alerts.evaluation.messages import render
from dq_gate.events import AlertFired, AlertResolved

if TYPE_CHECKING:
    from dq_gate.alerts.evaluation.groups import Group, Key
    from dq_gate.alerts.evaluation.trackers.base import Measurement
    from dq_gate.alerts.rules import AlertRule

Alert = AlertFired | AlertResolved


def fired(rule: AlertRule, group: Group[Any], measured: Measurement, now: int) -> AlertFired:
    """A group fires, or is still firing when somebody may be told of it."""
    said = standing(rule, group, measured)
    at, value = rfc3339(now), said["value"]
    summary = rule.summary or f"{rule.kind} {value:g}, bound {rule.threshold:g}"
    fields = {**said["group"], "value": value, "threshold": rule.threshold, "volume": measured.volume}
    fields |= {"severity": rule.severity, "alert": rule.name, "at": at}
    message = render(rule.message, fields) if rule.message is not None else None
    told = {name: said[name] for name in said if name != "fired_at"}
    return AlertFired(**told, at=at, summary=summary, volume=measured.volume, message=message, runbook=rule.runbook)


def resolved(rule: AlertRule, group: Group[Any], measured: Measurement, now: int, reason: str = "ok") -> AlertResolved:
    """A group no longer fires."""
    return AlertResolved(**standing(rule, group, measured), at=rfc3339(now), reason=reason)


def standing(rule: AlertRule, group: Group[Any], measured: Measurement) -> dict[str, Any]:
    """What is the same in every event about one firing, but for the value."""
    return {
        "id": firing_id(rule, group),
        "alert": rule.name,
        "severity": rule.severity,
        "group": labels(rule, group.key),
        "value": round(measured.value or 0.0, 4),
        "threshold": rule.threshold,
        "fired_at": rfc3339(group.condition.fired_at),
    }


def firing_id(rule: AlertRule, group: Group[Any]) -> str:
    """What one firing is known by, the same in every run over the same log: 16 hexadecimal digits."""
    known = [rule.name, labels(rule, group.key), rfc3339(group.condition.fired_at)]
    return hashlib.sha256(orjson.dumps(known, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def labels(rule: AlertRule, key: Key) -> dict[str, str]:
    """The values that tell a group apart, by field."""
    return dict(zip(rule.group_fields, key, strict=False))


def rfc3339(milliseconds: int) -> str:
    """Milliseconds since the epoch as text, UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
