"""What an exported alert says: message templates as Go templates. Pure."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from dq_gate.alerts.export.promql import number

if TYPE_CHECKING:
    from dq_gate.alerts.rules import AlertRule


def said_of(rule: AlertRule, *, was_seen: bool = True) -> dict[str, str]:
    """Summary, description and runbook of a rule; of what was never seen there is no group and no value to tell."""
    summary = literal(rule.summary or f"{rule.name} ({rule.kind})")
    described = description(rule) if was_seen else f"{summary} None has been seen at all."
    said = {"summary": summary, "description": described}
    return said | ({"runbook_url": literal(rule.runbook)} if rule.runbook else {})


def description(rule: AlertRule) -> str:
    """The rule's message, filled in by Prometheus; without one, its group, what was measured, and the bound."""
    if rule.message is None:
        groups = "".join(f"{field} {{{{ $labels.{field} }}}}, " for field in rule.group_by)
        return f'{groups}{{{{ printf "%.6g" $value }}}} (bound {number(rule.threshold)})'
    parsed = string.Formatter().parse(rule.message)
    return "".join(literal(text) + _field(rule, field, spec or "") for text, field, spec, _ in parsed)


def literal(text: str) -> str:
    """Text in a Go template that stands for itself."""
    return text.replace("{{", '{{ "{{" }}')


def _field(rule: AlertRule, field: str | None, spec: str) -> str:
    match field:
        case None:
            return ""
        case "value":
            return _value(spec)
        case "threshold":
            return literal(format(rule.threshold, spec))
        case "severity" | "alert":
            return rule.severity if field == "severity" else rule.name
        case "volume":
            return f"at least {getattr(rule, 'min_volume', 1)}"
        case "at":
            return "now"
        case _:
            return f"{{{{ $labels.{field} }}}}"


def _value(spec: str) -> str:
    """What was measured: a share as a percentage, else a number with six digits."""
    return "{{ $value | humanizePercentage }}" if spec.endswith("%") else '{{ printf "%.6g" $value }}'
