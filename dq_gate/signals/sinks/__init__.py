"""Where event lines go: files, streams, Redis, OpenTelemetry, or the application's own logging.

A file takes each line in the caller's thread, at the price of a write to the page cache. What may be slow is behind a
queue; see `queued`.
"""

from __future__ import annotations

import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate.errors import SettingsError
from dq_gate.settings import log_destinations
from dq_gate.signals.sinks.application import LoggingSink, StructlogSink
from dq_gate.signals.sinks.file import FileSink
from dq_gate.signals.sinks.otel import OTelOutlet, require_otel
from dq_gate.signals.sinks.queued import QueuedSink
from dq_gate.signals.sinks.redis import SCHEMES, RedisOutlet, StreamAddress
from dq_gate.signals.sinks.stream import PipeOutlet, StreamOutlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.settings import Settings
    from dq_gate.signals.sinks.base import Outlet, Sink


@dataclass(frozen=True, slots=True)
class SinkOptions:
    """How sinks are to be used.

    Attributes:
        max_bytes: Size at which a log file is rotated; 0 for never.
        backups: How many rotated files are kept.
        queue_lines: Most lines that wait for a slow sink.
        ca_file: Authorities to trust, for a Redis over TLS; None for the machine's own.
        cert_file: This client's certificate, for a Redis that asks for one.
        key_file: Its key, when it is not in the same file.
    """

    max_bytes: int = 0
    backups: int = 5
    queue_lines: int = 10_000
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> SinkOptions:
        """As the settings say."""
        return cls(
            max_bytes=int(settings.log_max_mb * 1e6),
            backups=settings.log_backups,
            queue_lines=settings.log_queue,
            ca_file=settings.redis_ca_file,
            cert_file=settings.redis_cert_file,
            key_file=settings.redis_key_file,
        )

    def tls(self, url: str) -> dict[str, Any]:
        """What redis-py's connections take for this address."""
        if not url.startswith("rediss"):
            return {}
        files = {"ssl_ca_certs": self.ca_file, "ssl_certfile": self.cert_file, "ssl_keyfile": self.key_file}
        return {name: str(path) for name, path in files.items() if path} | {"ssl_check_hostname": True}


def require_sinks(log: str) -> None:
    """Refuse destinations that cannot be, and import now what the first event would have to wait for. Opens nothing.

    Raises:
        SettingsError: a destination has no form that is known, or there is none.
        MissingExtraError: one needs an extra that is not installed.
    """
    destinations = log_destinations(log)
    if not destinations:
        raise SettingsError("log: names no destination; without the setting, events go to stderr")
    for destination in destinations:
        scheme, is_address, _ = destination.partition("://")
        if destination == "otel":
            require_otel()
        elif destination == "structlog":
            import structlog  # noqa: F401
        elif is_address:
            if scheme not in SCHEMES:
                raise SettingsError("log: of addresses only redis:// and rediss:// are known; a file is a path")
            StreamAddress.parse(destination)
            import redis  # noqa: F401


def open_sinks(log: str, options: SinkOptions, count_lost: Callable[[int], None]) -> tuple[Sink, ...]:
    """Open every destination of the setting `log`.

    Args:
        log: Destinations with commas between them.
        options: How they are to be used.
        count_lost: Told how many lines that were taken will never be written; called from another thread.
    """
    return tuple(_open_sink(destination, options, count_lost) for destination in log_destinations(log))


def _open_sink(destination: str, options: SinkOptions, count_lost: Callable[[int], None]) -> Sink:
    match destination:
        case "structlog":
            return StructlogSink()
        case "logging":
            return LoggingSink()
        case _ if (outlet := _outlet(destination, options)) is not None:
            return QueuedSink(outlet, options.queue_lines, count_lost)
    try:
        return FileSink(Path(destination), max_bytes=options.max_bytes, backups=options.backups)
    except OSError as error:
        problem = f"events cannot be written to {destination}: {error.strerror}; they go to stderr"
        sys.stderr.write(f"dq_gate: {problem}\n")
        return QueuedSink(StreamOutlet("stderr"), options.queue_lines, count_lost)


def _outlet(destination: str, options: SinkOptions) -> Outlet | None:
    """What may be slow and belongs behind a queue; None of a file."""
    match destination:
        case "stdout" | "/dev/stdout":
            return StreamOutlet("stdout")
        case "stderr" | "/dev/stderr":
            return StreamOutlet("stderr")
        case "otel":
            return OTelOutlet()
        case _ if "://" in destination:
            address = StreamAddress.parse(destination)
            return RedisOutlet(address, options.tls(address.url))
        case _ if _is_pipe(Path(destination)):
            return PipeOutlet(Path(destination))
        case _:
            return None


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False
