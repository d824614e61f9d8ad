"""`dq-gate review` as its user meets it: on a real terminal of 80 columns, with input that would like to own it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from tests.integration.cli.command import dq_gate, environment, start, terminal, write_lines

LEAVES_FULL_SCREEN = "\x1b[?1049l"
HOSTILE = "look \x1b]0;owned\x07 \x1b[2J\u202e\u200b\x9b31m <script>"


def read_until(screen, text):
    """Wait until a text is drawn."""
    while text not in screen.text:
        assert screen.read(), f"the program ended before it showed {text!r}"


@contextlib.contextmanager
def reviewer(screen, place, *arguments):
    """The reviewer on a terminal; it does not outlive the test."""
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.theirs)
    process = start("review", *arguments, cwd=place, env=environment(), **streams)
    os.close(screen.theirs)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_entries_are_read_and_decided_by_keys_and_no_input_reaches_the_terminal_raw(place):
    write_lines(place / "bad.jsonl", {"query": HOSTILE}, {"query": " "})
    dq_gate("admit", "bad.jsonl", "--out", "clean.jsonl", cwd=place)
    with terminal(80) as screen, reviewer(screen, place, "--rule", "query.text.controls") as process:
        for shown, key in (
            ("1 group", b"\r"),
            ("v shows the content", b"v"),
            ("owned", b"d"),
            ("1 not sent", b"s"),
            ("1 sent", b"q"),
        ):
            read_until(screen, shown)
            os.write(screen.ours, key)
        assert screen.leave_to(process) == 0
    for order in ("\x1b]0;owned", "owned\x07", "\x1b[2J\u202e", "\u202e", "\u200b", "\x9b"):
        assert order not in screen.text
    assert "1 entry decided" in screen.text
    listed = dq_gate("quarantine", "list", "--state", "any", "--format", "jsonl", cwd=place)
    assert sorted(row["state"] for row in listed.rows) == ["discarded", "pending"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_gives_the_terminal_back(place, number):
    with terminal(80) as screen, reviewer(screen, place) as process:
        read_until(screen, "nothing waits")
        process.send_signal(number)
        assert screen.leave_to(process) == 128 + number
    assert LEAVES_FULL_SCREEN in screen.text


def test_without_a_terminal_it_says_what_to_use_instead(place):
    refused = dq_gate("review", cwd=place)
    assert refused.code == 2
    assert "dq-gate quarantine" in refused.complaint


def test_without_textual_it_says_what_to_install(place):
    (place / "textual").mkdir()
    (place / "textual" / "__init__.py").write_text("raise ImportError\n")
    with terminal(80) as screen:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.theirs)
        env = environment(PYTHONPATH=os.pathsep.join([str(place), *filter(None, sys.path)]))
        process = subprocess.Popen([sys.executable, "-m", "dq_gate", "review"], cwd=place, env=env, **streams)
        os.close(screen.theirs)
        assert screen.leave_to(process) == 2
    assert "pip install 'dq-gate[tui]'" in screen.text
