"""The one place where events become lines. It never raises: an event that cannot be written is counted."""

from __future__ import annotations

import logging
import secrets
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import orjson

from dq_gate.signals.sinks import Sink, open_sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.core.model import PackId
    from dq_gate.events import Event

Plane = Literal["request", "batch"]


class Emitter:
    """Writes events with the context they all carry.

    Args:
        log: stderr, stdout, a file's path, or `structlog` or `logging` for the application's own configuration.
        namespace: The quarantine namespace.
        source: The application or feed.
        release: The application's release.
        pack: The pack in force; None where no pack is concerned.
    """

    def __init__(
        self, log: str, *, namespace: str, source: str, release: str | None = None, pack: PackId | None = None
    ) -> None:
        self.process = secrets.token_hex(6)
        self._context: dict[str, Any] = {"namespace": namespace, "source": source, "process": self.process}
        if release is not None:
            self._context["release"] = release
        if pack is not None:
            self.name_pack(pack)
        self._sink: Sink | None = None if log in ("structlog", "logging") else open_sink(log)
        self._write = _application_writer(log) if self._sink is None else _line_writer(self._sink)
        self._lock = threading.Lock()
        self._dropped = 0

    def name_pack(self, pack: PackId) -> None:
        """Say from now on that this pack is in force."""
        self._context = self._context | _named(pack)

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
        """As `emit`; False when the event was dropped."""
        named = {} if pack is None else _named(pack)
        fields = {**self._context, **named, "plane": plane, **event.payload()}
        if source is not None:
            fields["source"] = source
        try:
            self._write(event, fields)
        except Exception:  # noqa: BLE001 - a full disk or a foreign processor must not fail the guarded call
            self.count_dropped(1)
            return False
        return True

    def take_dropped(self) -> int:
        """How many events were lost since the last call."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def count_dropped(self, events: int) -> None:
        """Note that events were lost, or that nobody could be told of them yet."""
        with self._lock:
            self._dropped += events

    def follow_rotation(self) -> None:
        """Go on in a new file where the log file was rotated away."""
        if self._sink is not None:
            try:
                self._sink.follow_rotation()
            except OSError:
                self.count_dropped(1)

    def close(self) -> None:
        """Let go of the log file."""
        if self._sink is not None:
            self._sink.close()

    def abandon(self) -> None:
        """In a forked child: let go of the parent's log file."""
        if self._sink is not None:
            self._sink.abandon()


def _named(pack: PackId) -> dict[str, Any]:
    return {"pack": pack.name, "pack_version": pack.version, "pack_digest": pack.digest}


def _line_writer(sink: Sink) -> Callable[[Event, dict[str, Any]], None]:
    """Lines into a sink. Not by structlog, whose processors take longer than all else that an event costs."""

    def write(event: Event, fields: dict[str, Any]) -> None:
        sink.write(_line(event, fields) + b"\n")
        sink.flush()

    return write


def _application_writer(log: str) -> Callable[[Event, dict[str, Any]], None]:
    """Events through `logging` or `structlog`, as the application configured them."""
    if log == "logging":
        of_dq_gate = logging.getLogger("dq_gate")
        return lambda event, fields: of_dq_gate.log(_LEVELS[event.level], _line(event, fields).decode())
    import structlog

    logger = structlog.get_logger("dq_gate")
    return lambda event, fields: logger.log(_LEVELS[event.level], event.name, **fields)


_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def _line(event: Event, fields: dict[str, Any]) -> bytes:
    """JSON that begins with when, how grave and what."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return orjson.dumps({"timestamp": now, "level": event.level, "event": event.name, **fields})
