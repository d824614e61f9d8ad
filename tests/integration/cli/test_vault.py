"""Keys are made, changed and said to be removable; a subject's data goes, once someone has said yes."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from contextlib import closing

import pytest

from dq_gate import Gate
from dq_gate.settings import load_settings
from tests.integration.cli.command import write_lines

PACK = """\
pack: people
version: 1
fields:
  query: {type: str}
  email: {type: str, required: false, subject: true}
rules:
  - {id: query.text.deny, field: query, check: not_matches, patterns: [forbidden]}
"""
JO, ANN = "jo@customer.example", "ann@customer.example"
OLD = f"2026-01:{base64.b64encode(bytes(range(32))).decode()}"
NEW = f"2026-07:{base64.b64encode(bytes(range(1, 33))).decode()}"


@pytest.fixture
def admit(place, run):
    """Has records of subjects quarantined."""
    (place / "people.yaml").write_text(PACK, encoding="utf-8")

    def admit(*subjects):
        write_lines(place / "bad.jsonl", *({"query": f"forbidden {who}", "email": who} for who in subjects))
        assert run("admit", "bad.jsonl", "--pack", "people.yaml", "--out", "clean.jsonl").code == 1

    return admit


def listed(run):
    return run("quarantine", "list", "--format", "jsonl").rows


# Keys


def test_a_new_key_can_be_used_as_it_is_printed(run, monkeypatch):
    made = run("quarantine", "new-key", "--id", "2026-07")
    assert (made.code, made.err) == (0, "")
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", made.out.strip())
    (key,) = load_settings().sealing_keys
    assert (key.id, len(key.secret)) == ("2026-07", 32)
    assert made.out != run("quarantine", "new-key", "--id", "2026-07").out


def test_a_key_is_named_for_the_day_unless_told_otherwise(run):
    assert re.match(r"\d{4}-\d\d-\d\d:", run("quarantine", "new-key").out)


def test_a_name_that_keys_cannot_have_is_refused(run):
    refused = run("quarantine", "new-key", "--id", "No Name")
    assert (refused.code, refused.out) == (2, "")


def test_rotation_says_which_key_can_be_removed(run, admit, monkeypatch):
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", OLD)
    admit(JO, ANN)
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", f"{NEW},{OLD}")
    rotated = run("quarantine", "rotate")
    assert rotated.code == 0
    assert rotated.out.splitlines()[0] == "2 entries brought under key 2026-07, 0 were already"
    assert rotated.out.splitlines()[1].startswith(
        "key 2026-01: nothing here is sealed under it any more; remove it once"
    )
    again = run("quarantine", "rotate", "--format", "json")
    assert again.document == {
        "key": "2026-07", "rewrapped": 0, "kept": 2, "undone": {}, "in_store": {"2026-07": 2}, "in_spools": {},
        "removable": ["2026-01"],
    }  # fmt: skip


def test_a_key_that_is_missing_is_told_with_a_finding(run, admit, monkeypatch):
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", OLD)
    admit(JO)
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", NEW)
    rotated = run("quarantine", "rotate")
    assert rotated.code == 1
    assert "not: 1 entry, sealed under a key that is not among the sealing keys" in rotated.out


def test_rotation_without_a_key_is_a_mistake(run):
    refused = run("quarantine", "rotate")
    assert (refused.code, refused.out) == (2, "")
    assert "sealing_keys" in refused.err


def test_a_reviewer_without_the_key_is_told_which_one(run, admit, monkeypatch):
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", OLD)
    admit(JO)
    monkeypatch.delenv("DQ_GATE_SEALING_KEYS")
    (row,) = listed(run)
    shown = run("quarantine", "show", row["id"], "--reveal")
    assert "2026-01" in f"{shown.out}{shown.err}"
    assert JO not in f"{shown.out}{shown.err}"


def test_no_command_prints_a_key(run, admit, monkeypatch):
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", OLD)
    admit(JO)
    commands = [("doctor",), ("quarantine", "rotate"), ("quarantine", "list"), ("quarantine", "stats")]
    for command in commands:
        done = run(*command)
        assert OLD.partition(":")[2] not in f"{done.out}{done.err}"


# Erasure


@pytest.mark.parametrize("keys", ["", OLD], ids=["plain", "sealed"])
def test_a_subjects_entries_are_erased(run, admit, events, monkeypatch, keys):
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", keys)
    admit(JO, ANN, JO)
    done = run("quarantine", "erase", "--subject", JO, "--reason", "request 4711", "--yes")
    assert (done.code, done.out) == (0, "erased 2 entries, 0 spooled copies and 0 recordings\n")
    assert "backups" in done.err
    assert [row["replayable"] for row in listed(run)] == [False, True, False]
    (event,) = events("entry.erased")
    assert len(event["entry_ids"]) == 2
    assert JO not in json.dumps(event)
    shown = run("quarantine", "show", event["entry_ids"][0], "--reveal", "--format", "json")
    assert JO not in shown.out
    assert [item["why"] for item in shown.document["history"] if item["action"] == "erase"] == ["request 4711"]


def test_a_dry_run_erases_nothing(run, admit):
    admit(JO)
    done = run("quarantine", "erase", "--subject", JO, "--dry-run", "--format", "json")
    assert done.document == {
        "dry_run": True, "entries": 1, "undone": {}, "spooled": 0, "spooled_left": 0, "recorded": 0,
    }  # fmt: skip
    assert [row["replayable"] for row in listed(run)] == [True]


def test_without_a_yes_nothing_is_erased(run, admit):
    admit(JO)
    refused = run("quarantine", "erase", "--subject", JO)
    assert (refused.code, refused.out) == (2, "")
    assert "--yes" in refused.err
    assert [row["replayable"] for row in listed(run)] == [True]


def test_a_subject_can_stay_out_of_the_process_list(place, run, admit, monkeypatch):
    admit(JO)
    (place / "subject").write_text(f"{JO}\n", encoding="utf-8")
    with (place / "subject").open(encoding="utf-8") as lines:
        monkeypatch.setattr("sys.stdin", lines)
        done = run("quarantine", "erase", "--subject", "-", "--yes", "--format", "json")
    assert done.document["entries"] == 1


def test_an_empty_subject_is_refused(run):
    assert run("quarantine", "erase", "--subject", " ", "--yes").code == 2


def test_recordings_go_too(place, run):
    (place / "people.yaml").write_text(PACK, encoding="utf-8")
    with Gate.load("people.yaml", record="full", record_rate=1.0, log=str(place / "events.jsonl")) as gate:
        for who in (JO, ANN):
            gate.admit({"query": f"a word of {who}", "email": who})
    (piece,) = (place / ".dq_gate" / "recordings").glob("*.jsonl")
    assert JO.encode() in piece.read_bytes()
    done = run("quarantine", "erase", "--subject", JO, "--yes")
    assert done.out == "erased 0 entries, 0 spooled copies and 1 recordings\n"
    assert JO.encode() not in piece.read_bytes()
    assert ANN.encode() in piece.read_bytes()


def test_a_damaged_entry_is_named_and_the_others_are_erased(run, place, admit):
    admit(JO, JO)
    first, _ = listed(run)
    with closing(sqlite3.connect(place / ".dq_gate" / "quarantine.db")) as db, db:
        query = "UPDATE bodies SET body = ? WHERE number = (SELECT number FROM entries WHERE id = ?)"
        db.execute(query, (b"{", first["id"]))
    done = run("quarantine", "erase", "--subject", JO, "--yes")
    assert done.code == 1
    assert done.out.splitlines() == [
        "erased 1 entry, 0 spooled copies and 0 recordings",
        "  not erased: 1 entry (damaged)",
    ]
    assert f"damaged, so not erased; discard or purge them by their ids: {first['id']}\n" in done.err
