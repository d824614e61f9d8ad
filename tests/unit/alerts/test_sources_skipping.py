"""Lines that no rule counts are left out, and no alert may depend on it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.load import load_rules, parse_rules
from dq_gate.alerts.sources.lines import LineReader

START = datetime(2025, 1, 1, tzinfo=UTC)
FLOOD = "kind: frequency, where: {event: dq_gate.input.quarantined, stored: none}, above: 0, within: 1m"


def rules(*texts):
    lines = [f"  - {{name: rule-{n}, severity: page, {text}}}" for n, text in enumerate(texts)]
    return parse_rules("alerts:\n" + "\n".join(lines))


@pytest.mark.parametrize(
    ("text", "needles"),
    [
        (FLOOD, (b'"none"',)),
        (FLOOD.replace("stored: none", "stored: [none, spool]"), (b'"none"', b'"spool"')),
        (FLOOD.replace(", stored: none", ""), None),
        (FLOOD.replace("stored: none", 'source: "a b"'), None),
        (FLOOD + ", until: {event: dq_gate.input.quarantined, stored: store}", None),
    ],
)
def test_what_a_line_must_hold_to_count_is_known_or_it_is_read(text, needles):
    ignored = Engine(rules(text)).ignored
    assert ignored.get("dq_gate.input.quarantined") == needles
    assert ignored["dq_gate.input.admitted"] == ()


def test_an_event_counts_when_any_of_its_rules_may_count_it():
    ignored = Engine(rules(FLOOD, FLOOD.replace("none", "spool"))).ignored
    assert ignored["dq_gate.input.quarantined"] == (b'"none"', b'"spool"')
    unclear = "kind: absence, where: {event: dq_gate.input.quarantined}, within: 1m"
    assert "dq_gate.input.quarantined" not in Engine(rules(FLOOD, unclear)).ignored


def test_rules_that_listen_to_every_event_ignore_none():
    assert Engine(rules("kind: absence, where: {source: web}, within: 1m")).ignored == {}


def log(chance):
    """Some minutes of windows and inputs, with gaps, in which much goes wrong."""
    at, seq = START, 0
    for _ in range(6_000):
        at += timedelta(milliseconds=chance.randrange(200) if chance.random() < 0.995 else 90_000)
        name = chance.choice(["input.admitted"] * 20 + ["input.quarantined"] * 20 + ["window.closed", "rule.crashed"])
        fields = {"stored": chance.choice(["store"] * 40 + ["none"])} if name == "input.quarantined" else {}
        if name == "window.closed":
            counts = {"clean": 100, "quarantined": chance.choice([2, 60])}
            rows = [{"source": "web", "outcome": outcome, "count": count} for outcome, count in counts.items()]
            fields = {"seq": seq, "part": 1, "parts": 1, "mode": "enforce", "inputs": rows, "rules": []}
            seq += 1
        head = {"timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z", "level": "info", "event": f"dq_gate.{name}"}
        head |= {"namespace": "default", "source": "web", "process": "p", "rule_id": "a.b", "pack": "query"}
        yield json.dumps(head | fields, separators=(",", ":")).encode()


def test_leaving_lines_out_changes_no_alert_and_no_count():
    shipped, lines = load_rules(), list(log(random.Random(3)))
    said, read = [], []
    for ignored in ({}, Engine(shipped).ignored):
        engine, reader = Engine(shipped), LineReader(ignored)
        events = reader.read_all(lines)
        alerts = [alert for record, at in events for alert in engine.feed(record, at)]
        said.append([*alerts, *engine.finish()])
        read.append((len(events), reader.lines, reader.foreign, reader.broken))
    assert said[0] == said[1]
    assert len(said[0]) > 10
    assert read[0] == (6_000, 6_000, 0, 0)
    assert read[1][0] < 3_000
    assert read[1][1:] == read[0][1:]
