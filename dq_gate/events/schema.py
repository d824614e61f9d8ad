"""The JSON Schema of the event catalogue, made from its classes and their docstrings. Pure.

Every line is one of the events, told apart by `event`. A field whose value is None is left out of the line, so that no
field is ever null. Lines have no other fields than those named here; what an application's own structlog processors
add is up to it.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dq_gate.events import CATALOGUE
from dq_gate.events.base import CONTEXT_FIELDS, LEVELS, Event

Schema = dict[str, Any]

_MOMENT: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$",
}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NAME: Schema = {"type": "string", "pattern": "^[a-z0-9._-]{1,64}$"}
_CONTEXT: dict[str, Schema] = {
    "timestamp": _MOMENT,
    "level": {"enum": list(LEVELS)},
    "event": {"type": "string"},
    "namespace": _NAME,
    "source": _NAME,
    "process": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
    "release": {"type": "string"},
    "plane": {"enum": ["request", "batch"]},
    "pack": {"type": "string"},
    "pack_version": {"type": "integer"},
    "pack_digest": {"type": "string"},
    "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    "span_id": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    "cut": {"type": "array", "items": {"type": "string"}},
}
_NOT_ALWAYS_THERE = frozenset({"release", "pack", "pack_version", "pack_digest", "trace_id", "span_id", "cut"})
_SIMPLE: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
}


def _rows(**columns: Schema) -> Schema:
    row = {"type": "object", "properties": columns, "required": list(columns), "additionalProperties": False}
    return {"type": "array", "items": row}


_MODES: Schema = {"enum": ["enforce", "shadow", "off"]}
_QUANTILES: Schema = {
    "type": "object",
    "properties": {name: {"type": "number"} for name in ("p50", "p95", "p99")},
    "required": ["p50", "p95", "p99"],
    "additionalProperties": False,
}
_CLOSER: dict[str, Schema] = {
    "mode": _MODES,
    "opened_at": _MOMENT,
    "closed_at": _MOMENT,
    "at": _MOMENT,
    "fired_at": _MOMENT,
    "stored": {"enum": ["store", "spool", "none", "unknown"]},
    "severity": {"enum": ["page", "ticket", "info"]},
    "sample_rate": {"type": "number", "minimum": 0, "maximum": 1},
    "latency_us of dq_gate.window.closed": _QUANTILES,
    "put_ms of dq_gate.window.closed": _QUANTILES,
    "inputs of dq_gate.window.closed": _rows(
        source=_NAME,
        outcome={"enum": ["clean", "repaired", "quarantined", "shadowed", "unjudged"]},
        count=_COUNT,
    ),
    "rules of dq_gate.window.closed": _rows(
        source=_NAME, rule_id={"type": "string"}, mode={"enum": ["enforce", "shadow"]}, count=_COUNT
    ),
}
"""What a field's type alone does not say, by the field's name, or by that of its event too."""


def event_schema() -> Schema:
    """The whole catalogue: JSON Schema, draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:dq_gate:events",
        "title": "Event lines of dq_gate",
        "description": "One JSON object a line, under 8 KiB.",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in CATALOGUE],
        "$defs": {"context": _context(), **{name: _event(event) for name, event in CATALOGUE.items()}},
    }


def documented(event: type[Event]) -> tuple[str, dict[str, str]]:
    """An event's summary, and the meaning of each of its fields, from its docstring."""
    summary, _, attributes = (inspect.getdoc(event) or "").partition("Attributes:")
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return " ".join(summary.split()), {name: " ".join(text.split()) for name, text in entries}


def _context() -> Schema:
    """What every line has."""
    return {
        "type": "object",
        "properties": {name: _CONTEXT[name] | {"description": meaning} for name, meaning in CONTEXT_FIELDS.items()},
        "required": [name for name in CONTEXT_FIELDS if name not in _NOT_ALWAYS_THERE],
    }


def _event(event: type[Event]) -> Schema:
    summary, meanings = documented(event)
    hints = get_type_hints(event)
    own = {field.name: hints[field.name] for field in fields(event)}
    told = {"event": {"const": event.name}, "level": {"const": event.level}}
    described = {
        name: _field(event.name, name, hint) | {"description": meanings.get(name, "")} for name, hint in own.items()
    }
    return {
        "description": summary,
        "$ref": "#/$defs/context",
        "properties": told | described,
        "required": [name for name, hint in own.items() if NoneType not in get_args(hint)],
        "unevaluatedProperties": False,
    }


def _field(event: str, name: str, hint: Any) -> Schema:
    closer = _CLOSER.get(f"{name} of {event}") or _CLOSER.get(name)
    return closer or _typed(hint)


def _typed(hint: Any) -> Schema:
    """The schema of values of a type; None is left out of a line, so that it needs none."""
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return _typed(inner)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _typed(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _typed(arguments[1])}
    raise TypeError(f"an event has a field of type {hint}")
