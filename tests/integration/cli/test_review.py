"""`dq-gate quarantine`: entries are found, shown without their content, claimed by one, released or discarded."""

from __future__ import annotations

import json
import stat
from collections import Counter

import pytest

from tests.integration.cli.command import dq_gate, environment, start, write_lines


def states(run):
    return Counter(row["state"] for row in run("quarantine", "list", "--state", "any", "--format", "jsonl").rows)


def test_the_list_as_json_has_a_stable_shape(run, quarantined):
    first, *_ = run("quarantine", "list", "--format", "json").document

    assert list(first) == [
        "id", "state", "created_at", "source", "pack", "rules", "group", "attempts", "seen", "replayable",
    ]  # fmt: skip
    assert (first["id"], first["state"], first["rules"]) == (quarantined[0], "pending", ["query.text.controls"])


def test_pages_follow_one_another_without_gap_or_overlap(run, quarantined):
    first = run("quarantine", "list", "--limit", "2", "--format", "jsonl")
    cursor = first.complaint.removeprefix("more: add --after ")

    second = run("quarantine", "list", "--limit", "2", "--format", "jsonl", "--after", cursor)

    assert [row["id"] for row in first.rows + second.rows] == quarantined
    assert second.err == ""


def test_entries_are_found_by_rule_source_group_and_state(run, quarantined):
    (blank,) = run("quarantine", "list", "--rule", "query.text.present", "--format", "jsonl").rows

    def count(*options):
        return len(run("quarantine", "list", *options, "--format", "jsonl").rows)

    assert blank["id"] == quarantined[2]
    assert count("--group", blank["group"]) == 1
    assert (count("--source", "default"), count("--source", "other")) == (3, 0)
    assert (count("--state", "leased"), count("--state", "any")) == (0, 3)


def test_groups_and_stats_count_what_is_there(run, quarantined):
    largest, other = run("quarantine", "groups", "--format", "jsonl").rows
    counts = run("quarantine", "stats", "--format", "json").document

    assert list(largest) == [
        "group", "open", "count", "counted_only", "source", "pack", "rules", "first_seen", "last_seen", "sample",
    ]  # fmt: skip
    assert (largest["open"], largest["rules"], other["open"]) == (2, ["query.text.controls"], 1)
    assert list(counts) == ["by_state", "open_by_rule", "open_by_source", "groups", "bytes", "counted_only"]
    assert counts["bytes"] > 300
    assert counts["by_state"]["pending"] == 3
    assert counts["open_by_rule"] == {"query.text.controls": 2, "query.text.present": 1}
    assert "state    pending" in run("quarantine", "stats").out


def test_an_empty_quarantine_says_so(run):
    for command in ("list", "groups", "stats"):
        assert run("quarantine", command).out == "nothing matches\n"
    assert run("quarantine", "list", "--format", "json").document == []


def test_a_payload_stays_hidden_until_it_is_revealed_and_that_is_recorded(run, place, events):
    secret = {"query": "my secret\x00", "meta": {"and more secret": ["secret"], "n": 5}, "none": None}
    write_lines(place / "q.jsonl", secret)
    run("admit", "q.jsonl", "--out", "clean.jsonl")
    (entry_id,) = (row["id"] for row in run("quarantine", "list", "--format", "jsonl").rows)

    masked = run("quarantine", "show", entry_id, "--format", "json")
    assert "secret" not in masked.out + run("quarantine", "show", entry_id).out
    assert masked.document["payload"] == {
        "query": "<10 characters>", "meta": {"<name 1, 15 characters>": "<1 items>", "n": "<int>"}, "none": None,
    }  # fmt: skip
    assert events("entry.revealed") == []

    revealed = run("quarantine", "show", entry_id, "--reveal", "--format", "json")
    assert revealed.document["payload"] == secret
    (event,) = events("entry.revealed")
    assert event["entry_ids"] == [entry_id]
    assert list(revealed.document) == [
        *masked.document
    ] == [
        "id", "state", "created_at", "source", "pack", "rules", "group", "attempts", "seen", "replayable",
        "namespace", "pack_digest", "violations", "payload", "lease", "verdict", "waivers", "history",
        "not_before", "original", "edits", "problem",
    ]  # fmt: skip
    assert [step["action"] for step in run("quarantine", "history", entry_id, "--format", "json").document] == [
        "reveal"
    ]


def test_nothing_is_revealed_when_that_cannot_be_recorded(place, quarantined):
    result = dq_gate(
        "quarantine", "show", quarantined[0], "--reveal", cwd=place, env=environment(DQ_GATE_LOG="/dev/full")
    )

    assert (result.code, result.out) == (2, "")
    assert result.complaint == "dq-gate: /dev/full: cannot be written, so nothing is revealed"


def test_too_large_a_payload_is_shown_by_its_head(run, place):
    write_lines(place / "q.jsonl", {"query": "x" * 2_000_000})
    run("admit", "q.jsonl", "--out", "clean.jsonl")
    (entry,) = run("quarantine", "list", "--format", "json").document

    payload = run("quarantine", "show", entry["id"], "--format", "json").document["payload"]

    assert not entry["replayable"]
    assert payload["head"] == "<65536 characters>"


def test_a_claim_keeps_others_off_and_its_token_serves_the_next_commands(run, place, quarantined, monkeypatch):
    first, second, _ = quarantined
    claimed = run("quarantine", "claim", first)
    assert (claimed.code, claimed.out) == (0, "1 entry claimed\n")
    assert claimed.complaint.startswith("yours until ")

    monkeypatch.setenv("DQ_GATE_QUARANTINE", f"sqlite:///{place / '.dq_gate' / 'quarantine.db'}")
    monkeypatch.setenv("DQ_GATE_STATE_DIR", str(place / "of-a-colleague"))
    for action in ("claim", "release", "discard"):
        theirs = run("quarantine", action, first, "nope")
        assert theirs.code == 1
        assert "0 entries" in theirs.out
        assert "nope  no such entry" in theirs.out
        assert first in theirs.out
    assert run("quarantine", "release", second, "--format", "json").document == [{"id": second, "result": "done"}]

    monkeypatch.delenv("DQ_GATE_STATE_DIR")
    assert run("quarantine", "release", first).out == "1 entry released\n"
    assert stat.S_IMODE((place / ".dq_gate" / "lease-token").stat().st_mode) == 0o600


def test_actions_take_a_group_a_rule_or_a_source(run, quarantined):
    group = run("quarantine", "groups", "--format", "jsonl").rows[0]["group"]

    assert run("quarantine", "claim", "--group", group).out == "2 entries claimed\n"
    assert run("quarantine", "release", "--group", group, "--reason", "mended").out == "2 entries released\n"
    assert run("quarantine", "discard", "--rule", "query.text.present").out == "1 entry discarded\n"
    assert run("quarantine", "discard", "--source", "default").out == "0 entries discarded\n"
    assert states(run) == {"released": 2, "discarded": 1}


def test_entries_are_found_by_age_and_by_what_their_reasons_say(run, quarantined):
    def found(*options):
        rows = run("quarantine", "list", *options, "--format", "jsonl").rows
        return [quarantined.index(row["id"]) for row in rows]

    assert found("--newer-than", "1h") == [0, 1, 2]
    assert found("--older-than", "1h") == []
    assert found("--older-than", "0s", "--newer-than", "1w") == [0, 1, 2]
    assert found("--reason-text", "CONTROL character") == [0, 1]
    assert found("--reason-text", "second") == []


@pytest.mark.parametrize("age", ["3", "d", "-1h", "3 days", "", "1e9d"])
def test_what_is_no_age_is_refused_with_an_example(run, age):
    result = run("quarantine", "list", "--older-than", age)

    assert result.code == 2
    assert "write a number and one of s, m, h, d, w, such as 3d" in result.complaint


def test_the_newest_entry_of_a_group_is_shown_by_the_groups_name(run, quarantined):
    group = run("quarantine", "groups", "--format", "jsonl").rows[0]

    assert run("quarantine", "show", "--group", group["group"], "--format", "json").document["id"] == group["sample"]
    assert "no such group" in run("quarantine", "show", "--group", "x").complaint
    assert run("quarantine", "show").code == 2


def test_what_was_done_of_late_is_told_for_all_entries_newest_last(run, quarantined):
    run("quarantine", "claim", quarantined[1])
    run("quarantine", "discard", quarantined[0])

    rows = run("quarantine", "history", "--format", "jsonl").rows

    assert list(rows[0]) == ["id", "at", "who", "account", "action", "why"]
    assert [(quarantined.index(row["id"]), row["action"]) for row in rows] == [
        (1, "claim"),
        (0, "claim"),
        (0, "discard"),
    ]
    assert len(run("quarantine", "history", "--limit", "1", "--format", "jsonl").rows) == 1
    assert run("quarantine", "history", "--newer-than", "0s").out == "nothing was done\n"


def test_a_reviewer_is_named_by_the_setting_beside_the_account(run, quarantined, monkeypatch):
    monkeypatch.setenv("DQ_GATE_REVIEWER", "ann")
    run("quarantine", "claim", quarantined[0])

    (step,) = run("quarantine", "history", quarantined[0], "--format", "json").document

    assert step["who"] == "ann"
    assert step["account"] not in ("", "ann")
    assert f"claim by ann (account {step['account']})" in run("quarantine", "show", quarantined[0]).out


def test_history_says_who_did_what_and_why(run, quarantined, monkeypatch):
    monkeypatch.setenv("LOGNAME", "reviewer")
    run("quarantine", "discard", quarantined[0], "--reason", "noise")

    shown = run("quarantine", "show", quarantined[0], "--format", "json").document

    assert [(step["who"], step["action"], step["why"]) for step in shown["history"]] == [
        ("reviewer", "claim", ""),
        ("reviewer", "discard", "noise"),
    ]
    assert shown["verdict"] == "invalid"


def test_a_waiver_names_a_rule_that_the_entries_failed(run, quarantined):
    wrong = run("quarantine", "release", quarantined[0], "--waive", "query.text.control", "--reason", "x")

    assert wrong.code == 2
    assert "none of these entries failed it; did you mean 'query.text.controls'?" in wrong.complaint
    assert states(run) == {"pending": 3}


def test_two_reviewers_never_claim_one_entry(place, namespace, redis_server):
    write_lines(place / "bad.jsonl", *[{"query": f"{n}\x01"} for n in range(250)])
    shared = environment(DQ_GATE_QUARANTINE=redis_server.url, DQ_GATE_NAMESPACE=namespace)
    dq_gate("admit", "bad.jsonl", "--out", "clean.jsonl", cwd=place, env=shared)
    choice = ("quarantine", "claim", "--rule", "query.text.controls", "--format", "jsonl")

    racing = [
        start(*choice, cwd=place, env=shared | {"DQ_GATE_STATE_DIR": str(place / name)}) for name in ("ann", "bob")
    ]
    outputs = [process.communicate(timeout=60)[0] for process in racing]

    rows = [[json.loads(line) for line in output.splitlines()] for output in outputs]
    claimed = Counter(row["id"] for mine in rows for row in mine if row["result"] == "done")
    assert len(claimed) == 250
    assert set(claimed.values()) == {1}


def test_two_first_commands_at_once_share_one_token(place):
    racing = [start("quarantine", "claim", "--rule", "x", cwd=place) for _ in range(3)]

    assert [(process.communicate(timeout=60), process.returncode)[1] for process in racing] == [0, 0, 0]
    assert len((place / ".dq_gate" / "lease-token").read_text()) == 32
    assert not list((place / ".dq_gate").glob(".lease-token*"))


def test_an_empty_token_file_is_told(run, place, quarantined):
    (place / ".dq_gate" / "lease-token").touch()

    result = run("quarantine", "claim", quarantined[0])

    assert (result.code, result.complaint.endswith("lease-token: holds no lease token; remove it")) == (2, True)


@pytest.mark.parametrize(
    "action",
    [
        "list", "groups", "stats", "show x", "history", "claim x", "renew", "unclaim", "edit x", "release x",
        "discard x", "redrive", "export", "purge", "upgrade",
    ],
)  # fmt: skip
def test_a_redis_that_refuses_costs_one_line_and_exit_code_3(action, run, place, silent_redis):
    result = run("quarantine", *action.split(), "--quarantine", silent_redis)

    assert (result.code, result.out) == (3, "")
    assert result.complaint == f"dq-gate: Redis at {silent_redis} cannot be reached; is it running?"
    assert list(place.iterdir()) == []


def test_a_state_directory_that_cannot_be_written_is_told(run, monkeypatch):
    monkeypatch.setenv("DQ_GATE_STATE_DIR", "/dev/null/state")

    result = run("quarantine", "list")

    assert result.code == 3
    assert "/dev/null/state/quarantine.db cannot be used: Not a directory" in result.complaint


def test_a_redis_is_reviewed_without_a_state_directory(place, namespace, redis_server):
    here = environment(
        DQ_GATE_STATE_DIR="/dev/null/state", DQ_GATE_QUARANTINE=redis_server.url, DQ_GATE_NAMESPACE=namespace
    )

    listed = dq_gate("quarantine", "list", cwd=place, env=here)
    claimed = dq_gate("quarantine", "claim", "x", cwd=place, env=here)

    assert (listed.code, listed.out) == (0, "nothing matches\n")
    assert (claimed.code, "lease-token: cannot be used: Not a directory" in claimed.err) == (2, True)
