"""What every event has."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal, get_args

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)
PREFIX = "dq_gate."

CONTEXT_FIELDS: dict[str, str] = {
    "timestamp": "when it happened, RFC 3339 in UTC",
    "level": "debug, info, warning or error",
    "event": "the event's name",
    "namespace": "the quarantine namespace",
    "source": "the application or feed the input came from",
    "process": "random id of the process, drawn at its start",
    "release": "the application's release (setting `release`), when set",
    "plane": "request or batch",
    "pack": "the rule pack's name",
    "pack_version": "the rule pack's version",
    "pack_digest": "hash of the resolved pack",
    "trace_id": "trace of the current OpenTelemetry span, 32 hex digits, where there is one",
    "span_id": "that span, 16 hex digits",
    "cut": "fields whose values were shortened to keep the line under 8 KiB, where there are any",
}
"""Fields that every event carries, put there by the emitter; those with a condition only where it holds."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of the catalogue."""

    name: ClassVar[str]
    level: ClassVar[Level]

    def payload(self) -> dict[str, Any]:
        """The event's own fields, without those that are None."""
        names = _names(type(self))  # type: ignore[arg-type]  # mypy takes the hash of its instances for that of the class
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@cache
def _names(kind: type[Event]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
