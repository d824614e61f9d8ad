"""OpenTelemetry logs as an outlet: one record a line, through the LoggerProvider that the application configured."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.errors import MissingExtraError
from dq_gate.signals.sinks.base import NOT_NOW, Sent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SEVERITIES = {"debug": 5, "info": 9, "warning": 13, "error": 17}
"""Severity numbers of the log data model."""
_OF_THE_RECORD = frozenset({"timestamp", "level", "event", "trace_id", "span_id"})
"""Fields that a record has places of its own for."""


def require_otel() -> None:
    """Import now what the first event would have to wait for.

    Raises:
        MissingExtraError: the extra `otel` is not installed.
    """
    try:
        import opentelemetry._logs
        import opentelemetry.trace  # noqa: F401
    except ImportError:
        raise MissingExtraError("the log destination otel", "otel") from None


class OTelOutlet:
    """Hands lines to the global LoggerProvider. It may be set after the gate was loaded: until then, lines wait."""

    def send(self, lines: Sequence[bytes]) -> Sent:
        """See `Outlet`. One line at a time: a processor that blocks holds no more than that."""
        if not _is_provided():
            return NOT_NOW
        try:
            _emit(orjson.loads(lines[0]))
        except Exception:  # noqa: BLE001 - processors and exporters are the application's
            return Sent(lost=1)
        return Sent(written=1)

    def close(self) -> None:
        """The provider belongs to the application."""


def _is_provided() -> bool:
    """Whether there is a provider; what stands in for it meanwhile takes records and drops them."""
    from opentelemetry._logs import get_logger_provider
    from opentelemetry._logs._internal import ProxyLoggerProvider

    return not isinstance(get_logger_provider(), ProxyLoggerProvider)


def _emit(fields: dict[str, Any]) -> None:
    from opentelemetry._logs import LogRecord, SeverityNumber, get_logger

    record = LogRecord(
        timestamp=int(datetime.fromisoformat(fields["timestamp"]).timestamp() * 1e6) * 1000,
        context=_context(fields.get("trace_id"), fields.get("span_id")),
        severity_number=SeverityNumber(_SEVERITIES[fields["level"]]),
        severity_text=fields["level"].upper(),
        body=fields["event"],
        event_name=fields["event"],
        attributes=dict(_attributes(fields)),
    )
    get_logger("dq_gate").emit(record)


def _context(trace_id: str | None, span_id: str | None) -> Any:
    """The context of the span that was current when the event happened; this thread has none."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if trace_id is None or span_id is None:
        return Context()
    # Whether the trace is sampled is not on the line; said to be, no processor leaves the event out.
    span = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(span), Context())


def _attributes(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Fields as flat attributes: `latency_us.p99`; lists of objects as JSON."""
    for name, value in fields.items():
        if name in _OF_THE_RECORD:
            continue
        if isinstance(value, dict):
            for inner, item in value.items():
                yield f"{name}.{inner}", item
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            yield name, orjson.dumps(value).decode()
        else:
            yield name, value
