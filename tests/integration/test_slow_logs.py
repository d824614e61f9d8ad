"""A destination that stalls costs the caller counted drops and nothing else: pipes, a stopped Redis, OpenTelemetry."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
import redis
from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

from dq_gate.events import PackLoaded, StoreMeasured, WindowClosed
from dq_gate.signals import emitter as emitter_module
from dq_gate.signals.emitter import Emitter
from dq_gate.signals.sinks import SinkOptions
from tests.fakes import eventually
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
EVENTS = 3000
QUEUE = SinkOptions(queue_lines=500)


def numbers(lines: list[bytes]) -> list[int]:
    """The numbers that `emit_all` put into events, each line whole."""
    return [orjson.loads(line)["rules"] for line in lines]


def emit_all(emitter: Emitter, count: int = EVENTS) -> int:
    """Emit numbered events; how many were taken."""
    return sum(emitter.try_emit(PackLoaded(number)) for number in range(count))


# A pipe

WRITER = """
import sys
from dq_gate.events import PackLoaded
from dq_gate.signals.emitter import Emitter
from dq_gate.signals.sinks import SinkOptions

emitter = Emitter("stdout", namespace="test", source="faq", options=SinkOptions(queue_lines=500))
for number in range(int(sys.argv[1])):
    emitter.emit(PackLoaded(number))
print("emitted", file=sys.stderr, flush=True)
sys.stdin.readline()
emitter.emit(PackLoaded(int(sys.argv[1])))
emitter.close()
print(emitter.dropped, file=sys.stderr)
"""


def written_by(writer: subprocess.Popen[bytes], *, reads_before_close: bool) -> tuple[list[bytes], int]:
    """Lines that reached the pipe, and the drops that the writer counted."""
    assert writer.stdin and writer.stdout and writer.stderr  # noqa: PT018 - for the type checker
    assert writer.stderr.readline() == b"emitted\n"
    written: list[bytes] = []
    reader = threading.Thread(target=lambda: written.extend(writer.stdout or ()))
    if reads_before_close:
        reader.start()
    writer.stdin.close()
    dropped = int(writer.stderr.read())
    if not reads_before_close:
        reader.start()
    assert writer.wait(30) == 0
    reader.join()
    return written, dropped


@pytest.mark.parametrize("reads_before_close", [True, False], ids=["read late", "read after the end"])
def test_a_pipe_that_nobody_reads_stops_nobody_and_every_drop_is_counted(reads_before_close: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(EVENTS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as writer:
        written, dropped = written_by(writer, reads_before_close=reads_before_close)
    assert 0 < dropped < EVENTS
    assert len(written) + dropped == EVENTS + 1
    assert numbers(written) == sorted(set(numbers(written)))
    assert len(written) >= (QUEUE.queue_lines if reads_before_close else 1)


def test_what_is_queued_reaches_a_pipe_before_a_normal_exit() -> None:
    done = subprocess.run([sys.executable, "-c", WRITER, "400"], cwd=ROOT, input=b"", capture_output=True, check=True)
    assert numbers(done.stdout.splitlines()) == list(range(401))
    assert done.stderr == b"emitted\n0\n"


def test_a_child_writes_what_it_emits_and_nothing_of_the_parents(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    emitter = Emitter(str(path), namespace="test", source="faq")
    emitter.emit(PackLoaded(1))  # waits: nobody reads the pipe
    child = os.fork()
    if child == 0:  # pragma: no cover - coverage does not see it
        emitter.abandon()
        own = Emitter(str(path), namespace="test", source="faq")
        own.emit(PackLoaded(2))
        is_written = own.flush()
        os._exit(0 if is_written else 1)
    with path.open("rb") as reader:
        assert os.waitpid(child, 0)[1] == 0
        assert emitter.flush()
        emitter.close()
        written = reader.read().splitlines()
    assert sorted(numbers(written)) == [1, 2]


# Redis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path / "redis") as server:
        yield server


def streamed(server: RedisServer, stream: str = "events") -> list[bytes]:
    with redis.Redis.from_url(server.url) as client:
        return [fields[b"line"] for _, fields in client.xrange(stream)]


def redis_emitter(server: RedisServer, options: str = "stream=events") -> Emitter:
    return Emitter(f"{server.url}?{options}", namespace="test", source="faq", options=QUEUE)


def test_a_stream_of_redis_takes_the_lines_in_order(server: RedisServer) -> None:
    emitter = redis_emitter(server)
    assert emit_all(emitter, 400) == 400
    emitter.close()
    assert emitter.dropped == 0
    assert numbers(streamed(server)) == list(range(400))


def test_the_stream_is_kept_at_about_its_length(server: RedisServer) -> None:
    emitter = redis_emitter(server, "stream=events&maxlen=100")
    for _ in range(10):
        emit_all(emitter, 200)
        assert emitter.flush()
    emitter.close()
    assert 100 <= len(streamed(server)) <= 300


def test_a_stopped_redis_costs_drops_alone_and_doubles_no_line_when_it_goes_on(server: RedisServer) -> None:
    emitter = redis_emitter(server)
    emitter.emit(PackLoaded(-1))
    assert emitter.flush()
    server.stop()
    taken = emit_all(emitter)
    assert 0 < taken < EVENTS
    assert not emitter.flush()  # time-outs meanwhile: batches in doubt, sent again
    server.cont()
    eventually(emitter.flush)
    emitter.close()
    found = numbers(streamed(server))
    assert found == [-1, *sorted(set(found[1:]))]
    assert len(found) - 1 == taken
    assert emitter.dropped == EVENTS - taken


def test_a_redis_that_was_restarted_goes_on(server: RedisServer) -> None:
    emitter = redis_emitter(server)
    emitter.emit(PackLoaded(1))
    assert emitter.flush()
    server.kill()
    emitter.emit(PackLoaded(2))
    server.start()
    eventually(emitter.flush)
    emitter.close()
    assert numbers(streamed(server)) == [1, 2]


def test_a_key_that_is_no_stream_costs_counted_drops(server: RedisServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.set("events", "text")
    emitter = redis_emitter(server)
    emit_all(emitter, 10)
    emitter.close()
    assert emitter.dropped == 10


def test_the_rights_that_the_page_names_are_enough(server: RedisServer) -> None:
    page = (ROOT / "docs" / "how-to" / "send-events-elsewhere.md").read_text(encoding="utf-8")
    (rights,) = re.findall(r"The user needs `([^`]*)`", page)
    with redis.Redis.from_url(server.url) as client:
        keys = ("~dq:events", "~{dq:events}:writer:*")
        client.execute_command("ACL", "SETUSER", "log", "on", ">word", "resetkeys", *keys, "-@all", *rights.split())
    address = server.url.replace("//", "//log:word@")
    emitter = Emitter(address, namespace="test", source="faq")
    emitter.emit(PackLoaded(1))
    emitter.close()
    assert numbers(streamed(server, "dq:events")) == [1]


def test_a_redis_that_is_away_at_the_end_holds_the_end_up_no_longer_than_its_time(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emitter_module, "FLUSH_SECONDS", 0.4)
    server.kill()
    emitter = redis_emitter(server)
    emit_all(emitter, 10)
    emitter.close()
    assert emitter.dropped == 10


# OpenTelemetry


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoggerProvider]:
    """The global LoggerProvider, for one test."""
    provider = LoggerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", provider)
    yield provider
    provider.shutdown()


@pytest.fixture
def emitter() -> Iterator[Emitter]:
    emitter = Emitter("otel", namespace="test", source="faq", options=QUEUE)
    yield emitter
    emitter.close()


def test_opentelemetry_gets_records_with_name_severity_trace_and_flat_attributes(
    provider: LoggerProvider, emitter: Emitter
) -> None:
    exporter = InMemoryLogRecordExporter()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    row = {"source": "faq", "outcome": "clean", "count": 3}
    moment = "2026-01-31T12:00:00.000Z"
    quantiles = {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    window = WindowClosed(0, 1, 1, moment, moment, "enforce", (row,), (), quantiles, None, 0)
    with TracerProvider().get_tracer("tests").start_as_current_span("call") as span:
        emitter.emit(window)
    emitter.emit(StoreMeasured(1, 2, 3, 4, 5, 6.0))
    assert emitter.flush()
    of_window, of_store = (item.log_record for item in exporter.get_finished_logs())
    assert (of_window.event_name, of_window.severity_text, of_window.severity_number.value) == (
        "dq_gate.window.closed", "INFO", 9,
    )  # fmt: skip
    current = span.get_span_context()
    assert (of_window.trace_id, of_window.span_id) == (current.trace_id, current.span_id)
    attributes = dict(of_window.attributes)
    assert attributes["latency_us.p95"] == 2.0
    assert orjson.loads(attributes["inputs"]) == [row]
    assert attributes["namespace"] == "test"
    assert not attributes.keys() & {"timestamp", "level", "event", "trace_id", "span_id"}
    assert of_store.trace_id == 0
    assert of_store.attributes["oldest_pending_s"] == 6.0
    assert of_window.timestamp <= of_store.timestamp


def test_events_wait_for_the_provider_to_be_set(emitter: Emitter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", None)
    taken = emit_all(emitter)
    assert taken == QUEUE.queue_lines
    provider, exporter = LoggerProvider(shutdown_on_exit=False), InMemoryLogRecordExporter()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    monkeypatch.setattr(_logs._internal, "_LOGGER_PROVIDER", provider)
    eventually(emitter.flush)
    assert len(exporter.get_finished_logs()) == taken
    assert emitter.dropped == EVENTS - taken
    provider.shutdown()


def test_a_processor_that_blocks_costs_drops_alone(provider: LoggerProvider, emitter: Emitter) -> None:
    may_go_on, counted = threading.Event(), Counter[str]()

    class Blocking(LogRecordProcessor):
        def on_emit(self, log_record: object) -> None:
            may_go_on.wait()
            counted["processed"] += 1

        def shutdown(self) -> None: ...

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return True

    provider.add_log_record_processor(Blocking())
    taken = emit_all(emitter)
    assert taken == QUEUE.queue_lines
    may_go_on.set()
    eventually(emitter.flush)
    assert counted["processed"] == taken
    assert emitter.dropped == EVENTS - taken


def test_a_processor_that_raises_costs_its_event(provider: LoggerProvider, emitter: Emitter) -> None:
    class Raising(LogRecordProcessor):
        def on_emit(self, log_record: object) -> None:
            raise LookupError

        def shutdown(self) -> None: ...

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return True

    provider.add_log_record_processor(Raising())
    emit_all(emitter, 10)
    assert not emitter.flush()
    assert emitter.dropped == 10


def test_a_whole_gate_goes_on_beside_destinations_that_stall(
    load: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.integration.gating import named, refusal

    monkeypatch.setattr(emitter_module, "FLUSH_SECONDS", 0.4)
    os.mkfifo(tmp_path / "pipe")
    gate = load(log=f"{tmp_path / 'pipe'},{tmp_path / 'events.jsonl'}", log_queue=5)
    for _ in range(20):
        assert refusal(gate).stored == "store"  # type: ignore[arg-type]  # the fixture's gates
    gate.close()  # type: ignore[attr-defined]
    written = [orjson.loads(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    assert len(named(written, "input.quarantined")) == 20
    (window,) = named(written, "window.closed")
    started = 3
    assert window["dropped"] == started + 20 - 5
