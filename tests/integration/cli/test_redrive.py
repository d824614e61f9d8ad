"""`dq-gate quarantine redrive`: judged again by the same pack, handed on at least once, and never lost on the way."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from contextlib import closing

import pytest

from dq_gate.core.lifecycle import BEGIN_REDRIVE
from dq_gate.quarantine.entry import Act, HistoryItem, Lease
from dq_gate.quarantine.sqlite import SqliteStore
from tests.fakes import eventually
from tests.integration.cli.command import dq_gate, environment, on_terminal, start, write_lines

REASON = ("--waive", "query.text.controls", "--reason", "control characters are fine here")
HANDLERS = """\
import asyncio, json, os, signal, time

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

def keep_with_id(record, entry_id):
    keep({"query": entry_id})

async def keep_later(record):
    await asyncio.sleep(0)
    keep(record)

loops = set()

async def keep_in_one_loop(record):
    loops.add(asyncio.get_running_loop())
    assert len(loops) == 1
    keep(record)

def promise(record):
    yield record

def wait(record):
    keep(record)
    time.sleep(60)

def take_a_while(record):
    time.sleep(0.3)

def wait_for_a_file(record):
    keep(record)
    while not os.path.exists("go on"):
        time.sleep(0.01)

async def await_a_file(record):
    keep(record)
    while not os.path.exists("go on"):
        await asyncio.sleep(0.01)
"""


@pytest.fixture
def released(run, place, quarantined, monkeypatch):
    """Ids of two released entries whose rule is waived; the third entry stays pending."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "handlers", raising=False)
    (place / "handlers.py").write_text(HANDLERS)
    run("quarantine", "release", "--rule", "query.text.controls", *REASON)
    return quarantined[:2]


@pytest.fixture
def handled(place):
    """Queries that a handler kept."""
    file = place / "handled.jsonl"
    return lambda: [json.loads(line)["query"] for line in file.read_text().splitlines()] if file.exists() else []


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
    result = run("quarantine", "redrive", "--to", "handlers:keep", "--format", "jsonl")

    assert result.rows == [{"id": entry_id, "result": "done"} for entry_id in released]
    assert handled() == ["first\x01", "second\x02"]


def test_a_coroutine_is_awaited_and_a_generator_refused(run, released, handled):
    lazy = run("quarantine", "redrive", "--to", "handlers:promise")
    awaited = run("quarantine", "redrive", "--to", "handlers:keep_later")

    assert (lazy.code, lazy.complaint.endswith("is no function that does its work when it is called")) == (2, True)
    assert (awaited.code, handled()) == (0, ["first\x01", "second\x02"])


def test_a_handler_that_raises_sends_the_entry_back_until_it_is_dead(run, place, released, events, monkeypatch):
    monkeypatch.setenv("DQ_GATE_MAX_ATTEMPTS", "2")
    monkeypatch.setenv("DQ_GATE_REDRIVE_BACKOFF_S", "0")
    arguments = ("quarantine", "redrive", released[0], "--to", "handlers:fail")

    failed = run(*arguments)

    assert failed.code == 1
    assert failed.err == f"0 of 1 entry redriven, 1 not:\n  {released[0]}  the handler failed\n"
    assert entries(run)[released[0]] == ("pending", 1)
    assert events("entry.returned")[0]["error"] == "ValueError"
    assert "first" not in (place / ".dq_gate" / "events.jsonl").read_text()

    run("quarantine", "release", released[0], *REASON)
    run(*arguments)
    assert entries(run)[released[0]] == ("dead", 2)


def test_what_failed_a_moment_ago_has_to_wait(run, released):
    run("quarantine", "redrive", released[0], "--to", "handlers:fail")
    run("quarantine", "release", released[0], *REASON)

    result = run("quarantine", "redrive", released[0], "--to", "handlers:keep")

    assert result.err.splitlines()[1] == f"  {released[0]}  it failed a moment ago; not before its time"
    assert entries(run)[released[0]] == ("released", 1)


def test_what_another_is_redriving_is_left_to_it(run, place, released):
    begin = HistoryItem(time.time(), "worker-2", "begin-redrive")
    lease = Lease("secret", "worker-2", time.time() + 60)
    with closing(SqliteStore(place / ".dq_gate" / "quarantine.db", "default")) as store:
        store.act([released[0]], Act(BEGIN_REDRIVE, begin, lease=lease))

    result = run("quarantine", "redrive", "--to", "handlers:keep")

    assert result.err == f"1 of 2 entries redriven, 1 not:\n  {released[0]}  someone else is redriving it\n"


def test_a_function_that_wants_the_entrys_id_gets_it(run, released, handled):
    assert run("quarantine", "redrive", "--to", "handlers:keep_with_id").code == 0
    assert handled() == released


def test_coroutines_run_in_one_loop_so_that_their_connections_last(run, released, handled):
    assert run("quarantine", "redrive", "--to", "handlers:keep_in_one_loop").code == 0
    assert handled() == ["first\x01", "second\x02"]


def test_the_option_of_the_release_before_works_still(run, released, handled):
    assert run("quarantine", "redrive", "--handler", "handlers:keep").code == 0
    assert handled() == ["first\x01", "second\x02"]


def test_killed_half_way_an_entry_is_redriven_again_later(run, place, released, handled):
    killed = redrive(place, "--to", "handlers:die", DQ_GATE_REDRIVE_LEASE_S="1")
    assert killed.code == -signal.SIGKILL

    eventually(lambda: run("quarantine", "redrive", "--to", "handlers:keep").code == 0)

    assert sorted(handled()) == ["first\x01", "first\x01", "second\x02"]
    assert [entries(run)[entry_id] for entry_id in released] == [("redriven", 0)] * 2


def test_more_signals_cut_the_handler_short_and_the_entry_stays_released(run, place, released, handled):
    with start("quarantine", "redrive", "--to", "handlers:wait", cwd=place) as process:
        eventually(handled)
        eventually(lambda: process.send_signal(signal.SIGTERM) or process.poll())
        errors = process.stderr.read()

    assert (process.returncode, errors) == (143, b"")
    assert [entries(run)[entry_id] for entry_id in released] == [("released", 0)] * 2


@pytest.mark.parametrize("handler", ["wait_for_a_file", "await_a_file"])
def test_a_signal_lets_the_handler_at_work_finish_and_begins_nothing_else(run, place, released, handled, handler):
    with start("quarantine", "redrive", "--to", f"handlers:{handler}", cwd=place) as process:
        eventually(handled)
        process.send_signal(signal.SIGTERM)
        (place / "go on").touch()
        errors = process.stderr.read()

    assert (process.returncode, errors) == (143, b"1 of 1 entry redriven\n")
    assert [entries(run)[entry_id] for entry_id in released] == [("redriven", 0), ("released", 0)]


# Following


def test_it_follows_until_a_signal_and_says_what_it_did(run, place, quarantined, released, handled):
    with start("quarantine", "redrive", "--follow", "--to", "handlers:keep_later", cwd=place) as process:
        eventually(lambda: len(handled()) == 2)
        run("quarantine", "release", quarantined[2])
        line = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()

    assert line.decode() == f"{quarantined[2]}  failed the gate again\n"
    assert (process.returncode, rest) == (0, b"2 entries redriven, 1 returned\n")


def test_following_prints_a_line_of_json_for_each_entry_as_it_comes(place, released):
    arguments = ("--follow", "--to", "handlers:keep", "--format", "jsonl")
    with start("quarantine", "redrive", *arguments, cwd=place) as process:
        rows = [json.loads(process.stdout.readline()) for _ in released]
        process.send_signal(signal.SIGTERM)
        process.communicate()

    assert rows == [{"id": entry_id, "result": "done"} for entry_id in released]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--follow", "some-id"), "--follow takes all that is released: name no entries and no filter"),
        (("--follow", "--dry-run"), "--follow and --dry-run exclude each other"),
        (
            ("--follow", "--out", "f", "--format", "json"),
            "--follow has no end to make one document of; use --format jsonl",
        ),
        (("--to", "a:b", "--out", "f"), "--to and --out exclude each other"),
        (("--format", "jsonl"), "--format jsonl needs --to or --out: stdout carries the records"),
        (("--to", "handlers"), "--to handlers: write it as MODULE:FUNCTION"),
        (("--rate", "0"), "the rate is 0.0; it is a number of entries a second, above 0"),
    ],
)
def test_options_that_do_not_fit_are_refused(run, arguments, complaint):
    result = run("quarantine", "redrive", *arguments)
    assert (result.code, result.complaint) == (2, f"dq-gate: {complaint}")


def test_a_terminal_shows_how_far_it_has_come(place, released):
    result = on_terminal("quarantine", "redrive", "--to", "handlers:take_a_while", cwd=place)

    assert (result.code, "1 of 2\r" in result.out.replace("\x1b[2K", "")) == (0, True)
    assert result.out.endswith("2 of 2 entries redriven\n")


# What would happen


def test_a_dry_run_says_what_would_happen_and_changes_nothing(run, quarantined, released):
    run("quarantine", "release", quarantined[2])
    before = run("quarantine", "show", released[0], "--format", "json").document["history"]

    result = run("quarantine", "redrive", "--dry-run", "--format", "json")
    table = run("quarantine", "redrive", "--dry-run")

    assert (result.code, result.document["would"], result.document["refused"]) == (1, 2, {"failed_again": 1})
    assert table.out.splitlines()[0] == "redrive would be done on 2 of 3 entries; nothing was changed"
    assert "failed the gate again" in table.out
    assert run("quarantine", "show", released[0], "--format", "json").document["history"] == before


def test_filters_choose_what_is_redriven(run, place, quarantined, released):
    run("quarantine", "release", quarantined[2], "--waive", "query.text.present", "--reason", "blank on purpose")

    result = run("quarantine", "redrive", "--rule", "query.text.present", "--out", "fixed.jsonl")

    assert (result.code, result.complaint) == (0, "1 of 1 entry redriven")
    assert [entries(run)[entry_id][0] for entry_id in released] == ["released"] * 2


def test_two_redrives_at_once_hand_each_entry_on_once(run, place, released, handled):
    racing = [start("quarantine", "redrive", "--to", "handlers:keep", cwd=place) for _ in range(2)]
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
