"""Of several watches of one alert pack one is at work; when it dies, another goes on where it stood."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

RULES = """\
pack: shared
alerts:
  - {name: crashes, kind: frequency, where: {event: dq_gate.rule.crashed}, group_by: [rule_id], above: 0, within: 1h,
     severity: page}
"""


def crash(rule):
    now = datetime.now(UTC).isoformat()
    return json.dumps({"timestamp": now, "level": "info", "event": "dq_gate.rule.crashed", "rule_id": rule}) + "\n"


@pytest.fixture(params=["sqlite", "redis"])
def watch(request, tmp_path, namespace):
    """Starts `dq-gate alerts run`; all of them share a log and a state."""
    (tmp_path / "alerts.yaml").write_text(RULES)
    (tmp_path / "events.jsonl").touch()
    url = f"sqlite:///{tmp_path / 'state.db'}"
    if request.param == "redis":
        url = request.getfixturevalue("redis_server").url
    arguments = ["--input", "events.jsonl", "--rules", "alerts.yaml", "--format", "jsonl", "--state", url]
    environment = {**os.environ, "DQ_GATE_NAMESPACE": namespace}

    def watch(*more):
        process = started.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "dq_gate", "alerts", "run", *arguments, *more],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=tmp_path,
                env=environment,
            )
        )
        started.callback(process.kill)
        return process

    with ExitStack() as started:
        yield watch


def say(tmp_path, rule):
    with (tmp_path / "events.jsonl").open("a") as log:
        log.write(crash(rule))


def fired(process, *, after=()):
    """The alert that fires next. What was printed in the moment of a kill may be printed again, under the same id."""
    alert = json.loads(process.stdout.readline())
    return fired(process) if alert in after else alert


def rule_of(alert):
    return alert["group"]["rule_id"]


def test_a_standby_takes_over_from_a_killed_watch_and_goes_on_where_it_stood(watch, tmp_path):
    first = watch()
    say(tmp_path, "a")
    assert rule_of(fired(first)) == "a"
    second = watch()
    assert b"watches the alert pack 'shared'; standing by" in second.stderr.readline()
    say(tmp_path, "b")
    last = fired(first)
    assert rule_of(last) == "b"
    first.kill()
    first.communicate(timeout=30)
    say(tmp_path, "c")
    assert rule_of(fired(second, after=[last])) == "c"
    second.send_signal(signal.SIGTERM)
    out, errors = second.communicate(timeout=30)
    assert (second.returncode, out) == (0, b"")
    assert errors.count(b"firing    crashes") == 3


def test_a_standby_ends_when_told_to(watch, tmp_path):
    first = watch()
    say(tmp_path, "a")
    assert rule_of(fired(first)) == "a"
    second = watch()
    second.stderr.readline()
    second.send_signal(signal.SIGTERM)
    assert second.communicate(timeout=30) == (b"", b"")
    assert second.returncode == 0
    once = watch("--once")
    _, errors = once.communicate(timeout=30)
    assert once.returncode == 3
    assert b"another evaluator is watching the alert pack 'shared'; stop it, or leave out --state" in errors
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=30)
    assert first.returncode == 0
