"""The schema of event lines, and where a command's events go."""

from __future__ import annotations

import json
import os

import orjson

from docs.generate import REFERENCE


def test_the_schema_is_the_published_one(run):
    printed = run("signals", "schema")
    assert printed.code == 0
    assert json.loads(printed.out) == json.loads((REFERENCE / "events.schema.json").read_text(encoding="utf-8"))


def test_a_command_leaves_out_what_is_the_applications(run, quarantined, place, monkeypatch):
    monkeypatch.setenv("DQ_GATE_LOG", f"stdout,{place}/own.jsonl,otel,structlog")
    result = run("quarantine", "show", quarantined[0], "--reveal", "--format", "json")
    assert result.document["id"] == quarantined[0]
    (event,) = map(orjson.loads, (place / "own.jsonl").read_bytes().splitlines())
    assert event["event"] == "dq_gate.entry.revealed"


def test_a_payload_is_shown_once_the_event_is_written_and_not_only_queued(run, quarantined, monkeypatch):
    monkeypatch.setenv("DQ_GATE_LOG", "stderr")
    result = run("quarantine", "show", quarantined[0], "--reveal", "--format", "json")
    assert result.document["payload"] == {"query": "first\x01"}
    assert "dq_gate.entry.revealed" in result.err


def test_nothing_is_shown_while_the_log_takes_no_event(run, quarantined, place, monkeypatch):
    os.mkfifo(place / "pipe")  # which nobody reads
    monkeypatch.setenv("DQ_GATE_LOG", f"{place}/pipe,redis://gate:secret@127.0.0.1:1/0")
    result = run("quarantine", "show", quarantined[0], "--reveal", "--format", "json")
    assert (result.code, result.out) == (2, "")
    assert "cannot be written, so nothing is revealed" in result.err
    assert "secret" not in result.err


def test_the_events_of_a_stream_are_read_as_those_of_a_file(
    run, quarantined, redis_server, namespace, monkeypatch, place
):
    stream = f"{redis_server.url}?stream={namespace}"
    monkeypatch.setenv("DQ_GATE_LOG", f"{place}/own.jsonl,{stream}")
    run("quarantine", "show", quarantined[0], "--reveal")
    from_file = run("signals", "tail", "--format", "jsonl").rows
    assert run("signals", "tail", "--format", "jsonl", "--input", stream).rows == from_file
    assert [event["event"] for event in from_file] == ["dq_gate.entry.revealed"]
