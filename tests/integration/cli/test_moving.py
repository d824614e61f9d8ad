"""`dq-gate quarantine export`, `import`, `purge`, `upgrade`: out, back, and away."""

from __future__ import annotations

import csv
import io
import json
import stat

import pyarrow.parquet as pq
import pytest

from dq_gate.quarantine.entry import SCHEMA_VERSION
from dq_gate.quarantine.sqlite import SqliteStore
from dq_gate.review.service import Review
from tests.integration.cli.command import dq_gate, environment, on_terminal, write_lines

HOSTILE = ("=HYPERLINK(1)", "+1", "-1", "@x", "\t=1", "\x1b[2J\x1b]0;owned\x07", "\u202e", "\x9b31m", "\x7f")


def states(run):
    counts = run("quarantine", "stats", "--format", "json").document["by_state"]
    return {state: count for state, count in counts.items() if count}


# Export


def test_an_export_has_every_matching_entry_masked(run, quarantined, events):
    rows = run("quarantine", "export").rows

    assert [row["id"] for row in rows] == quarantined
    assert list(rows[0]) == [
        "export", "revealed", "id", "namespace", "state", "created_at", "source", "pack", "pack_digest", "group",
        "attempts", "seen", "replayable", "verdict", "violations", "waivers", "history", "subjects", "payload",
        "problem",
    ]  # fmt: skip
    assert (rows[0]["revealed"], rows[0]["payload"]) == (False, {"query": "<6 characters>"})
    assert events("entry.revealed") == []
    chosen = run("quarantine", "export", "--rule", "query.text.present", "--state", "pending").rows
    assert [row["id"] for row in chosen] == quarantined[2:]
    assert [row["id"] for row in run("quarantine", "export", quarantined[1]).rows] == quarantined[1:2]


def test_a_revealed_export_is_recorded_for_every_entry(run, quarantined, events):
    rows = run("quarantine", "export", "--reveal", "--rule", "query.text.controls").rows

    assert [row["payload"]["value"]["query"] for row in rows] == ["first\x01", "second\x02"]
    assert [event["entry_ids"] for event in events("entry.revealed")] == [quarantined[:2]]
    (step,) = run("quarantine", "history", quarantined[0], "--format", "json").document
    assert (step["action"], step["why"]) == ("reveal", "export")


def test_nothing_is_exported_in_clear_when_that_cannot_be_recorded(place, quarantined):
    result = dq_gate(
        "quarantine", "export", "--reveal", "--out", "all.jsonl", cwd=place, env=environment(DQ_GATE_LOG="/dev/full")
    )

    assert (result.code, result.out) == (2, "")
    assert "so nothing is revealed" in result.err
    assert not (place / "all.jsonl").exists()


def test_what_was_purged_meanwhile_is_not_shown_as_nobody_could_say_who_looked(run, quarantined, monkeypatch):
    reveal = Review.reveal
    monkeypatch.setattr(Review, "reveal", lambda self, ids, **options: reveal(self, [*ids[1:], "gone"], **options))

    assert [row["id"] for row in run("quarantine", "export", "--reveal").rows] == quarantined[1:]


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
def test_a_file_appears_when_it_is_whole_and_for_its_owner_alone(run, place, quarantined, format_):
    result = run("quarantine", "export", "--format", format_, "--out", "out.file")

    assert (result.code, result.out, result.complaint) == (0, "", "3 entries in out.file")
    assert stat.S_IMODE((place / "out.file").stat().st_mode) == 0o600
    assert [path.name for path in place.iterdir() if path.name.startswith(".out")] == []


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
def test_an_empty_export_is_a_valid_file(run, place, format_):
    assert run("quarantine", "export", "--format", format_, "--out", "out.file").code == 0

    data = (place / "out.file").read_bytes()
    match format_:
        case "jsonl":
            assert data == b""
        case "csv":
            assert data.startswith(b'\xef\xbb\xbf"id","state"')
        case "parquet":
            assert pq.read_table(io.BytesIO(data)).num_rows == 0


def test_a_csv_calculates_nothing_and_shows_every_character(run, place):
    write_lines(place / "bad.jsonl", *[{"query": f"{text}\x00"} for text in HOSTILE])
    run("admit", "bad.jsonl", "--out", "clean.jsonl", "--source", "faq")
    for row in run("quarantine", "list", "--format", "jsonl").rows:
        run("quarantine", "discard", row["id"], "--reason", "=cmd()")

    run("quarantine", "export", "--reveal", "--format", "csv", "--out", "all.csv")

    data = (place / "all.csv").read_bytes().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(data, newline="")))
    assert len(rows) == 1 + len(HOSTILE)
    cells = [cell for row in rows for cell in row]
    assert all(cell.isprintable() for cell in cells)
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    payload = rows[0].index("payload")
    assert {json.loads(row[payload])["value"]["query"] for row in rows[1:]} == {f"{text}\x00" for text in HOSTILE}


def test_a_parquet_file_is_not_for_a_terminal(place, quarantined):
    result = on_terminal("quarantine", "export", "--format", "parquet", cwd=place)

    assert (result.code, "add --out FILE" in result.out) == (2, True)


def test_a_payload_that_does_not_open_is_told_and_spoils_nothing_else(run, place, monkeypatch):
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", "k1:" + "a" * 43 + "=")
    write_lines(place / "bad.jsonl", {"query": "first\x01"})
    run("admit", "bad.jsonl", "--out", "clean.jsonl")
    monkeypatch.delenv("DQ_GATE_SEALING_KEYS")
    write_lines(place / "bad.jsonl", {"query": "second\x01"})
    run("admit", "bad.jsonl", "--out", "clean.jsonl")

    result = run("quarantine", "export", "--reveal")

    assert result.code == 1
    assert [row["revealed"] for row in result.rows] == [False, True]
    assert "1 payload could not be opened" in result.complaint


# Import


def test_a_revealed_export_comes_back_into_an_empty_quarantine(run, place, quarantined):
    run("quarantine", "discard", quarantined[0])
    run("quarantine", "export", "--reveal", "--out", "all.jsonl")
    elsewhere = ("--quarantine", f"sqlite:///{place / 'other.db'}")

    first = run("quarantine", "import", "all.jsonl", *elsewhere)
    again = run("quarantine", "import", "all.jsonl", *elsewhere, "--format", "jsonl")

    assert (first.code, first.out) == (0, "3 entries imported\n")
    assert (again.code, {row["result"] for row in again.rows}) == (1, {"already_there"})
    back = run("quarantine", "show", quarantined[0], "--reveal", "--format", "json", *elsewhere).document
    assert (back["state"], back["payload"]) == ("pending", {"query": "first\x01"})
    assert [step["action"] for step in back["history"]] == ["import", "reveal"]


def test_an_entry_that_a_file_has_twice_is_imported_once_and_its_history_says_so(run, place, quarantined):
    run("quarantine", "export", quarantined[0], "--reveal", "--out", "all.jsonl")
    (place / "all.jsonl").write_bytes((place / "all.jsonl").read_bytes() * 2)
    elsewhere = ("--quarantine", f"sqlite:///{place / 'other.db'}")

    rows = run("quarantine", "import", "all.jsonl", "--format", "jsonl", *elsewhere).rows

    assert [row["result"] for row in rows] == ["done", "already_there"]
    (step,) = run("quarantine", "history", quarantined[0], "--format", "json", *elsewhere).document
    assert step["action"] == "import"


def test_a_masked_export_is_refused_with_the_way_out(run, place, quarantined):
    run("quarantine", "export", "--out", "all.jsonl")

    result = run("quarantine", "import", "all.jsonl")

    assert result.code == 2
    assert result.complaint == (
        "dq-gate: line 1: its payload is masked, so there is nothing to import; export with --reveal"
    )


def test_a_line_that_is_no_row_is_named_and_what_is_before_it_says_how_far_it_came(run, place, quarantined):
    run("quarantine", "export", "--reveal", "--out", "all.jsonl")
    (row, *_) = (place / "all.jsonl").read_bytes().splitlines()
    (place / "all.jsonl").write_bytes(row.replace(quarantined[0].encode(), b"x") + b"\n\n{nonsense\n")

    result = run("quarantine", "import", "all.jsonl")

    assert result.code == 2
    assert "line 3: is no row of an export" in result.err


# Purge


def test_a_purge_without_a_terminal_needs_yes(run, quarantined):
    run("quarantine", "discard", *quarantined[:2])

    assert "say yes on a terminal, or add --yes" in run("quarantine", "purge").complaint
    assert states(run) == {"discarded": 2, "pending": 1}
    assert run("quarantine", "purge", "--yes").out == "2 entries removed\n"
    assert states(run) == {"pending": 1}


def test_a_purge_takes_states_ages_and_a_dry_run(run, quarantined, events):
    run("quarantine", "discard", *quarantined[:2])

    told = run("quarantine", "purge", *quarantined, "--dry-run", "--format", "json").document
    assert (told["would"], told["refused"]) == (2, {"wrong_state": 1})
    assert run("quarantine", "purge", "--older-than", "1h", "--yes").out == "0 entries removed\n"
    assert run("quarantine", "purge", "--state", "dead", "--yes").out == "0 entries removed\n"
    assert states(run) == {"discarded": 2, "pending": 1}
    assert run("quarantine", "purge", "--state", "discarded", "--newer-than", "1h", "--yes").code == 0
    assert sorted(events("entry.purged")[0]["entry_ids"]) == sorted(quarantined[:2])


def test_what_is_open_is_not_purged(run, quarantined):
    assert "is not finished" in run("quarantine", "purge", "--state", "pending", "--yes").complaint
    named = run("quarantine", "purge", quarantined[0], "--yes")
    assert (named.code, named.out) == (1, f"0 entries removed, 1 not:\n  {quarantined[0]}  is pending\n")


def test_a_late_duplicate_of_what_was_purged_is_known(run, place, quarantined):
    run("quarantine", "discard", *quarantined)
    run("quarantine", "purge", "--yes")

    run("admit", "bad.jsonl", "--out", "clean.jsonl")

    assert states(run) == {}


# Upgrade


def test_an_upgrade_says_what_it_means_and_asks(run, quarantined, monkeypatch):
    assert run("quarantine", "upgrade").out == f"written in schema {SCHEMA_VERSION}, the newest; nothing to do\n"

    monkeypatch.setattr(SqliteStore, "schema", lambda self: 1)
    upgraded = []
    monkeypatch.setattr(SqliteStore, "upgrade", lambda self: upgraded.append(self) or 1)
    refused = run("quarantine", "upgrade")
    assert refused.code == 2
    assert "releases before this one cannot read its new entries" in refused.err
    assert upgraded == []
    assert run("quarantine", "upgrade", "--yes", "--format", "json").document == {"before": 1, "now": SCHEMA_VERSION}
    assert len(upgraded) == 1
