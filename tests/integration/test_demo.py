"""The demo from end to end: its data, its run, what it prints, and the commands it tells the reader to type."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from dq_gate import Gate
from dq_gate.alerts.load import load_rules
from dq_gate.cli.demo import PIPE_WIDTH
from dq_gate.demo import traffic
from dq_gate.demo.run import demo_settings, raised_by, run
from dq_gate.gate.runtime import connect
from dq_gate.quarantine.codec import decode
from dq_gate.quarantine.entry import MAX_BATCH, Filter
from dq_gate.settings import load_settings
from tests.data import damage

DATA = Path(traffic.__file__).parent / "data"
MESSAGES = traffic.messages()
DAMAGED = [message for message in MESSAGES if message.damage is not None]
QUARANTINED = sum(message.damage not in damage.REPAIRABLE for message in DAMAGED)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """No settings but the test's own."""
    for name in [name for name in os.environ if name.startswith("DQ_GATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def printed(state_dir=None):
    out = io.StringIO()
    run(state_dir, Console(file=out, width=PIPE_WIDTH, markup=False, highlight=False), program="dq-gate")
    return out.getvalue()


def entries(state_dir):
    with closing(connect(load_settings(**demo_settings(state_dir)))) as store:
        page = store.find(Filter(), limit=MAX_BATCH)
        assert page.after is None
        return page.entries


def test_traffic_is_at_least_500_queries_clean_and_damaged_mixed():
    assert len(MESSAGES) >= 500
    assert 0.1 < len(DAMAGED) / len(MESSAGES) < 0.3
    assert len({message.id for message in MESSAGES}) == len(MESSAGES)


@pytest.mark.parametrize("message", DAMAGED, ids=[f"{message.damage}-{message.id}" for message in DAMAGED])
def test_damage_can_be_made_again_from_the_original(message):
    assert damage.apply(message.damage, message.original, message.id) == message.query


def test_no_query_is_among_the_documents():
    assert not {message.id for message in MESSAGES} & {document.id for document in traffic.documents()}


def test_data_comes_from_the_sets_that_the_notice_names():
    ids = [document.id for document in traffic.documents()] + [message.id for message in MESSAGES]

    assert {re.match(r"[a-z0-9]+", name)[0] for name in ids} == {"banking77", "clinc", "cdc", "wsl"}


def test_data_stays_small():
    assert sum(file.stat().st_size for file in DATA.iterdir()) < 600_000


def test_every_clean_query_passes_untouched():
    gate = Gate.load("query")
    refused = [m.id for m in MESSAGES if not m.damage and gate.check({"query": m.query}).outcome != "clean"]

    assert refused == []


def test_every_damaged_query_is_quarantined_or_repaired_to_its_original():
    gate = Gate.load("query")
    missed = []
    for message in DAMAGED:
        decision = gate.check({"query": message.query})
        is_right = (
            decision.value == {"query": message.original}
            if message.damage in damage.REPAIRABLE
            else decision.outcome == "quarantined"
        )
        missed += [] if is_right else [message.id]

    assert missed == []


def test_demo_prints_counts_groups_contrasts_and_the_alert():
    text = printed()

    clean, repaired = len(MESSAGES) - len(DAMAGED), len(DAMAGED) - QUARANTINED
    assert f"Sent {len(MESSAGES)} of {len(MESSAGES)}" in text
    assert re.search(rf"all +{len(MESSAGES)} +{clean} +{repaired} +{QUARANTINED}\b", text)
    assert re.search(r"\d+  demo\.mobile  query\.text\.controls +[0-9a-f]{16}", text)
    assert text.count("as it was meant") == 3
    assert re.search(r"quarantine-ratio-high \(ticket\) for demo\.mobile: 0\.3\d, over 0\.20", text)


def test_demo_prints_no_unprintable_character():
    assert [char for char in printed() if char != "\n" and not char.isprintable()] == []


def test_demo_leaves_every_refused_query_in_the_quarantine_as_it_came():
    printed()

    kept = Counter(repr(decode(entry.payload)["query"]) for entry in entries(None))
    sent = Counter(repr(m.query) for m in DAMAGED if m.damage not in damage.REPAIRABLE)
    assert kept == sent


def test_events_raise_the_alert_for_the_broken_feed_alone():
    printed()

    lines = Path(".dq_gate/events.jsonl").read_bytes().splitlines()
    assert [(alert.alert, alert.group) for alert in raised_by(lines)] == [
        ("quarantine-ratio-high", {"source": "demo.mobile"})
    ]


def test_the_wait_that_the_demo_leaves_out_is_the_two_minutes_it_says():
    (rule,) = [rule for rule in load_rules() if rule.name == "quarantine-ratio-high"]

    assert rule.hold_for == 120_000


def test_second_run_adds_its_own_and_says_so():
    printed()
    text = printed()

    assert f"{QUARANTINED} of them are from earlier runs" in text
    assert text.count("quarantine-ratio-high (ticket)") == 1


def test_demo_keeps_to_itself_when_another_quarantine_is_set(monkeypatch):
    monkeypatch.setenv("DQ_GATE_QUARANTINE", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("DQ_GATE_MODE", "off")

    text = printed()

    assert len(entries(None)) == QUARANTINED
    assert f"quarantine groups --quarantine sqlite:///{Path.cwd()}/.dq_gate/quarantine.db" in text
    assert f"alerts run --input {Path.cwd()}/.dq_gate/events.jsonl" in text


def dq_gate(*arguments):
    command = [sys.executable, "-m", "dq_gate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def told_commands(output):
    _, _, steps = output.partition("Go on from here\n")
    return [shlex.split(line) for line in steps.splitlines() if not line.startswith("  #")]


@pytest.mark.parametrize("arguments", [[], ["--dir", "some where"]], ids=["default", "dir"])
def test_the_commands_it_tells_to_type_work(arguments):
    told = told_commands(dq_gate("demo", *arguments).stdout)

    assert len(told) >= 5
    for command in told:
        once = ["--once"] if command[3:5] == ["alerts", "run"] else []
        done = subprocess.run([*command, *once], capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout == "") == (0, bool(once)), (command, done.stderr)


def test_quarantine_groups_right_after_sees_it():
    dq_gate("demo")

    groups = json.loads(dq_gate("quarantine", "groups", "--format", "json").stdout)
    assert sum(group["open"] for group in groups) == QUARANTINED


def test_place_that_cannot_be_written_is_one_line_and_exit_code_3(tmp_path):
    (tmp_path / "file").touch()

    done = dq_gate("demo", "--dir", "file/within")

    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
