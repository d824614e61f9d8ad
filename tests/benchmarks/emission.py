"""What one event costs the caller, against what a logger in its place would."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from dq_gate.core.model import PackId
from dq_gate.events import InputQuarantined
from dq_gate.signals.emitter import Emitter
from dq_gate.signals.sinks import SinkOptions
from tests.benchmarks.measure import Figure, best_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PER_ROUND = 2000
PACK = PackId("query", 3, "0123456789abcdef")
EVENT = InputQuarantined(
    entry_id="01jf0000000000000000000000",
    stored="store",
    rules=("query.text.deny", "query.text.length"),
    fields=("query",),
    group="0123456789abcdef",
    fallback=False,
    latency_us=12.345,
    put_ms=1.234,
)


def emitter(log: str, **options: Any) -> Emitter:
    """An emitter with the context that a gate's has."""
    return Emitter(
        log, namespace="default", source="support-bot", release="1.2.3", pack=PACK, options=SinkOptions(**options)
    )


def emitting(emitter: Emitter) -> Callable[[], object]:
    """One round of events, as the gate emits them."""
    return lambda: [emitter.emit(EVENT, pack=PACK) for _ in range(PER_ROUND)]


def raw(folder: Path) -> Callable[[], object]:
    """The least there is to do: the same fields by orjson, and one write."""
    line = emitter(str(folder / "one"))
    line.emit(EVENT)
    line.close()
    fields = orjson.loads((folder / "one").read_bytes())
    descriptor = os.open(folder / "raw", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    return lambda: [os.write(descriptor, orjson.dumps(fields) + b"\n") for _ in range(PER_ROUND)]


def through_structlog() -> Callable[[], object]:
    """structlog as its own documentation has it fastest: bytes, orjson, a cached logger, and its context."""
    logger = structlog.wrap_logger(
        structlog.BytesLogger(io.BytesIO()),  # type: ignore[arg-type]  # any binary stream will do
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("debug"),
        cache_logger_on_first_use=True,
    ).bind(namespace="default", source="support-bot", process="0123456789ab", release="1.2.3", plane="request")
    logger = logger.bind(pack=PACK.name, pack_version=PACK.version, pack_digest=PACK.digest)
    fields = EVENT.payload()
    return lambda: [logger.warning(EVENT.name, **fields) for _ in range(PER_ROUND)]


def figures() -> Iterator[Figure]:
    """Emission on the caller, held against twice raw orjson and a write plus structlog's own cost."""
    with tempfile.TemporaryDirectory(prefix="dq-gate-bench-") as name:
        folder = Path(name)
        limits = raw(folder), through_structlog()
        to_file = emitter(str(folder / "events.jsonl"))
        subject, raw_us, structlog_us = in_turn(emitting(to_file), *limits)
        allowed = 2 * raw_us + structlog_us
        yield Figure("an event into a file: twice orjson and write, plus structlog", "µs", subject, allowed, 1.0)
        yield Figure("  in 8 µs, which is that on a quiet machine", "µs", subject, None, 8.0, is_aim=True)
        yield Figure("  against orjson and write alone", "µs", subject, raw_us, 4.0, is_aim=True)
        yield Figure("  against structlog without a write", "µs", subject, structlog_us, 1.0, is_aim=True)
        to_file.close()
        rotated = emitter(str(folder / "rotated.jsonl"), max_bytes=10_000_000)
        subject, raw_us, structlog_us = in_turn(emitting(rotated), *limits)
        allowed = 2 * raw_us + structlog_us
        yield Figure("an event into a file that is rotated by size, likewise", "µs", subject, allowed, 1.0)
        rotated.close()
        subject, raw_us, structlog_us = in_turn(emitting(stalled(folder)), *limits)
        allowed = 2 * raw_us + structlog_us
        yield Figure("an event for a destination that stalls, likewise", "µs", subject, allowed, 1.0)


def in_turn(
    subject: Callable[[], object], raw: Callable[[], object], through_structlog: Callable[[], object]
) -> tuple[float, float, float]:
    """Microseconds of each, taken in turn, so that all meet the same noise."""
    beside_raw, raw_us = best_of(subject, raw, PER_ROUND)
    beside_structlog, structlog_us = best_of(subject, through_structlog, PER_ROUND)
    return min(beside_raw, beside_structlog), raw_us, structlog_us


def stalled(folder: Path) -> Emitter:
    """An emitter to a pipe that nobody reads, its queue full."""
    os.mkfifo(folder / "pipe")
    stalled = emitter(str(folder / "pipe"), queue_lines=100)
    emitting(stalled)()
    return stalled
