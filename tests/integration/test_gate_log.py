"""Events reach where the setting `log` says, and no log that fails fails a call."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import structlog

from dq_gate.gate.runtime import MEASURED_EVERY
from dq_gate.quarantine.writer import Writer
from dq_gate.signals import windows as windows_module
from dq_gate.signals.sinks.file import FileSink
from tests.fakes import eventually
from tests.integration.gating import CLEAN, FAILING, arefusal, counts, lines, named, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate import Gate

ROOT = Path(__file__).parents[2]
STORY = ["gate.started", "pack.loaded", "store.local", "input.quarantined", "window.closed", "gate.stopped"]


def story(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"].removeprefix("dq_gate.") for event in events]


def parsed(text: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("log", ["stdout", "stderr", None])
def test_a_stream_takes_the_lines(
    load: Callable[..., Gate], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, log: str | None
) -> None:
    monkeypatch.delenv("DQ_GATE_LOG", raising=False)
    settings = {} if log is None else {"log": log}
    with load(**{"log": "stderr"} | settings) as gate:
        refusal(gate)
    written = capfd.readouterr()
    assert story(parsed(written.out if log == "stdout" else written.err)) == STORY
    assert (written.err if log == "stdout" else written.out) == ""


def test_a_stream_that_is_replaced_later_takes_the_lines_from_then_on(
    load: Callable[..., Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = load(log="stderr")
    first, second = io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", first)
    refusal(gate)
    assert gate.runtime().emitter.flush()
    monkeypatch.setattr(sys, "stderr", second)
    gate.close()
    assert story(parsed(first.getvalue())) == STORY[:4]
    assert story(parsed(second.buffer.getvalue().decode())) == STORY[4:]  # type: ignore[attr-defined]  # a BytesIO


@pytest.mark.parametrize("stream", [None, "closed"])
def test_a_stream_that_is_gone_fails_no_call(
    load: Callable[..., Gate], monkeypatch: pytest.MonkeyPatch, stream: str | None
) -> None:
    gone = None if stream is None else io.StringIO()
    if gone is not None:
        gone.close()
    monkeypatch.setattr(sys, "stderr", gone)
    with load(log="stderr") as gate:
        assert refusal(gate).stored == "store"
        assert gate.admit(CLEAN) is CLEAN


def test_structlog_takes_the_events_through_the_applications_own_configuration(load: Callable[..., Gate]) -> None:
    with structlog.testing.capture_logs() as captured, load(log="structlog") as gate:
        error = refusal(gate)
    assert story(captured) == STORY
    assert [event["log_level"] for event in captured] == ["info"] * 3 + ["warning"] + ["info"] * 2
    assert captured[3]["entry_id"] == error.entry_id
    assert captured[3]["pack"] == "small"


def test_logging_takes_the_lines_at_their_levels(load: Callable[..., Gate], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "dq_gate"), load(log="logging") as gate:
        refusal(gate)
    assert story([orjson.loads(record.getMessage()) for record in caplog.records]) == STORY
    assert [record.levelname for record in caplog.records] == ["INFO"] * 3 + ["WARNING"] + ["INFO"] * 2
    assert {record.name for record in caplog.records} == {"dq_gate"}


def test_a_processor_of_the_application_that_raises_fails_no_call(load: Callable[..., Gate]) -> None:
    def raise_always(*_: Any) -> Any:
        raise LookupError

    structlog.configure(processors=[raise_always])
    try:
        gate = load(log="structlog")
        assert refusal(gate).stored == "store"
        assert gate.runtime().emitter.dropped == 4
    finally:
        structlog.reset_defaults()


def test_a_handler_of_the_application_that_asks_the_gate_gets_its_verdict_and_no_event_of_it(
    load: Callable[..., Gate], caplog: pytest.LogCaptureFixture
) -> None:
    """An event of it would be handled by another such question, without end."""
    gate = load(log="logging")
    gate.admit(CLEAN)
    asked = []

    class Asking(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            asked.append(refusal(gate).stored)

    logger, handler = logging.getLogger("dq_gate"), Asking()
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.INFO, "dq_gate"):
            refusal(gate)
            assert asked == ["store"]
            assert gate.runtime().emitter.dropped == 1
    finally:
        logger.removeHandler(handler)


def test_a_logger_that_is_to_be_awaited_is_counted_as_refusing(load: Callable[..., Gate]) -> None:
    async def ask() -> int:
        gate = load(log="structlog")
        await arefusal(gate)
        return gate.runtime().emitter.dropped

    structlog.configure(wrapper_class=structlog.stdlib.AsyncBoundLogger)
    try:
        assert asyncio.run(ask()) == 4
    finally:
        structlog.reset_defaults()


def test_a_log_file_is_made_with_its_directory_for_the_owner_alone(load: Callable[..., Gate], tmp_path: Path) -> None:
    log = tmp_path / "logs" / "today" / "events.jsonl"
    with load(log=str(log)) as gate:
        refusal(gate)
    assert story(lines(log)) == STORY
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_log_file_that_cannot_be_opened_gives_way_to_stderr_loudly(
    load: Callable[..., Gate], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with load(log=str(tmp_path)) as gate:
        refusal(gate)
    complaint, *written = capfd.readouterr().err.splitlines()
    assert complaint == f"dq_gate: events cannot be written to {tmp_path}: Is a directory; they go to stderr"
    assert story(parsed("\n".join(written))) == STORY


@pytest.mark.parametrize("how", ["renamed", "removed"])
def test_a_rotated_log_is_followed_and_no_line_is_lost(
    load: Callable[..., Gate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.005)
    log, old = tmp_path / "events.jsonl", tmp_path / "events.jsonl.1"
    gate = load()
    refusal(gate)
    if how == "renamed":
        log.rename(old)
    else:
        os.link(log, old)
        log.unlink()
    eventually(log.exists)
    refusal(gate)
    gate.close()
    both = lines(old) + lines(log)
    assert counts(both) == {"quarantined": 2}
    assert len(named(both, "input.quarantined")) == 2
    windows = named(both, "window.closed")
    assert [window["seq"] for window in windows] == list(range(len(windows)))
    assert {window["dropped"] for window in windows} == {0}


def test_a_full_disk_fails_no_call_and_every_drop_is_told_when_there_is_room_again(
    load: Callable[..., Gate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows_module, "WINDOW_SECONDS", 0.005)
    monkeypatch.setattr(Writer, "measure", lambda _: None)  # its event would be lost too, or not
    log = tmp_path / "events.jsonl"
    log.symlink_to("/dev/full")
    gate = load()
    for _ in range(20):
        assert refusal(gate).stored == "store"
    assert gate.admit(CLEAN) is CLEAN
    log.unlink()
    eventually(log.exists)
    gate.close()
    windows = named(lines(log), "window.closed")
    lost_windows = windows[0]["seq"]
    lost_at_start = 3
    lost = lost_at_start + 20 + lost_windows
    most_measurements = lost_windows // MEASURED_EVERY + 1
    assert lost <= windows[0]["dropped"] <= lost + most_measurements
    assert {window["dropped"] for window in windows[1:]} <= {0}


def test_threads_that_write_while_the_log_is_rotated_and_closed_write_nowhere_else(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    sink = FileSink(log)
    line = b"x" * 50 + b"\n"
    is_over = threading.Event()
    refused: list[OSError] = []

    def write() -> None:
        while not is_over.is_set():
            try:
                sink.write(line)
            except OSError as error:
                refused.append(error)
                return

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    others = []
    for number in range(200):
        log.rename(tmp_path / f"events.jsonl.{number}")
        sink.follow_rotation()
        others.append((tmp_path / f"other-{number}").open("wb"))
    sink.close()
    others.append((tmp_path / "other-last").open("wb"))
    for thread in threads:
        thread.join()
    is_over.set()
    assert [str(error) for error in refused] == ["the log file is closed"] * 4
    for other in others:
        other.close()
        assert Path(other.name).stat().st_size == 0
    assert set(b"".join(path.read_bytes() for path in tmp_path.glob("events*")).split(b"\n")) == {line[:-1], b""}


TORN = """
import resource, sys
from pathlib import Path
from dq_gate.signals.sinks.file import FileSink

sink = FileSink(Path(sys.argv[1]))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
sink.write(b"first\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
for line in (b"second\\n", b"third\\n"):
    try:
        sink.write(line)
    except OSError:
        print("refused")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
sink.write(b"fourth\\n")
sink.write(b"fifth\\n")
"""


def test_a_line_that_the_disk_took_in_part_spoils_no_other(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", TORN, str(log)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "refused\nrefused\n"
    assert log.read_bytes() == b"first\nseco\nfourth\nfifth\n"


def test_lines_of_several_gates_in_one_file_stay_whole(load: Callable[..., Gate], tmp_path: Path) -> None:
    gates = [load() for _ in range(3)]
    threads = [threading.Thread(target=lambda gate=gate: [refusal(gate) for _ in range(50)]) for gate in gates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for gate in gates:
        gate.close()
    written = lines(tmp_path / "events.jsonl")
    assert len(named(written, "input.quarantined")) == 150
    assert len({line["process"] for line in written}) == 3


def test_no_line_is_longer_than_eight_kibibytes(load: Callable[..., Gate], tmp_path: Path) -> None:
    rules = "\n".join(
        f"  - {{id: query.{'x' * 100}.n{number:03}, field: query, check: not_matches, patterns: [forbidden]}}"
        for number in range(120)
    )
    path = tmp_path / "long.yaml"
    path.write_text(f"pack: long\nversion: 1\nfields: {{query: {{type: str}}}}\nrules:\n{rules}\n", encoding="utf-8")
    with load(path, source="s" * 64, release="r" * 64) as gate:
        refusal(gate, {"query": FAILING["query"]})
        with gate.batch() as batch:
            batch.admit({"query": FAILING["query"]})
    log = tmp_path / "events.jsonl"
    assert max(map(len, log.read_bytes().splitlines())) < 8192
    windows = named(lines(log), "window.closed")
    assert [window["part"] for window in windows] == list(range(1, windows[0]["parts"] + 1))
    assert sum(len(window["rules"]) for window in windows) == 120
    assert counts(windows) == {"quarantined": 2}
