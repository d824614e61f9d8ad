"""Events become whole JSON lines with the context they all carry, and never an error of the caller's."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from dq_gate.core.model import PackId
from dq_gate.events import (
    CONTEXT_FIELDS,
    InputAdmitted,
    PackLoaded,
    RuleShadowed,
    StoreDegraded,
    StoreLocal,
)
from dq_gate.signals.emitter import Emitter

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


@pytest.fixture
def emitter(path):
    """An emitter with all that a context can hold."""
    emitter = Emitter(
        str(path), namespace="test", source="faq", release="1.2 é", pack=PackId("query", 3, "0123456789abcdef")
    )
    yield emitter
    emitter.close()


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_line_begins_with_when_how_grave_and_what(emitter, path):
    emitter.emit(PackLoaded(rules=7))
    (line,) = lines(path)
    assert list(line)[:3] == ["timestamp", "level", "event"]
    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert moment.tzinfo == UTC
    assert line == {
        "level": "info", "event": "dq_gate.pack.loaded", "namespace": "test", "source": "faq",
        "process": emitter.process,
        "release": "1.2 é", "plane": "request", "pack": "query", "pack_version": 3, "pack_digest": "0123456789abcdef",
        "rules": 7,
    }  # fmt: skip


def test_every_context_field_of_the_catalogue_is_carried_but_those_with_a_condition(emitter, path):
    emitter.emit(StoreLocal())
    assert lines(path)[0].keys() == CONTEXT_FIELDS.keys() - {"trace_id", "span_id", "cut"}


def test_what_is_not_known_is_left_out(path):
    emitter = Emitter(str(path), namespace="test", source="faq")
    emitter.emit(StoreLocal())
    emitter.close()
    assert not lines(path)[0].keys() & {"release", "pack", "pack_version", "pack_digest"}


def test_plane_and_source_can_be_told_per_event(emitter, path):
    emitter.emit(StoreLocal(), plane="batch", source="crawl")
    emitter.emit(StoreLocal())
    assert [(line["plane"], line["source"]) for line in lines(path)] == [("batch", "crawl"), ("request", "faq")]


@pytest.mark.parametrize(
    "event",
    [InputAdmitted(0.5, (), 1.0), PackLoaded(1), RuleShadowed(("a.b",)), StoreDegraded("redis", "TimeoutError")],
)
def test_the_level_is_the_events_own_and_none_is_filtered(emitter, path, event):
    emitter.emit(event)
    assert lines(path)[0]["level"] == event.level


def test_each_process_has_a_name_of_its_own(path):
    emitters = [Emitter(str(path), namespace="test", source="faq") for _ in range(2)]
    assert emitters[0].process != emitters[1].process
    for emitter in emitters:
        emitter.close()


def test_an_event_that_cannot_be_written_is_counted_and_raises_nothing(emitter):
    assert not emitter.try_emit(PackLoaded(rules=object()))
    assert emitter.dropped == 1


def test_a_lone_surrogate_hides_no_event(emitter, path):
    emitter.emit(RuleShadowed(("lone \ud800",)))
    assert lines(path)[0]["rules"] == ["lone ?"]


def test_events_after_the_close_are_counted(emitter):
    emitter.close()
    assert not emitter.try_emit(StoreLocal())
    assert emitter.dropped == 1


def test_rotation_is_followed(emitter, path):
    emitter.emit(StoreLocal())
    path.rename(path.with_suffix(".1"))
    emitter.follow_rotation()
    emitter.emit(StoreLocal())
    assert len(lines(path)) == 1


def test_a_folder_that_is_gone_at_rotation_is_counted(emitter, path, monkeypatch):
    def refuse():
        raise PermissionError

    monkeypatch.setattr(emitter._sinks[0], "follow_rotation", refuse)
    emitter.follow_rotation()
    assert emitter.dropped == 1


def test_the_applications_logging_gets_whole_lines(caplog):
    emitter = Emitter("logging", namespace="test", source="faq", release="100 %s")
    with caplog.at_level(logging.DEBUG, "dq_gate"):
        emitter.emit(StoreDegraded("redis", "TimeoutError"))
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("dq_gate", logging.ERROR)
    line = json.loads(record.getMessage())
    assert (line["event"], line["error"], line["release"]) == ("dq_gate.store.degraded", "TimeoutError", "100 %s")
    emitter.follow_rotation()
    emitter.close()


def test_the_applications_structlog_gets_the_events_fields_as_they_are_on_a_line(path):
    emitter = Emitter(f"structlog,{path}", namespace="test", source="faq")
    with structlog.testing.capture_logs() as captured:
        emitter.emit(RuleShadowed(("a.b", "c.d")))
    (event,) = captured
    assert event.pop("log_level") == "info"
    assert event == lines(path)[0]
    emitter.close()


def test_several_destinations_get_the_same_line(path, capsys):
    emitter = Emitter(f"{path},stdout", namespace="test", source="faq")
    assert emitter.try_emit(StoreLocal())
    assert emitter.flush()
    assert capsys.readouterr().out == path.read_text()
    emitter.close()


def test_a_line_is_counted_for_each_destination_that_it_does_not_reach(path, capsys):
    emitter = Emitter(f"/dev/full,{path},stderr", namespace="test", source="faq")
    assert emitter.try_emit(StoreLocal())
    assert emitter.dropped == 1
    emitter.emit(PackLoaded(rules=object()))
    assert emitter.dropped == 1 + 3
    emitter.close()
    assert len(lines(path)) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_a_queue_lost_is_counted_and_the_flush_says_so(monkeypatch):
    emitter = Emitter("stderr", namespace="test", source="faq")
    monkeypatch.setattr(sys, "stderr", None)
    assert emitter.try_emit(StoreLocal())
    assert not emitter.flush()
    assert emitter.dropped == 1
    emitter.close()


# OpenTelemetry


def test_an_event_within_a_span_names_it_and_one_without_does_not(emitter, path):
    tracer = TracerProvider().get_tracer("tests")
    with tracer.start_as_current_span("call") as span:
        emitter.emit(StoreLocal())
    emitter.emit(StoreLocal())
    within, without = lines(path)
    context = span.get_span_context()
    assert (within["trace_id"], within["span_id"]) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert not without.keys() & {"trace_id", "span_id"}


def test_opentelemetry_is_not_imported_for_it():
    code = (
        "import sys\nfrom dq_gate.signals.emitter import Emitter\nfrom dq_gate.events import StoreLocal\n"
        "emitter = Emitter('/dev/null', namespace='test', source='faq')\nemitter.emit(StoreLocal())\n"
        "sys.exit(emitter.dropped or any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_tracer_that_fails_costs_the_event_and_not_the_call(emitter, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", object())
    emitter.emit(StoreLocal())
    assert emitter.dropped == 1
