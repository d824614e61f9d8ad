"""`dq-gate doctor` examines all the gate relies on, and exits with the gravest of what it finds."""

from __future__ import annotations

import contextlib

import pytest

from tests.redis_server import RedisServer


def results(result):
    return {row["what"]: row["result"] for row in result.rows}


def test_all_is_well_on_a_fresh_machine(run, place):
    result = run("doctor", "--format", "jsonl")

    assert (result.code, set(results(result).values())) == (0, {"ok"})
    assert [list(row) for row in result.rows] == [["what", "result", "detail"]] * len(result.rows)


def test_what_is_unsafe_is_a_finding(run, place, monkeypatch):
    (place / ".dq_gate").mkdir(mode=0o755)
    monkeypatch.setenv("DQ_GATE_MODE", "shadow")

    result = run("doctor", "--format", "jsonl")

    assert result.code == 1
    assert {what for what, found in results(result).items() if found == "warning"} == {"mode", "state directory"}


@pytest.mark.parametrize(
    ("arguments", "what"), [(["--pack", "nope"], "pack"), (["--quarantine", "redis://x:0"], "quarantine")]
)
def test_what_is_written_wrongly_exits_with_2(arguments, what, run):
    result = run("doctor", *arguments, "--format", "jsonl")

    assert (result.code, results(result)[what]) == (2, "unusable")


def test_a_store_that_is_away_exits_with_3(run, silent_redis, monkeypatch):
    monkeypatch.setenv("DQ_GATE_STATE_DIR", "/dev/null/state")

    result = run("doctor", "--quarantine", silent_redis, "--format", "jsonl")

    assert (result.code, results(result)["quarantine"]) == (3, "unavailable")
    assert results(result)["state directory"] == "warning"


def test_a_redis_that_may_lose_entries_is_told(run, tmp_path):
    with contextlib.closing(RedisServer(tmp_path / "redis", "--appendonly", "no").start()) as server:
        result = run("doctor", "--quarantine", server.url)
        server.stop()
        stalled = run("quarantine", "list", "--quarantine", server.url)

    assert (result.code, "unsafe: " in result.out) == (1, True)
    assert (stalled.code, "did not answer within" in stalled.complaint) == (3, True)


def test_the_keys_are_named_and_not_shown(run, monkeypatch):
    secret = "A" * 43 + "="
    assert results(run("doctor", "--format", "jsonl"))["sealing"] == "ok"
    monkeypatch.setenv("DQ_GATE_SEALING_KEYS", f"2026-07:{secret},2026-01:{secret}")
    (row,) = (row for row in run("doctor", "--format", "jsonl").rows if row["what"] == "sealing")
    assert (row["result"], row["detail"]) == ("ok", "under key 2026-07; 2026-01 open too")
    assert secret not in run("doctor").out
