"""The one place where events become lines. It never raises: an event that cannot be written is counted."""

from __future__ import annotations

import secrets
import sys
import threading
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, Self

from dq_gate.signals.line import to_line
from dq_gate.signals.sinks import SinkOptions, open_sinks

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.core.model import PackId
    from dq_gate.events import Event
    from dq_gate.settings import Settings

Plane = Literal["request", "batch"]

FLUSH_SECONDS = 1.0
"""Longest that a close, or a flush, waits for destinations that are slow."""


class Emitter:
    """Writes events, with the context they all carry, to every destination.

    Args:
        log: Destinations as the setting `log` names them.
        namespace: The quarantine namespace.
        source: The application or feed.
        release: The application's release.
        pack: The pack in force; None where no pack is concerned.
        options: How the destinations are to be used.
        observe: Shown every event, whether or not it can be written; it must not raise.

    Attributes:
        dropped: Events that were lost so far; one that two destinations lost counts twice.
    """

    def __init__(
        self,
        log: str,
        *,
        namespace: str,
        source: str,
        release: str | None = None,
        pack: PackId | None = None,
        options: SinkOptions = SinkOptions(),  # noqa: B008 - a frozen value
        observe: Callable[[Event], None] | None = None,
    ) -> None:
        self.process = secrets.token_hex(6)
        self._context: dict[str, Any] = {"namespace": namespace, "source": source, "process": self.process}
        if release is not None:
            self._context["release"] = release
        self._pack: PackId | None = None
        if pack is not None:
            self.name_pack(pack)
        self._lock = threading.RLock()
        self.dropped = 0
        self._observe = observe
        self._sinks = open_sinks(log, options, self.count_dropped)

    @classmethod
    def of(cls, settings: Settings, pack: PackId | None = None, observe: Callable[[Event], None] | None = None) -> Self:
        """An emitter as the settings say; without the setting `log`, to stderr."""
        return cls(
            settings.log or "stderr",
            namespace=settings.namespace,
            source=settings.source,
            release=settings.release,
            pack=pack,
            options=SinkOptions.of(settings),
            observe=observe,
        )

    def name_pack(self, pack: PackId) -> None:
        """Say from now on that this pack is in force."""
        self._context, self._pack = self._context | _named(pack), pack

    def emit(
        self, event: Event, *, plane: Plane = "request", source: str | None = None, pack: PackId | None = None
    ) -> None:
        """Write one event, or count it as dropped.

        Args:
            event: A value of the catalogue.
            plane: Where it happened.
            source: Overrides the emitter's source.
            pack: What judged, where that may not be what is in force now.
        """
        self.try_emit(event, plane=plane, source=source, pack=pack)

    def try_emit(
        self, event: Event, *, plane: Plane = "request", source: str | None = None, pack: PackId | None = None
    ) -> bool:
        """As `emit`; False when no destination took the event.

        A file that took it has it. What a queue took may be lost yet: `flush` says whether it was.
        """
        if self._observe is not None:
            self._observe(event)
        try:
            line = self._line(event, plane, source, pack)
        except Exception:  # noqa: BLE001 - whatever it is, it must not fail the guarded call
            self.count_dropped(len(self._sinks))
            return False
        refused = 0
        for sink in self._sinks:
            try:
                sink.write(line)
            except Exception:  # noqa: BLE001 - a full disk or a foreign processor must not fail the guarded call
                refused += 1
        if refused:
            self.count_dropped(refused)
        return refused < len(self._sinks)

    def count_dropped(self, events: int) -> None:
        """Note that events were lost."""
        with self._lock:
            self.dropped += events

    def flush(self) -> bool:
        """Wait for what was taken to be written, `FLUSH_SECONDS` at the most.

        Returns:
            Whether all of it was, since the last flush.
        """
        ends = monotonic() + FLUSH_SECONDS
        are_written = [sink.flush(max(0.0, ends - monotonic())) for sink in self._sinks]
        return all(are_written)

    def follow_rotation(self) -> None:
        """Go on in a new file where the log file was rotated away."""
        for sink in self._sinks:
            try:
                sink.follow_rotation()
            except OSError:
                self.count_dropped(1)

    def close(self) -> None:
        """Write what waits, within `FLUSH_SECONDS`, and let go of all destinations."""
        ends = monotonic() + FLUSH_SECONDS
        for sink in self._sinks:
            sink.close(max(0.0, ends - monotonic()))

    def abandon(self) -> None:
        """In a forked child: let go of what is the parent's."""
        for sink in self._sinks:
            sink.abandon()

    def _line(self, event: Event, plane: Plane, source: str | None, pack: PackId | None) -> bytes:
        context = self._context
        if pack is not None and pack is not self._pack:
            context = context | _named(pack)
        fields = {
            "timestamp": datetime.now(UTC),
            "level": event.level,
            "event": event.name,
            **context,
            "plane": plane,
            **event.payload(),
        }
        if source is not None:
            fields["source"] = source
        tracing = sys.modules.get("opentelemetry.trace")
        if tracing is not None:
            fields |= _current_span(tracing)
        return to_line(fields)


def _named(pack: PackId) -> dict[str, Any]:
    return {"pack": pack.name, "pack_version": pack.version, "pack_digest": pack.digest}


def _current_span(tracing: Any) -> dict[str, str]:
    """The OpenTelemetry span that the event happened in, if there is one.

    Args:
        tracing: `opentelemetry.trace`, which the application imported.
    """
    context = tracing.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
