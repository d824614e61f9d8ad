"""`dq-gate admit` passes on what passes, keeps what fails, and leaves nothing half-done behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dq_gate.cli.output import dump
from dq_gate.quarantine import writer
from tests.integration.cli.command import WAIT, dq_gate, environment, start, write_lines
from tests.redis_server import RedisServer

GOOD = {"query": "how do I reset my card?"}
BAD = {"query": "how do I\x01 reset my card?"}
MEGABYTE = 1_000_000


def test_clean_and_repaired_records_go_on_and_the_rest_is_kept(run, place):
    write_lines(place / "q.jsonl", GOOD, BAD, {"query": "CafÃ© au lait", "n": 1}, "bare")

    result = run("admit", "q.jsonl", "--out", "clean.jsonl", "--source", "support-bot")

    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines()[0] == "4 records: 2 clean, 1 repaired, 1 quarantined"
    lines = list(map(json.loads, (place / "clean.jsonl").read_text().splitlines()))
    assert lines == [GOOD, {"query": "Café au lait", "n": 1}, "bare"]
    (entry,) = run("quarantine", "list", "--format", "json").document
    assert (entry["source"], entry["rules"]) == ("support-bot", ["query.text.controls"])


def test_the_summary_as_json_is_on_standard_output(run, place):
    write_lines(place / "q.jsonl", GOOD, BAD)

    summary = run("admit", "q.jsonl", "--out", "clean.jsonl", "--format", "json").document

    stored = summary.pop("stored")
    assert (sum(stored.values()), stored["none"]) == (1, 0)
    assert summary == {
        "rows": 2, "clean": 1, "repaired": 0, "quarantined": 1, "let_through": 0,
        "by_rule": {"query.text.controls": 1}, "failures": [], "waiting_in_spool": 0, "out": "clean.jsonl",
        "rejects": None,
    }  # fmt: skip


def test_broken_lines_are_kept_with_number_and_bytes(run, place):
    write_lines(place / "q.jsonl", GOOD, b'{"query": "\xff"}')
    run("admit", "q.jsonl", "--out", "clean.jsonl")
    (entry,) = run("quarantine", "list", "--format", "json").document

    shown = run("quarantine", "show", entry["id"], "--reveal", "--format", "json").document

    assert shown["violations"][0]["message"] == "line 2 is no record: not UTF-8 at byte 11"
    assert shown["payload"] == {"line": 2, "bytes": {"$bytes": "eyJxdWVyeSI6ICL/In0="}}


def test_every_entry_is_in_the_list_at_once(place, run):
    write_lines(place / "q.jsonl", *[{"query": f"question\x01 {n}"} for n in range(3000)])

    result = dq_gate("admit", "q.jsonl", "--out", "clean.jsonl", cwd=place)

    assert "spool" not in result.err
    assert run("quarantine", "stats", "--format", "json").document["by_state"]["pending"] == 3000
    assert list((place / ".dq_gate" / "spool").iterdir()) == []


def test_gating_a_file_again_adds_no_second_entries(run, place):
    write_lines(place / "q.jsonl", BAD, BAD)
    for _ in range(2):
        run("admit", "q.jsonl", "--out", "clean.jsonl")

    assert [row["seen"] for row in run("quarantine", "list", "--format", "jsonl").rows] == [2, 2]


def test_what_is_left_of_a_file_is_not_taken_for_its_beginning(place, run):
    file = write_lines(place / "q.jsonl", GOOD, BAD, {"query": " "})
    for lines_before in (0, 1):
        with file.open("rb", buffering=0) as stream:
            for _ in range(lines_before):
                stream.readline()
            dq_gate("admit", "-", "--out", "clean.jsonl", cwd=place, stdin=stream)

    assert [row["seen"] for row in run("quarantine", "list", "--format", "jsonl").rows] == [1] * 4


def test_a_dash_is_standard_output(run, place):
    write_lines(place / "q.jsonl", GOOD)

    assert run("admit", "q.jsonl", "--out", "-").rows == [GOOD]


@pytest.mark.parametrize(("ratio", "is_written"), [("0.5", True), ("0.49", False)])
def test_beyond_max_failed_the_clean_file_is_not_written(ratio, is_written, run, place):
    write_lines(place / "q.jsonl", GOOD, BAD)
    (place / "clean.jsonl").write_text("of yesterday")

    result = run("admit", "q.jsonl", "--out", "clean.jsonl", "--max-failed", ratio, "--fail-on", "never")

    assert result.code == (0 if is_written else 1)
    assert ((place / "clean.jsonl").read_text() == "of yesterday") is not is_written
    assert ("clean.jsonl was not written: more than 0.49 of the records failed" in result.err) is not is_written
    assert sorted(path.name for path in place.iterdir()) == [".dq_gate", "clean.jsonl", "q.jsonl"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_cut_short_it_leaves_no_clean_file_and_loses_no_entry(number, place, run):
    with start("admit", "-", "--out", "clean.jsonl", cwd=place) as process:
        process.stdin.write(b"".join(json.dumps(record).encode() + b"\n" for record in [BAD] * 50))
        process.stdin.flush()
        while not any(path.name.startswith(".clean.jsonl.") for path in place.iterdir()):
            assert process.poll() is None
        while run("quarantine", "stats", "--format", "json").document["by_state"]["pending"] < 50:
            assert process.poll() is None
        process.send_signal(number)
        errors = process.stderr.read()

    assert (process.returncode, errors) == (128 + number, b"")
    assert [path.name for path in place.iterdir()] == [".dq_gate"]


def test_a_full_disk_is_told_and_leaves_nothing(place):
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    code = limit + "from dq_gate.cli import main; main()"
    write_lines(place / "q.jsonl", *[GOOD] * 10_000)
    done = subprocess.run(
        [sys.executable, "-c", code, "admit", "q.jsonl", "--out", "clean.jsonl"],
        cwd=place, env=environment(), capture_output=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (2, b"dq-gate: cannot read or write: File too large\n")
    assert not any("clean" in path.name for path in place.iterdir())


@pytest.mark.parametrize("command", ["admit", "check"])
def test_memory_stays_bounded_however_long_the_stream(command, place):
    assert peak_of(command, 60, place) - peak_of(command, 2, place) < 20 * MEGABYTE


def peak_of(command, megabytes, place):
    """The most memory that a command held while it was given so much."""
    record = dump({"query": "how do I reset my card? " + "some more words " * 60}).encode() + b"\n"
    chunk = (record * 99 + dump(BAD).encode() + b"\n") * 5
    with Path(os.devnull).open("wb") as nowhere:
        process = start(command, "-", cwd=place, stdout=nowhere, stderr=nowhere)
    for _ in range(megabytes * MEGABYTE // len(chunk)):
        process.stdin.write(chunk)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    process.stdin.close()
    assert process.wait(60) == 1
    return int(peak[1]) * 1024


def test_with_redis_down_the_findings_decide_and_the_spool_is_told_of(place, tmp_path_factory):
    write_lines(place / "q.jsonl", GOOD, BAD)
    server = RedisServer(tmp_path_factory.mktemp("redis"))

    down = dq_gate("admit", "q.jsonl", "--out", "c.jsonl", "--quarantine", server.url, cwd=place)

    assert (down.code, (place / "c.jsonl").exists()) == (1, True)
    assert down.err.splitlines()[-1] == (
        "1 entry waits in the local spool, because the quarantine store did not answer; the next command that reaches "
        "it moves it there"
    )
    never = dq_gate("admit", "q.jsonl", "--out", "c.jsonl", "--fail-on", "never", "--quarantine", server.url, cwd=place)
    assert never.code == 0
    with contextlib.closing(server.start()):
        listed = dq_gate("quarantine", "list", "--format", "json", "--quarantine", server.url, cwd=place)
        assert [row["seen"] for row in listed.document] == [2]
        assert list((place / ".dq_gate" / "spool").iterdir()) == []


def test_when_nothing_can_be_kept_nothing_is_passed_on_either(place):
    write_lines(place / "q.jsonl", GOOD, BAD)

    result = dq_gate(
        "admit", "q.jsonl", "--out", "c.jsonl",
        cwd=place, env=environment(DQ_GATE_STATE_DIR="/dev/null/state", DQ_GATE_LOG=str(place / "events")),
    )  # fmt: skip

    assert result.code == 3
    assert result.err.splitlines()[-2:] == [
        "1 failing record was refused but not kept",
        (
            "dq-gate: the quarantine /dev/null/state/quarantine.db cannot be used: Not a directory; make its directory "
            "writable, or name another place with --quarantine or DQ_GATE_QUARANTINE"
        ),
    ]
    assert not (place / "c.jsonl").exists()


def test_a_full_group_is_counted_and_no_error(place, run, monkeypatch):
    monkeypatch.setenv("DQ_GATE_MAX_OPEN", "1")
    monkeypatch.setattr(writer, "PATIENCE", WAIT)  # or a busy machine has the spool take some of them first
    write_lines(place / "q.jsonl", BAD, BAD, BAD)

    result = run("admit", "q.jsonl", "--out", "c.jsonl")

    assert (result.code, (place / "c.jsonl").exists()) == (1, True)
    assert result.err.splitlines()[-1] == "2 failing records were refused but not kept"
    counts = run("quarantine", "stats", "--format", "json").document
    assert (counts["by_state"]["pending"], counts["counted_only"]) == (1, 2)


@pytest.mark.parametrize("log", ["stdout", "structlog", "logging"])
def test_events_never_mix_with_the_records(log, run, place, monkeypatch):
    monkeypatch.setenv("DQ_GATE_LOG", log)
    write_lines(place / "q.jsonl", GOOD, BAD)

    result = run("admit", "q.jsonl")

    assert result.rows == [GOOD]
    assert "dq_gate.batch.completed" in (place / ".dq_gate" / "events.jsonl").read_text()
