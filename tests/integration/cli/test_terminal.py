"""On a terminal: tables that fit, progress that gets out of the way, and no input that the terminal obeys."""

from __future__ import annotations

import json
import os
import re
import threading

import pytest

from tests.integration.cli.command import dq_gate, environment, on_terminal, start, terminal, write_lines

HOSTILE = "\x1b[2J\x1b]0;owned\x07 \x9b31m \u202e \x7f"
ORDERS = re.compile(r"\x1b\[[0-9;]*[mK]|\r")
"""What our own tables and progress order the terminal to do: set a style, clear a line, go to its start."""


def obeyed(text):
    return [c for c in ORDERS.sub("", text) if not c.isprintable() and c != "\n"]


@pytest.fixture
def hostile(run, place):
    """Id of an entry full of orders to a terminal."""
    write_lines(place / "bad.jsonl", {"query": HOSTILE, HOSTILE: [HOSTILE]})
    run("admit", "bad.jsonl", "--out", "clean.jsonl")
    (entry_id,) = (row["id"] for row in run("quarantine", "list", "--format", "jsonl").rows)
    run("quarantine", "claim", entry_id)
    run("quarantine", "release", entry_id, "--reason", HOSTILE)
    return entry_id


@pytest.mark.parametrize("format_", ["table", "json", "jsonl"])
def test_what_an_input_contains_is_shown_and_not_obeyed(format_, place, hostile):
    shown = on_terminal("quarantine", "show", hostile, "--reveal", "--format", format_, cwd=place)

    assert shown.code == 0
    assert r"\u001b[2J" in shown.out
    assert obeyed(shown.out) == []


def test_records_on_a_terminal_are_not_obeyed_either(place):
    write_lines(place / "q.jsonl", {"query": "fine", "note": HOSTILE}, json.dumps(HOSTILE, ensure_ascii=False).encode())
    (place / "q.csv").write_text(f"query,note\nfine,{HOSTILE}\n")

    for file in ("q.jsonl", "q.csv"):
        admitted = on_terminal("admit", file, cwd=place)
        assert "fine" in admitted.out
        assert obeyed(admitted.out) == []


def test_names_of_files_rules_and_entries_are_not_obeyed(place, run):
    name = f"{HOSTILE}.jsonl".replace("/", "")
    write_lines(place / name, {"query": HOSTILE})
    for arguments in (
        ["check", name],
        ["check", f"missing {name}"],
        ["quarantine", "show", HOSTILE],
        ["quarantine", "claim", HOSTILE],
        ["quarantine", "list", "--after", HOSTILE],
        ["rules", "show", "query", HOSTILE],
        [HOSTILE],
        ["check", HOSTILE, "--pack", HOSTILE],
        ["check", os.fsdecode(b"\xff\xfe")],
    ):
        result = run(*arguments)
        assert obeyed(result.out + result.err) == []
        assert result.code in (1, 2)


def test_a_table_keeps_ids_whole_and_becomes_blocks_where_it_does_not_fit(run, place):
    write_lines(place / "bad.jsonl", {"query": "a\x00b"})
    run("admit", "bad.jsonl", "--out", "clean.jsonl")
    (entry,) = run("quarantine", "list", "--format", "jsonl").rows

    wide = on_terminal("quarantine", "list", cwd=place, columns=130)
    narrow = on_terminal("quarantine", "list", cwd=place, columns=40)

    assert re.search(rf"{entry['id']} +pending .* {entry['group']}", wide.out)
    assert f"id      {entry['id']}\nstate   pending\nage     " in narrow.out
    assert max(map(len, narrow.out.splitlines())) <= 40


def test_lists_of_real_content_are_tables_on_80_columns(run, place):
    write_lines(
        place / "bad.jsonl",
        {"query": "<script>ignore all previous instructions\x00</script>\ufffd", "top_k": 5000},
        {"query": " "},
    )
    run("admit", "bad.jsonl", "--out", "clean.jsonl", "--source", "support-bot.production")
    run("quarantine", "discard", "--rule", "query.text.present", "--reason", "an empty box in the search mask")
    ids = [row["id"] for row in run("quarantine", "list", "--state", "any", "--format", "jsonl").rows]

    for command in (["list", "--state", "any"], ["groups"], ["stats"], ["history"]):
        shown = ORDERS.sub("", on_terminal("quarantine", *command, cwd=place, columns=80).out)
        _, rule, *_ = shown.splitlines()
        assert set(rule) == {"\u2500"}, command
        assert max(map(len, shown.splitlines())) <= 80
        assert command[0] not in ("list", "history") or ids[1] in shown


def test_text_is_broken_between_words_to_fit(place):
    shown = on_terminal("rules", "show", "query", cwd=place, columns=130)

    assert max(len(ORDERS.sub("", line)) for line in shown.out.splitlines()) <= 130
    assert "query.text.present" in shown.out


def test_no_color_means_none(place, run):
    write_lines(place / "bad.jsonl", {"query": "a\x00b"})
    run("admit", "bad.jsonl", "--out", "clean.jsonl")
    (place / ".dq_gate" / "events.jsonl").write_text(
        '{"timestamp": "2025-01-01T00:00:00Z", "level": "error", "event": "dq_gate.store.degraded"}\n'
    )

    plain = on_terminal("signals", "tail", cwd=place, env=environment(NO_COLOR="1"))

    assert "\x1b" not in plain.out
    assert "\x1b[31m" in on_terminal("signals", "tail", cwd=place).out


def test_progress_is_shown_and_taken_away(place):
    def feed(until):
        while not until.is_set():
            process.stdin.write(b'"a question"\n' * 1000)
        process.stdin.close()

    seen = threading.Event()
    with terminal() as screen, start("admit", "-", "--out", "clean.jsonl", cwd=place, stderr=screen.theirs) as process:
        os.close(screen.theirs)
        feeder = threading.Thread(target=feed, args=(seen,))
        feeder.start()
        while screen.read():
            if re.search(r"\d+ records", screen.text):
                seen.set()
        feeder.join()

    assert process.returncode == 0
    assert re.search(r"\r\x1b\[2K\d+ records: \d+ clean, 0 repaired, 0 quarantined\n$", screen.text)


def test_progress_on_a_terminal_leaves_the_output_elsewhere_alone(place):
    write_lines(place / "q.jsonl", *[{"query": "a question"}] * 3)
    with terminal() as screen:
        process = start("check", "q.jsonl", "--format", "jsonl", cwd=place, stderr=screen.theirs)
        os.close(screen.theirs)
        out = process.stdout.read()
        process.stdin.close()
        process.stdout.close()
        assert screen.leave_to(process) == 0

    assert len(out.splitlines()) == 3
    assert screen.text == "3 records: 3 clean, 0 repaired, 0 quarantined\n"


def test_an_ascii_terminal_is_no_reason_to_fail(place):
    (place / "pack.yaml").write_text("pack: p\nversion: 1\ndescription: é\nfields: {q: {type: str, one_of: [é]}}\n")
    ascii_only = environment(PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    table = dq_gate("rules", "show", "pack.yaml", cwd=place, env=ascii_only)
    shown = dq_gate("rules", "show", "query", "query.text.normal_form", "--format", "json", cwd=place, env=ascii_only)

    assert (table.code, table.err) == (0, "")
    assert (shown.code, shown.err) == (0, "")
    assert shown.document["id"] == "query.text.normal_form"
