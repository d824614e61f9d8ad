"""What a receiver is told: one shape for every notifier that sends JSON, and words for those that send text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import orjson

from dq_gate.core.printable import printable
from dq_gate.events import AlertFired

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = (
    "id",
    "alert",
    "severity",
    "group",
    "value",
    "threshold",
    "volume",
    "summary",
    "message",
    "runbook",
    "at",
    "fired_at",
    "reason",
)
"""Fields of both alert events. A body has every one; what an event does not say is null."""


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert event, as receivers are told of it.

    Attributes:
        event: The event's name.
        status: What it says.
        fields: Every field that either alert event has; None where this one has it not.
    """

    event: str
    status: Literal["firing", "resolved"]
    fields: Mapping[str, Any]

    @classmethod
    def of(cls, alert: Mapping[str, Any]) -> Notice:
        """Read the fields of a `dq_gate.alert.fired` or `.resolved` event."""
        is_firing = alert["event"] == AlertFired.name
        fields = {name: alert.get(name) for name in _FIELDS}
        if is_firing:
            fields["fired_at"] = alert["at"]
        return cls(alert["event"], "firing" if is_firing else "resolved", fields)

    @property
    def delivery_id(self) -> str:
        """The same whenever this is delivered again, so that receivers can leave repeats out."""
        return f"{self.fields['id']}:{'fired' if self.status == 'firing' else 'resolved'}"

    @property
    def body(self) -> bytes:
        """As JSON: `type`, `timestamp` and `data`, as Standard Webhooks advises."""
        data = {"status": self.status, **self.fields}
        return orjson.dumps({"type": self.event, "timestamp": self.fields["at"], "data": data})

    @property
    def title(self) -> str:
        """One line of printable text: status, severity, alert and group."""
        group = ", ".join(f"{name}={value}" for name, value in self.fields["group"].items())
        head = f"{self.status.upper()} ({self.fields['severity']}): {self.fields['alert']}"
        return printable(f"{head} [{group}]" if group else head)

    @property
    def text(self) -> str:
        """A few lines of printable text: what is wrong, how much, since when, and what to do."""
        fields = self.fields
        lines = [fields["summary"], fields["message"], f"value {fields['value']:g}, bound {fields['threshold']:g}"]
        if self.status == "firing":
            lines += [f"at {fields['at']}", fields["runbook"] and f"runbook: {fields['runbook']}"]
        else:
            why = "" if fields["reason"] == "ok" else f" ({fields['reason']})"
            lines.append(f"fired at {fields['fired_at']}, resolved at {fields['at']}{why}")
        return "\n".join(printable(line) for line in lines if line)
