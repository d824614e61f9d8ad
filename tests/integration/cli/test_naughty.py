"""Naughty strings, terminal escapes and formulas through every command of the quarantine, asserted on bytes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dq_gate.quarantine.codec import read_tagged
from tests.integration.cli.command import WAIT, environment, terminal, write_lines

DATA = Path(__file__).parents[2] / "data"
ESCAPES = (
    "\x1b[2J\x1b[H",
    "\x1b]0;owned\x07",
    "\x1b]8;;http://x\x1b\\",
    "\x1bP1$r\x1b\\",
    "\x9b31m",
    "\x07\x08\x7f",
    "\r\n",
)
HIDDEN = ("\u202egnp.exe", "\u2066\u200b\u00ad", "\ufeff\u2028\u2029", "\U000e0041", "\ud800", "\x00")
FORMULAS = (
    "=1+1",
    '=HYPERLINK("x")',
    "+1",
    "-1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    " =1",
    "\uff1d1",
    '=cmd|"/c"!A1',
    '";=1;"',
)
ORDERS = re.compile(r"\x1b\[[0-9;]*[mK]|\r")
"""What our own tables and progress order the terminal to do: set a style, clear a line, go to its start."""
DRIVER = """
import json, sys
from dq_gate.cli import main
for arguments in json.load(sys.stdin if sys.argv[1] == "-" else open(sys.argv[1])):
    sys.argv = ["dq-gate", *arguments]
    try:
        main()
    except SystemExit as left:
        print("exit", left.code or 0)
"""


def naughty():
    """Every string that a terminal or a sheet might take for more than text."""
    rows = [json.loads(line) for name in ("blns", "xss") for line in (DATA / f"{name}.jsonl").read_bytes().splitlines()]
    return [row["text"] for row in rows] + [*ESCAPES, *HIDDEN, *FORMULAS]


@pytest.fixture
def full(run, place):
    """Ids of the entries that hold every naughty string, as a value, in a list and as a name."""
    records = [{"query": f"{text}\x01", "tags": [text], text or "empty": text} for text in naughty()]
    write_lines(place / "bad.jsonl", *records)
    run("admit", "bad.jsonl", "--out", "clean.jsonl")
    rows = run("quarantine", "list", "--limit", "1000", "--format", "jsonl").rows
    assert len(rows) == len(records)
    return [row["id"] for row in rows]


def on_screen(place, commands, answer=b""):
    """The bytes that commands, one after the other in one process, send to a terminal, and their exit codes."""
    (place / "commands.json").write_text(json.dumps(commands))
    env = environment(DQ_GATE_REVIEWER=ESCAPES[0], EDITOR="cat")
    with terminal(80) as screen:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.theirs)
        process = subprocess.Popen([sys.executable, "-c", DRIVER, "commands.json"], cwd=place, env=env, **streams)
        os.close(screen.theirs)
        os.write(screen.ours, answer)
        assert screen.leave_to(process) == 0
    codes = [int(code) for code in re.findall(rb"^exit (\d+)\r?$", screen.data, re.MULTILINE)]
    return screen.data, codes


def obeyed(data):
    """Characters among the bytes that a terminal would obey, or that do not show."""
    text = ORDERS.sub("", data.decode().replace("\r\n", "\n"))
    return {c for c in text if not c.isprintable() and c != "\n"}


def test_no_command_sends_an_inputs_characters_to_the_terminal_raw(place, full):
    why = ESCAPES[1]
    first, second, third, *_ = full
    commands = [
        ["list", "--state", "any", "--limit", "500"], ["list", "--format", "jsonl"], ["list", "--reason-text", why],
        ["list", "--after", why], ["groups"], ["stats"], ["show", first, "--reveal"], ["show", why],
        *[["show", entry_id, "--reveal", "--format", "json"] for entry_id in full[-24:]],
        ["claim", first, why], ["renew"], ["unclaim", first, "--reason", why], ["claim", second], ["edit", second],
        ["edit", third, "--set", f"query={why}", "--reveal"], ["edit", third, "--set", f"{why}={why}"],
        ["release", "--rule", "query.text.controls", "--dry-run"], ["release", third, "--waive", why, "--reason", why],
        ["release", "--rule", "query.text.controls", "--waive", "query.text.controls", "--reason", why],
        ["show", third, "--reveal"], ["redrive", third], ["redrive", "--out", "fixed.jsonl"],
        ["discard", "--source", why],
        ["export", "--reveal"], ["export", "--reveal", "--format", "csv"], ["export", "--format", why],
        ["export", "--reveal", "--out", "all.jsonl"], ["import", "all.jsonl"], ["import", f"no-{why}".replace("/", "")],
        ["history"], ["history", third, "--format", "json"], ["purge"], ["purge", "--state", why], ["stats"],
    ]  # fmt: skip
    data, codes = on_screen(place, [["quarantine", *command] for command in commands], answer=b"y\n")

    assert obeyed(data) == set()
    assert len(codes) == len(commands)
    assert set(codes) <= {0, 1, 2}
    assert data.count(rb"\u001b[2J") > 3  # as text, where it was revealed


@pytest.mark.parametrize("reveal", [(), ("--reveal",)], ids=["masked", "revealed"])
def test_no_cell_of_a_sheet_is_calculated_and_no_text_is_lost(run, place, full, reveal):
    run("quarantine", "discard", *full, "--reason", FORMULAS[0])

    run("quarantine", "export", *reveal, "--format", "csv", "--out", "all.csv")

    data = (place / "all.csv").read_bytes()
    assert {byte for byte in data if byte < 0x20 or byte == 0x7F} == set(b"\r\n")
    header, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert len(rows) == len(full)
    for cell in (cell for row in rows for cell in row):
        assert cell.isprintable()
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))
    if reveal:
        values = [read_tagged(json.loads(row[header.index("payload")])["value"]) for row in rows]
        assert {value["query"] for value in values} == {f"{text}\x01" for text in naughty()}


def test_a_file_of_lines_is_safe_to_look_at_and_comes_back_as_it_was(run, place, full):
    run("quarantine", "export", "--reveal", "--out", "all.jsonl")
    elsewhere = ("--quarantine", f"sqlite:///{place / 'other.db'}")
    run("quarantine", "import", "all.jsonl", *elsewhere)
    run("quarantine", "export", "--reveal", "--out", "again.jsonl", *elsewhere)

    data, again = ((place / name).read_bytes() for name in ("all.jsonl", "again.jsonl"))
    assert obeyed(data) == set()
    payloads = [[json.loads(line)["payload"] for line in text.splitlines()] for text in (data, again)]
    assert payloads[0] == payloads[1]


def test_a_pipe_gets_no_orders_either(place, full):
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, "-"],
        input=json.dumps([["quarantine", "show", entry_id, "--reveal"] for entry_id in full[-24:]]).encode(),
        capture_output=True, cwd=place, env=environment(), timeout=WAIT, check=True,
    )  # fmt: skip
    assert obeyed(done.stdout + done.stderr) == set()
