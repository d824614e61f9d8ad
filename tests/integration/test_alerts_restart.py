"""A watch that is killed or stopped, at whatever moment, goes on and repeats nothing and loses nothing."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import eventually

START = datetime(2025, 1, 1, tzinfo=UTC)
KILLS = 4
RULES = """\
pack: incident
alerts:
  - name: crashes
    kind: frequency
    where: {event: dq_gate.rule.crashed}
    group_by: [rule_id]
    above: 3
    within: 1m
    severity: page
  - name: many-quarantined
    kind: ratio
    where: {event: dq_gate.input.quarantined}
    of: inputs
    group_by: [source]
    above: 0.2
    min_volume: 20
    within: 2m
    for: 30s
    severity: ticket
"""
NOBODY = "webhook+http://127.0.0.1:1/hook"
"""Never told, so that every delivery stays in the outbox."""


def line(at, name, **fields):
    head = {"timestamp": at.isoformat(), "level": "info", "event": f"dq_gate.{name}", "namespace": "default"}
    return json.dumps({**head, "source": "web", "process": "p", **fields}) + "\n"


def incident(chance, lines=6_000):
    """Six hours in which rules crash in bursts and sources go bad and recover."""
    at, seq = START, 0
    for number in range(lines):
        at += timedelta(milliseconds=chance.randrange(1080))
        is_bad = number // 1500 % 2
        if number % 20 == 0:
            rows = [
                {"source": source, "outcome": outcome, "count": count}
                for source in ("web", "mail")
                for outcome, count in (("clean", 30), ("quarantined", 20 * is_bad + chance.randrange(3)))
            ]
            yield line(at, "window.closed", seq=seq, part=1, parts=1, mode="enforce", inputs=rows, rules=[])
            seq += 1
        elif is_bad and chance.random() < 0.1:
            yield line(at, "rule.crashed", rule_id=f"rule.{chance.randrange(5)}")
        else:
            yield line(at, "input.quarantined", rules=["query.text.present"], stored="store")


class Runs:
    """Runs of `dq-gate alerts run` on one state."""

    def __init__(self, folder, log, state, *options):
        self.state = state
        self.printed = []
        self._folder = folder
        self._output = folder / f"{state.stem}.out"
        self._command = [
            *(sys.executable, "-m", "dq_gate", "alerts", "run", "--input", str(log)),
            *("--rules", str(folder / "alerts.yaml"), "--state", f"sqlite:///{state}", "--format", "jsonl", *options),
        ]

    @contextlib.contextmanager
    def running(self, end):
        """A run that is ended by a signal, or by itself."""
        environment = {**os.environ, "DQ_GATE_STATE_DIR": str(self._folder)}
        with (
            self._output.open("wb") as output,
            subprocess.Popen(
                self._command, stdout=output, stderr=subprocess.PIPE, cwd=self._folder, env=environment
            ) as process,
        ):
            try:
                yield process
            finally:
                if end:
                    process.send_signal(end)
                _, self.errors = process.communicate(timeout=30)
        self.printed += map(json.loads, self._output.read_bytes().splitlines())

    def holder(self):
        return int(self.state.with_name(f"{self.state.name}.lock").read_text() or 0)

    def rows(self, select):
        with contextlib.closing(sqlite3.connect(f"file:{self.state}?mode=ro", uri=True)) as db:
            return db.execute(select).fetchall()

    def offset(self):
        """How far the log was read, by the last commit."""
        try:
            ((positions,),) = self.rows("SELECT positions FROM watch")
        except (sqlite3.Error, ValueError):
            return 0
        return sum(file["offset"] for at in json.loads(positions).values() for file in at["at"]["files"])

    def is_done(self, size):
        """Whether the last commit has read so many bytes, and all of it was printed."""
        return self.offset() == size and not self.rows(
            "SELECT 1 FROM outbox WHERE notifier = 'stdout' AND NOT is_standing"
        )

    def await_progress(self, size):
        """Return once more was read than before."""
        before = self.offset()
        eventually(lambda: self.offset() > before or self.is_done(size))

    def outbox(self):
        found = self.rows("SELECT notifier, alert FROM outbox WHERE notifier <> 'stdout' ORDER BY number")
        return [(notifier, told(json.loads(alert))) for notifier, alert in found]

    def history(self):
        return [json.loads(note) for (note,) in self.rows("SELECT note FROM history ORDER BY number")]


def told(alert):
    """An alert event without the time at which it was noticed."""
    return {name: value for name, value in alert.items() if name != "timestamp"}


@pytest.fixture
def log(tmp_path):
    (tmp_path / "alerts.yaml").write_text(RULES)
    return tmp_path / "events.jsonl"


def test_a_run_killed_at_any_moment_repeats_nothing_and_loses_nothing(log, tmp_path):
    chance = random.Random(5)
    log.write_text("".join(incident(chance)))
    size = log.stat().st_size
    options = ("--once", "--notify", NOBODY)
    whole = Runs(tmp_path, log, tmp_path / "whole.db", *options)
    with whole.running(signal.SIGKILL):
        eventually(lambda: whole.is_done(size))
    killed = Runs(tmp_path, log, tmp_path / "killed.db", *options)
    for _ in range(KILLS):
        with killed.running(signal.SIGKILL):
            killed.await_progress(size)
            time.sleep(chance.random() * 0.1)  # at any moment, so there is none to be waited for
    with killed.running(signal.SIGKILL):
        eventually(lambda: killed.is_done(size))
    assert len(whole.outbox()) > 30
    assert killed.outbox() == whole.outbox()
    assert killed.history() == whole.history()
    assert {(alert["event"], alert["id"]) for alert in killed.printed} == {
        (alert["event"], alert["id"]) for alert in whole.printed
    }


def test_a_stopped_watch_prints_everything_once_also_over_a_rotation(log, tmp_path):
    now = datetime.now(UTC)
    runs = Runs(tmp_path, log, tmp_path / "state.db")

    def crashes(*rules):
        return "".join(line(now, "rule.crashed", rule_id=rule) for rule in rules for _ in range(4))

    def is_read():
        return runs.offset() == sum(path.stat().st_size for path in tmp_path.glob("events.jsonl*"))

    log.write_text(crashes("a", "b"))
    with runs.running(signal.SIGTERM):
        eventually(lambda: runs.offset() > 0)
    with log.open("a") as writer:
        writer.write(crashes("c"))
    log.rename(log.with_name("events.jsonl.1"))
    log.write_text(crashes("d"))
    with runs.running(signal.SIGTERM):
        eventually(is_read)
        with log.open("a") as writer:
            writer.write(crashes("a", "e"))
        eventually(is_read)
    with runs.running(signal.SIGTERM) as process:
        eventually(lambda: runs.holder() == process.pid)
    assert sorted(alert["group"]["rule_id"] for alert in runs.printed) == ["a", "b", "c", "d", "e"]
    assert len({alert["id"] for alert in runs.printed}) == 5


def test_what_was_committed_and_not_printed_is_printed_by_the_next_run(log, tmp_path):
    log.write_text("".join(line(START, "rule.crashed", rule_id="a") for _ in range(4)))
    runs = Runs(tmp_path, log, tmp_path / "state.db", "--once")
    with runs.running(0):
        pass
    (alert,) = runs.printed
    with contextlib.closing(sqlite3.connect(runs.state)) as db, db:  # as when it was killed before it printed
        db.execute("UPDATE outbox SET is_standing = 0")
    with runs.running(0):
        pass
    with runs.running(0):
        pass
    assert runs.printed == [alert, alert]
    assert b"0 lines: 0 events" in runs.errors


def test_a_rule_that_changed_is_resolved_as_removed_and_judged_anew(log, tmp_path):
    crash = "".join(line(START, "rule.crashed", rule_id="a") for _ in range(4))
    log.write_text(crash)
    runs = Runs(tmp_path, log, tmp_path / "state.db", "--once")
    with runs.running(0):
        pass
    (tmp_path / "alerts.yaml").write_text(RULES.replace("above: 3", "above: 2"))
    with runs.running(0):
        pass
    fired, resolved = runs.printed
    assert (fired["event"], resolved["event"], resolved["reason"]) == (
        "dq_gate.alert.fired",
        "dq_gate.alert.resolved",
        "removed",
    )
    assert fired["id"] == resolved["id"]


@pytest.mark.parametrize("damage", ["UPDATE watch SET engine = '{'", "UPDATE watch SET engine = '{}'"])
def test_a_damaged_state_is_one_line_with_the_way_out(log, tmp_path, damage):
    log.write_text(line(START, "store.local"))
    runs = Runs(tmp_path, log, tmp_path / "state.db", "--once")
    with runs.running(0):
        pass
    with contextlib.closing(sqlite3.connect(runs.state)) as db, db:
        db.execute(damage)
    with runs.running(0) as process:
        pass
    assert process.returncode == 3
    assert runs.errors.count(b"\n") == 1
    assert f"move {runs.state} away to start afresh".encode() in runs.errors
