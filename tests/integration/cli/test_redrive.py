"""`dq-gate quarantine redrive`: judged again by the same pack, handed on at least once, and never lost on the way."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from tests.fakes import eventually
from tests.integration.cli.command import dq_gate, environment, start, write_lines

REASON = ("--waive", "query.text.controls", "--reason", "control characters are fine here")
HANDLERS = """\
import json, os, signal, time

def keep(record):
    with open("handled.jsonl", "a") as file:
        file.write(json.dumps(record) + "\\n")

def fail(record):
    raise ValueError("no: " + record["query"])

def die(record):
    keep(record)
    if not os.path.exists("died"):
        open("died", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)

async def keep_later(record):
    keep(record)

def promise(record):
    yield record

def wait(record):
    keep(record)
    time.sleep(60)
"""


@pytest.fixture
def released(run, place, quarantined):
    """Ids of two released entries whose rule is waived; the third entry stays pending."""
    (place / "handlers.py").write_text(HANDLERS)
    run("quarantine", "release", "--rule", "query.text.controls", *REASON)
    return quarantined[:2]


@pytest.fixture
def handled(place):
    """Queries that a handler kept."""
    file = place / "handled.jsonl"
    return lambda: [json.loads(line)["query"] for line in file.read_text().splitlines()] if file.exists() else []


def end_leases(place):
    """As their time would: a lease short enough to wait for may be over before the next process has started."""
    (file,) = place.rglob("quarantine.db")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE entries SET lease_until = 0 WHERE lease_until IS NOT NULL")


def entries(run):
    rows = run("quarantine", "list", "--state", "any", "--format", "jsonl").rows
    return {row["id"]: (row["state"], row["attempts"]) for row in rows}


def redrive(place, *arguments, **variables):
    return dq_gate("quarantine", "redrive", *arguments, cwd=place, env=environment(**variables))


def test_released_entries_go_to_standard_output_once(run, released):
    first, again = run("quarantine", "redrive"), run("quarantine", "redrive")

    assert (first.code, first.rows) == (0, [{"query": "first\x01"}, {"query": "second\x02"}])
    assert first.complaint == "2 of 2 entries redriven"
    assert (again.code, again.out, again.complaint) == (0, "", "0 of 0 entries redriven")


def test_only_waived_rules_are_skipped(run, quarantined):
    run("quarantine", "release", *quarantined)

    result = run("quarantine", "redrive", "--out", "fixed.jsonl", "--format", "jsonl")

    assert result.code == 1
    assert {row["result"] for row in result.rows} == {"failed_again"}
    assert set(entries(run).values()) == {("pending", 1)}


def test_a_file_is_appended_to_and_a_line_cut_by_a_crash_is_closed(run, place, released):
    (place / "fixed.jsonl").write_text('{"query": "of yesterday"}\n{"query": "fir')

    result = run("quarantine", "redrive", "--out", "fixed.jsonl")

    assert (result.code, result.out) == (0, "")
    assert (place / "fixed.jsonl").read_text().splitlines() == [
        '{"query": "of yesterday"}', '{"query": "fir', '{"query":"first\\u0001"}', '{"query":"second\\u0002"}',
    ]  # fmt: skip


def test_a_full_disk_stops_it_and_counts_against_no_entry(run, place, released):
    result = run("quarantine", "redrive", "--out", "/dev/full")

    assert (result.code, result.complaint) == (2, "dq-gate: /dev/full: No space left on device")
    assert [entries(run)[entry_id] for entry_id in released] == [("released", 0)] * 2


def test_a_pipe_that_nobody_reads_counts_against_no_entry(run, place, released):
    with start("quarantine", "redrive", cwd=place) as process:
        process.stdout.close()
        errors = process.stderr.read()

    assert (process.returncode, errors) == (141, b"")
    assert [entries(run)[entry_id] for entry_id in released] == [("released", 0)] * 2


def test_a_handler_in_the_working_directory_gets_each_record(run, place, released, handled):
    result = redrive(place, "--handler", "handlers:keep", "--format", "jsonl")

    assert result.rows == [{"id": entry_id, "result": "done"} for entry_id in released]
    assert handled() == ["first\x01", "second\x02"]


def test_a_coroutine_is_awaited_and_a_generator_refused(place, released, handled):
    lazy = redrive(place, "--handler", "handlers:promise")
    awaited = redrive(place, "--handler", "handlers:keep_later")

    assert (lazy.code, lazy.complaint.endswith("is no function that does its work when it is called")) == (2, True)
    assert (awaited.code, handled()) == (0, ["first\x01", "second\x02"])


def test_a_handler_that_raises_sends_the_entry_back_until_it_is_dead(run, place, released, events):
    failed = redrive(place, released[0], "--handler", "handlers:fail", DQ_GATE_MAX_ATTEMPTS="2")

    assert failed.code == 1
    assert failed.err == f"0 of 1 entries redriven, 1 not:\n  {released[0]}  the handler failed\n"
    assert entries(run)[released[0]] == ("pending", 1)
    assert events("entry.returned")[0]["error"] == "ValueError"
    assert "first" not in (place / ".dq_gate" / "events.jsonl").read_text()

    run("quarantine", "release", released[0], *REASON)
    redrive(place, released[0], "--handler", "handlers:fail", DQ_GATE_MAX_ATTEMPTS="2")
    assert entries(run)[released[0]] == ("dead", 2)


def test_killed_half_way_an_entry_is_redriven_again_later(run, place, released, handled):
    killed = redrive(place, "--handler", "handlers:die")
    assert killed.code == -signal.SIGKILL
    assert [entries(run)[entry_id][0] for entry_id in released] == ["released", "released"]

    too_early = redrive(place, "--handler", "handlers:die")
    assert too_early.err == (
        f"1 of 2 entries redriven, 1 not:\n  {released[0]}  someone else holds it, or the lease ran out\n"
    )
    end_leases(place)
    assert redrive(place, "--handler", "handlers:die").code == 0
    assert handled() == ["first\x01", "second\x02", "first\x01"]
    assert [entries(run)[entry_id] for entry_id in released] == [("redriven", 0)] * 2


def test_interrupted_half_way_the_entry_stays_released(run, place, released, handled):
    with start("quarantine", "redrive", "--handler", "handlers:wait", cwd=place) as process:
        eventually(handled)
        process.send_signal(signal.SIGTERM)
        errors = process.stderr.read()

    assert (process.returncode, errors) == (143, b"")
    assert [entries(run)[entry_id] for entry_id in released] == [("released", 0)] * 2


def test_two_redrives_at_once_hand_each_entry_on_once(run, place, released, handled):
    racing = [start("quarantine", "redrive", "--handler", "handlers:keep", cwd=place) for _ in range(2)]
    for process in racing:
        process.communicate(timeout=60)

    assert Counter(handled()) == {"first\x01": 1, "second\x02": 1}


def test_another_pack_than_the_one_that_refused_is_refused_itself(run, place, released):
    (place / "other.yaml").write_text("pack: other\nversion: 1\nfields: {query: {type: str}}\n")

    named = run("quarantine", "redrive", released[0], "--pack", "other.yaml")
    all_of_them = run("quarantine", "redrive", "--pack", "other.yaml")

    assert (named.code, named.out) == (2, "")
    assert named.complaint == f"dq-gate: entry {released[0]}: another pack than 'other' refused it; use --pack"
    assert (all_of_them.code, all_of_them.out) == (1, "")
    assert all_of_them.err.splitlines()[1] == f"  {released[0]}  another pack refused it; name that with --pack"
    assert [entries(run)[entry_id] for entry_id in released] == [("released", 0)] * 2


def test_an_entry_that_is_not_whole_says_so(run, place):
    write_lines(place / "q.jsonl", {"query": "x" * 2_000_000})
    run("admit", "q.jsonl", "--out", "clean.jsonl")
    run("quarantine", "release", "--rule", "record.size")

    result = run("quarantine", "redrive")

    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[1].endswith("its payload was not kept whole, so it cannot be judged again")


def test_entries_that_are_not_released_are_named_with_their_state(run, quarantined):
    result = run("quarantine", "redrive", quarantined[0], "nope")

    assert result.code == 1
    assert result.err.splitlines() == [
        "0 of 2 entries redriven, 2 not:",
        f"  {quarantined[0]}  is pending",
        "  nope  no such entry",
    ]
