"""The one place where events become lines. It never raises: an event that cannot be written is counted."""

from __future__ import annotations

import logging
import secrets
import threading
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dq_gate.signals.sinks import Sink, open_sink

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from dq_gate.core.model import PackId
    from dq_gate.events import Event

Plane = Literal["request", "batch"]


class _Logger(Protocol):
    def log(self, level: int, event: str, **fields: Any) -> Any: ...


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
        self._logger = _logger(log, self._sink)
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
        context = self._context if pack is None else self._context | _named(pack)
        fields = context | {"plane": plane} | event.payload()
        if source is not None:
            fields["source"] = source
        try:
            self._logger.log(_LEVELS[event.level], event.name, **fields)
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


def _logger(log: str, sink: Sink | None) -> _Logger:
    import structlog

    if log == "structlog":
        application_logger: _Logger = structlog.get_logger("dq_gate")
        return application_logger
    renderer = structlog.processors.JSONRenderer(_dumps_text if sink is None else _dumps)
    logger: _Logger = structlog.wrap_logger(
        logging.getLogger("dq_gate") if sink is None else structlog.BytesLogger(sink),  # type: ignore[arg-type]  # it needs write and flush only
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _head_first,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=True,
    )
    return logger


_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def _head_first(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Begin every line with when, how grave and what."""
    head = {name: fields.pop(name) for name in ("timestamp", "level", "event")}
    return head | dict(fields)


def _dumps(value: Any, **_: Any) -> bytes:
    import orjson

    return orjson.dumps(value)


def _dumps_text(value: Any, **_: Any) -> str:
    return _dumps(value).decode()
