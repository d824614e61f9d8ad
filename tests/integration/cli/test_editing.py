"""`dq-gate quarantine edit`: in an editor or by options; what passes is kept, and what fails says where."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dq_gate.cli.editor import editable_text, parse_text
from dq_gate.errors import ReviewError
from tests.integration.cli.command import environment, start, terminal, write_lines


@pytest.fixture
def editor(place, monkeypatch):
    """Makes a shell command the editor; it finds the file's name in $1."""

    def editor(command):
        script = place / "editor.sh"
        script.write_text(f'#!/bin/sh\ncp "$1" {place}/seen.txt\n{command}\n')
        script.chmod(0o755)
        monkeypatch.setenv("EDITOR", str(script))
        return script

    return editor


def shown(run, entry_id):
    return run("quarantine", "show", entry_id, "--reveal", "--format", "json").document


def test_a_field_is_set_and_what_passes_is_kept(run, quarantined, events):
    result = run("quarantine", "edit", quarantined[0], "--set", "query=first", "--set", "top_k=5", "--reason", "mended")

    assert result.code == 0
    assert "it passes the gate and is kept" in result.out
    assert "first" not in result.out
    assert events("entry.revealed") == []
    entry = shown(run, quarantined[0])
    assert (entry["payload"], entry["original"]) == ({"query": "first", "top_k": 5}, {"query": "first\x01"})
    assert (entry["state"], entry["verdict"]) == ("leased", "invalid")
    assert (entry["history"][1]["action"], entry["history"][1]["why"]) == ("edit", "mended")
    assert events("entry.edited")[0]["entry_ids"] == [quarantined[0]]


def test_what_still_fails_says_which_rule_and_where_and_the_entry_is_free_again(run, quarantined):
    result = run("quarantine", "edit", quarantined[0], "--set", "query=still\x02")

    assert result.code == 1
    assert "still fails the gate and is not kept" in result.out
    assert "query.text.controls (query): has the control character U+0002, at 5 to 6" in result.out
    assert shown(run, quarantined[0])["state"] == "pending"


def test_a_wrong_rule_is_waived_in_the_same_edit(run, quarantined):
    options = ("--set", "query=still\x02", "--waive", "query.text.controls", "--reason", "a test of it")

    assert run("quarantine", "edit", quarantined[0], *options[:-2]).code == 2
    assert run("quarantine", "edit", quarantined[0], *options).code == 0
    assert shown(run, quarantined[0])["waivers"][0]["rule_id"] == "query.text.controls"


def test_the_whole_value_comes_from_a_file_or_standard_input(run, place, quarantined):
    (place / "value.json").write_text('// a comment\n{"query": "from a file"}\n')

    done = run("quarantine", "edit", quarantined[0], "--from", "value.json", "--reveal", "--format", "json").document

    assert (done["result"], done["violations"]) == ("done", [])
    assert done["changes"] == [{"path": "query", "before": "first\x01", "after": "from a file"}]
    assert list(done) == ["id", "result", "violations", "changes"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"query": "secret", }', "line 1 column"),
        ('{"query": "a", "query": "secret"}', "the same name twice"),
        ('{"query": {"$nope": "secret"}}', "stands for no type"),
        ('{"query": NaN}', '{"$float": "nan"}'),
        ("", "line 1 column 1"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_not_json_says_where_and_not_what(run, place, quarantined, text, message):
    (place / "value.json").write_text(text)

    result = run("quarantine", "edit", quarantined[0], "--from", "value.json")

    assert (result.code, message in result.complaint, "secret" in result.complaint) == (2, True, False)
    assert shown(run, quarantined[0])["state"] == "pending"


def test_an_editor_sees_reasons_and_value_with_nothing_hidden_and_that_is_recorded(
    run, place, quarantined, editor, events
):
    editor("""sed -i 's/\\\\u0001//' "$1" """)

    result = run("quarantine", "edit", quarantined[0])

    assert (result.code, r'"first\u0001" -> "first"' in result.out) == (0, True)
    seen = (place / "seen.txt").read_bytes()
    assert b"// query.text.controls (query): has the control character U+0001, at 5 to 6" in seen
    assert b'"query": "first\\u0001"' in seen
    assert b"\x01" not in seen
    assert [event["entry_ids"] for event in events("entry.revealed")] == [[quarantined[0]]]
    assert shown(run, quarantined[0])["payload"] == {"query": "first"}


def test_an_editor_that_changes_nothing_changes_nothing(run, quarantined, editor):
    editor("true")

    result = run("quarantine", "edit", quarantined[0])

    assert (result.code, "nothing was changed" in result.out) == (1, True)
    assert shown(run, quarantined[0])["state"] == "pending"


@pytest.mark.parametrize("command", ["exit 3", "rm $1; exit 0", "printf '\\377' > $1", "echo nonsense > $1"])
def test_an_editor_that_fails_leaves_all_as_it_was(run, quarantined, editor, command):
    editor(command)

    result = run("quarantine", "edit", quarantined[0])

    assert result.code == 2
    assert shown(run, quarantined[0])["state"] == "pending"


def test_the_text_in_the_editor_is_for_this_user_alone_and_gone_afterwards(run, place, quarantined, editor):
    editor('ls -ld "$(dirname "$1")" > listing; echo "$1" > name')

    run("quarantine", "edit", quarantined[0])

    assert (place / "listing").read_text().startswith("drwx------")
    assert not Path((place / "name").read_text().strip()).exists()


def test_a_lease_that_runs_out_while_the_editor_is_open_is_taken_again(run, quarantined, editor, monkeypatch):
    monkeypatch.setenv("DQ_GATE_LEASE_SECONDS", "0.2")
    editor("""sed -i 's/\\\\u0001//' "$1"; sleep 0.4""")

    assert run("quarantine", "edit", quarantined[0]).code == 0
    actions = [step["action"] for step in run("quarantine", "history", quarantined[0], "--format", "json").document]
    assert actions[:5] == ["claim", "reveal", "lapse", "claim", "edit"]


def test_without_an_editor_one_is_asked_for(run, quarantined, monkeypatch):
    monkeypatch.setenv("EDITOR", "/no/such/editor --wait")
    assert "set EDITOR to a command that edits" in run("quarantine", "edit", quarantined[0]).complaint
    for no_command in (" ", 'vi "'):
        monkeypatch.setenv("EDITOR", no_command)
        assert "is no command; set EDITOR" in run("quarantine", "edit", quarantined[0]).complaint
    monkeypatch.delenv("EDITOR")
    monkeypatch.setenv("PATH", "")
    assert "there is no editor: set EDITOR" in run("quarantine", "edit", quarantined[0]).complaint


def test_what_others_hold_or_is_decided_is_not_edited(run, place, quarantined, monkeypatch):
    run("quarantine", "discard", quarantined[0])
    decided = run("quarantine", "edit", quarantined[0], "--set", "query=x")
    assert (decided.code, "is discarded, so it cannot be edited" in decided.complaint) == (2, True)

    run("quarantine", "claim", quarantined[1])
    monkeypatch.setenv("DQ_GATE_QUARANTINE", f"sqlite:///{place / '.dq_gate' / 'quarantine.db'}")
    monkeypatch.setenv("DQ_GATE_STATE_DIR", str(place / "of-a-colleague"))
    assert "is leased by " in run("quarantine", "edit", quarantined[1], "--set", "query=x").complaint
    assert "no entry nope" in run("quarantine", "edit", "nope", "--set", "query=x").complaint


def test_what_was_not_kept_whole_is_told_before_an_editor_opens(run, place, editor):
    editor("true")
    write_lines(place / "q.jsonl", {"query": "x" * 2_000_000})
    run("admit", "q.jsonl", "--out", "clean.jsonl")
    (entry,) = run("quarantine", "list", "--format", "json").document

    result = run("quarantine", "edit", entry["id"])

    assert (result.code, "was not kept whole" in result.complaint) == (2, True)
    assert not (place / "seen.txt").exists()


def test_another_pack_than_the_one_that_refused_it_is_refused_itself(run, place, quarantined):
    (place / "other.yaml").write_text("pack: other\nversion: 1\nfields: {query: {type: str}}\n")

    result = run("quarantine", "edit", quarantined[0], "--set", "query=x", "--pack", "other.yaml")

    assert (result.code, "another pack than 'other' refused it; use --pack" in result.complaint) == (2, True)


def test_on_a_terminal_a_refused_edit_can_be_edited_again(place, quarantined, editor):
    script = editor(
        'if [ -e again ]; then echo \'{"query": "fine"}\' > "$1"; else echo \'{"query": " "}\' > "$1"; fi; touch again'
    )
    with terminal() as screen:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.theirs)
        process = start("quarantine", "edit", quarantined[0], cwd=place, env=environment(EDITOR=str(script)), **streams)
        os.close(screen.theirs)
        while "Edit it again? [Y/n]" not in screen.text:
            assert screen.read()
        os.write(screen.ours, b"\n")
        assert screen.leave_to(process) == 0
    assert "query.text.present (query)" in screen.text
    assert "it passes the gate and is kept" in screen.text


def test_a_purge_on_a_terminal_asks_and_takes_no_for_an_answer(place, run, quarantined):
    run("quarantine", "discard", *quarantined)
    with terminal() as screen:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.theirs)
        process = start("quarantine", "purge", cwd=place, env=environment(), **streams)
        os.close(screen.theirs)
        while "[y/N]" not in screen.text:
            assert screen.read()
        os.write(screen.ours, b"n\n")
        assert screen.leave_to(process) == 1
    assert "Remove 3 entries (3 discarded) for good?" in screen.text
    assert len(run("quarantine", "list", "--state", "discarded", "--format", "jsonl").rows) == 3


@pytest.mark.parametrize(
    "value",
    [
        {"a": "\x1b[2J\u202e\ud800", "b": b"\x00", "c": 2**70, "d": (1, {2}), "e": float("inf")},
        ["// no comment"],
        "//",
        None,
        {"$float": 1},
    ],
)
def test_a_value_as_text_shows_all_its_characters_and_comes_back(value):
    text = editable_text(value)
    assert text.replace("\n", "").isprintable()
    assert parse_text("// a comment\n" + text) == value


def test_a_name_twice_would_hide_a_value_so_it_is_refused():
    with pytest.raises(ReviewError, match="twice"):
        parse_text(json.dumps({"a": 1})[:-1] + ', "a": 2}')


def test_a_value_that_is_not_utf_8_is_refused(run, place, quarantined):
    (place / "value.json").write_bytes(b'{"query": "\xff"}')
    result = run("quarantine", "edit", quarantined[0], "--from", "value.json")
    assert (result.code, result.complaint) == (2, "dq-gate: the new value is not UTF-8")
