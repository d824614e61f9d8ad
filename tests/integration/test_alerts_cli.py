"""`dq-gate alerts` and `dq-gate signals` as real processes: what an operator types, pipes into and interrupts."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

START = datetime(2025, 1, 1, tzinfo=UTC)
RULES = """\
alerts:
  - name: crashes
    kind: frequency
    where: {event: dq_gate.rule.crashed}
    group_by: [rule_id]
    above: 0
    within: 1m
    severity: page
"""


def command(*arguments):
    return [sys.executable, "-m", "dq_gate", *map(str, arguments)]


def dq_gate(*arguments, cwd, **options):
    environment = {**os.environ, "DQ_GATE_STATE_DIR": str(cwd)}
    return subprocess.run(
        command(*arguments), cwd=cwd, env=environment, capture_output=True, timeout=60, check=False, **options
    )


@contextmanager
def running(arguments, cwd):
    """A command that is read from while it runs, and is gone at the end."""
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd) as process:
        try:
            yield process
        finally:
            process.kill()


def event(at, name, **fields):
    head = {"timestamp": at.isoformat(), "level": "info", "event": f"dq_gate.{name}", "namespace": "default"}
    return json.dumps({**head, "source": "web", "process": "p", **fields}) + "\n"


def windows(times, **counts):
    rows = [{"source": "web", "outcome": outcome, "count": count} for outcome, count in counts.items()]
    for seq in range(times):
        at = START + timedelta(seconds=10 * seq)
        yield event(at, "window.closed", seq=seq, part=1, parts=1, mode="enforce", inputs=rows, rules=[])


@pytest.fixture
def log(tmp_path):
    return tmp_path / "events.jsonl"


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "alerts.yaml"
    path.write_text(RULES)
    return path


def test_once_reads_the_log_of_the_state_directory_and_exits_with_1_when_an_alert_fired(log, tmp_path):
    log.write_text("".join(windows(30, clean=70, quarantined=30)))
    done = dq_gate("alerts", "run", "--once", cwd=tmp_path)
    (alert,) = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert (alert["event"], alert["alert"]) == ("dq_gate.alert.fired", "quarantine-ratio-high")
    assert (alert["value"], alert["threshold"], alert["group"]) == (0.3, 0.2, {"source": "web"})
    assert (alert["at"], alert["severity"]) == ("2025-01-01T00:02:00.000Z", "ticket")
    assert alert["runbook"] == "docs/how-to/runbooks/quarantine-ratio.md"
    assert b"30 lines: 30 events, 0 foreign, 0 broken" in done.stderr
    assert b"firing    quarantine-ratio-high  source=web  0.3 of 3000" in done.stderr


def test_once_exits_with_0_when_all_is_well(log, tmp_path):
    log.write_text("".join(windows(30, clean=90, quarantined=10)))
    done = dq_gate("alerts", "run", "--once", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_pipe_full_of_rubbish_is_counted_and_harmless(tmp_path):
    rubbish = [
        b'198.18.0.0 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 203023 "-" "-"',
        b'{"message": "of another program"}',
        b"\xff\xfe\x00\x01",
        b"[" * 100_000,
        b'{"event": "dq_gate.gate.started", "timestamp": ',
        b'{"event": "dq_gate.gate.started", "timestamp": "soon"}',
        b'{"event": "dq_gate.window.closed", "timestamp": "2025-01-01T00:00:00Z", "inputs": 7}',
        b"{" + b" " * 10_000_000 + b"}",
    ]
    text = b"\n".join(rubbish) + b"\n" + "".join(windows(30, clean=100)).encode()
    done = dq_gate("alerts", "run", "--input", "-", "--once", cwd=tmp_path, input=text)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"38 lines: 30 events, 4 foreign, 4 broken" in done.stderr


def test_one_document_holds_alerts_states_and_account(log, rules, tmp_path):
    log.write_text(event(START, "rule.crashed", rule_id="a.b") * 2 + "".join(windows(10, clean=1)))
    done = dq_gate("alerts", "run", "--once", "--rules", rules, "--format", "json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert [(alert["event"], alert["group"]) for alert in document["alerts"]] == [
        ("dq_gate.alert.fired", {"rule_id": "a.b"}),
        ("dq_gate.alert.resolved", {"rule_id": "a.b"}),
    ]
    (state,) = document["states"]
    assert (state["alert"], state["state"], state["value"]) == ("crashes", "resolved", 0)
    assert document["account"] == {
        "lines": 12, "ours": 12, "foreign": 0, "broken": 0, "fired": 1, "gone": 0, "late": 0, "skewed": 0,
        "malformed": 0, "duplicates": 0, "missing": 0, "incomplete": 0, "evicted": 0, "forgotten": 0, "not_numbers": 0,
    }  # fmt: skip


def test_a_followed_log_raises_alerts_through_a_rotation_until_sigterm(log, rules, tmp_path):
    now = datetime.now(UTC)
    log.write_text(event(now, "rule.crashed", rule_id="before"))
    arguments = command("alerts", "run", "--input", log, "--rules", rules, "--format", "jsonl")
    with running(arguments, tmp_path) as process:
        assert json.loads(process.stdout.readline())["group"] == {"rule_id": "before"}
        log.rename(tmp_path / "events.1")
        log.write_text(event(now, "rule.crashed", rule_id="after"))
        assert json.loads(process.stdout.readline())["group"] == {"rule_id": "after"}
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"2 lines: 2 events, 0 foreign, 0 broken" in errors
    assert errors.count(b"firing    crashes") == 2


def test_a_watch_whose_terminal_went_ends_well(log, rules, tmp_path):
    log.write_text(event(datetime.now(UTC), "rule.crashed", rule_id="before"))
    arguments = command("alerts", "run", "--input", log, "--rules", rules, "--format", "jsonl")
    with running(arguments, tmp_path) as process:
        assert process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert b"1 lines: 1 events, 0 foreign, 0 broken" in errors


def test_a_watch_says_at_once_that_windows_are_missing(log, rules, tmp_path):
    now = datetime.now(UTC)
    log.write_text("".join(event(now, "window.closed", seq=seq) for seq in (0, 7)))
    arguments = command("alerts", "run", "--input", log, "--rules", rules)
    with running(arguments, tmp_path) as process:
        assert process.stderr.readline() == b"so far 6 windows are missing\n"
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert b"\n6 windows are missing" in errors


def test_a_log_that_stops_is_noticed_by_the_clock(log, tmp_path):
    rules = tmp_path / "alerts.yaml"
    rules.write_text(
        "alerts: [{name: silent, kind: absence, where: {event: dq_gate.window.closed}, within: 1s, severity: page}]"
    )
    arguments = command("alerts", "run", "--input", log, "--rules", rules, "--format", "jsonl")
    with running(arguments, tmp_path) as process:
        assert json.loads(process.stdout.readline())["event"] == "dq_gate.alert.fired"
        log.write_text(event(datetime.now(UTC), "window.closed", seq=0))
        assert json.loads(process.stdout.readline())["event"] == "dq_gate.alert.resolved"
        assert json.loads(process.stdout.readline())["event"] == "dq_gate.alert.fired"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--once", "--input", "missing.jsonl"], "missing.jsonl: no such file"),
        (["run", "--once", "--input", "."], "is a directory"),
        (["run", "--once", "--rules", "missing.yaml"], "missing.yaml: cannot be read: No such file"),
        (["run", "--format", "json"], "add --once or use jsonl"),
        (["run", "--input", "."], "is a directory"),
        (["run", "--input", "redis://:hunter2@host/0?x=y"], "an input in Redis is redis://host:port/db?stream=NAME"),
        (["run", "--input", "a", "--input", "a"], "an input is named twice"),
        (["run", "--state", "mysql://host"], "an alert state is sqlite:///path.db or redis://host:6379/0"),
        (["run", "--once", "--notify", "carrier-pigeon"], "notify: address 1"),
        (["test", "--rules", "broken.yaml"], "broken.yaml:3: alert crashes: unknown kind 'often'"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_2(arguments, said, tmp_path):
    (tmp_path / "broken.yaml").write_text(RULES.replace("frequency", "often"))
    done = dq_gate("alerts", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_a_log_without_any_event_is_pointed_out(log, tmp_path):
    for encoding, is_said in (("utf-16", True), ("utf-8", False)):
        log.write_text(event(START, "store.local"), encoding)
        done = dq_gate("alerts", "run", "--once", cwd=tmp_path)
        assert (b"no line is an event of dq_gate" in done.stderr) == is_said


def test_a_state_that_finds_no_room_is_one_line_and_exits_with_3(log, tmp_path):
    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = dq_gate("alerts", "run", "--input", str(log), cwd=tmp_path, preexec_fn=no_room)
    assert done.returncode == 3
    assert b"its disk is full or fails; free some space" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_shipped_alerts_pass_their_own_test(tmp_path):
    done = dq_gate("alerts", "test", cwd=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch(rb"all [0-9]+ examples hold\n", done.stdout)


def test_an_example_that_does_not_hold_is_named(rules, tmp_path):
    rules.write_text(RULES + "    examples: {quiet: [[{at: 0s, event: dq_gate.rule.crashed}]]}\n")
    done = dq_gate("alerts", "test", "--rules", rules, "--format", "jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"alert": "crashes", "expected": "quiet", "number": 1, "holds": False}


def test_lint_finds_an_alert_without_a_runbook(rules, tmp_path):
    done = dq_gate("alerts", "lint", "--rules", rules, cwd=tmp_path)
    assert done.returncode == 1
    assert b"has no runbook" in done.stdout


def test_tail_prints_events_and_obeys_none_of_their_control_characters(log, tmp_path):
    hostile = "web\x1b[2J\x9b31m\u202e\x07\x7f"
    log.write_text(
        event(START, "rule.crashed", rule_id=hostile, source=hostile, pack=[{}])
        + "not ours\n"
        + '{"event": "dq_gate.'
        + "\n"
        + "".join(windows(1, clean=70, quarantined=30))
    )
    for format_ in ("table", "json", "jsonl"):
        done = dq_gate("signals", "tail", "--format", format_, cwd=tmp_path)
        printed = done.stdout.decode()
        assert done.returncode == 0
        assert all(character.isprintable() or character == "\n" for character in printed)
        assert done.stderr == b"2 events; skipped 1 foreign and 1 broken lines\n"
        if format_ == "table":
            crash, window = printed.splitlines()
            assert crash.startswith("2025-01-01T00:00:00Z  info     rule.crashed")
            assert window.endswith("mode=enforce  web: 70 clean, 30 quarantined")
        else:
            records = json.loads(printed) if format_ == "json" else list(map(json.loads, printed.splitlines()))
            assert [record["source"] for record in records] == [hostile, "web"]


def test_tail_prints_events_whose_fields_are_of_no_expected_type(log, tmp_path):
    log.write_text(event(START, "window.closed", level=[{}], source={"a": None}, inputs=[7], mode=None, seq="x"))
    done = dq_gate("signals", "tail", cwd=tmp_path)
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 1)


def test_tail_shows_only_the_events_asked_for(log, tmp_path):
    log.write_text(event(START, "rule.crashed") + event(START, "store.local") + event(START, "gate.started"))
    done = dq_gate("signals", "tail", "--event", "store.local", "--event", "dq_gate.gate.started", cwd=tmp_path)
    assert [line.split()[2] for line in done.stdout.decode().splitlines()] == ["store.local", "gate.started"]
    done = dq_gate("signals", "tail", "--event", "rule.crash", cwd=tmp_path)
    assert done.returncode == 2
    assert b"no event 'rule.crash'; did you mean 'rule.crashed'?" in done.stderr


def test_tail_follows_until_interrupted(log, tmp_path):
    arguments = command("signals", "tail", "--follow", "--input", log)
    with running(arguments, tmp_path) as process:
        log.write_text(event(START, "store.local"))
        assert b"store.local" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == b"1 events; skipped 0 foreign and 0 broken lines\n"
