"""`dq-gate alerts history`: what a watch noted, beside a watch at work."""

from __future__ import annotations

import json
import threading
import time

import pytest

from dq_gate.alerts.evaluation.notices import rfc3339
from dq_gate.alerts.state.contract import Saved, Transition
from dq_gate.alerts.state.sqlite import SQLiteState
from tests.unit.alerts.telling import FIRED, HOSTILE

NOW = time.time_ns() // 1_000_000
HOUR = 3_600_000
CRASHES = {"alert": "crashes", "group": {"rule_id": "a.b"}, "id": "0123456789abcdef"}
SILENT = {"alert": "silent", "group": {}, "id": "fedcba9876543210"}
RULES = """\
pack: support
alerts:
  - {name: crashes, kind: frequency, where: {event: dq_gate.rule.crashed}, above: 0, within: 1m, severity: page}
  - {name: silent, kind: absence, where: {event: dq_gate.window.closed}, within: 1m, severity: page}
"""
NOTED = [
    Transition(at=NOW - 30 * HOUR, before="ok", after="pending", value=1.0, alert="crashes", group=CRASHES["group"]),
    Transition(at=NOW - 29 * HOUR, before="pending", after="firing", value=2.5, **CRASHES),
    Transition(at=NOW - 2 * HOUR, before="ok", after="firing", value=None, silenced_by="gate-down", **SILENT),
    Transition(at=NOW - HOUR, before="firing", after="resolved", value=0.0, **CRASHES),
]


@pytest.fixture(autouse=True)
def rules(place):
    (place / "alerts.yaml").write_text(RULES)


@pytest.fixture
def state(place):
    """The state of a watch that is at work, and noted something."""
    state = SQLiteState(place / ".dq_gate" / "alerts" / "support.db", "support")
    assert state.acquire(threading.Event(), lambda holder: None)
    state.commit(Saved(), NOTED, [("webhook+https://h#1", FIRED | CRASHES)])
    yield state
    state.close()


@pytest.fixture
def history(run, place):
    """Runs the command over the rules of the watch."""
    return lambda *arguments: run("alerts", "history", "--rules", "alerts.yaml", *arguments)


@pytest.fixture
def rows(history):
    """What the command gives as JSON."""

    def rows(*arguments):
        done = history(*arguments, "--format", "jsonl")
        assert (done.code, done.err) == (0, "")
        return [json.loads(line) for line in done.out.splitlines()]

    return rows


def test_it_shows_what_fired_resolved_and_was_not_delivered_the_newest_last(state, rows, history):
    (delivery,) = state.due("webhook+https://h#1", NOW, 1)
    state.give_up(delivery.number, "refused with 404")
    found = rows()
    assert [row["after"] for row in found] == ["firing", "firing", "resolved", "undelivered"]
    assert found[1] == {
        "at": rfc3339(NOW - 2 * HOUR), "alert": "silent", "group": {}, "before": "ok", "after": "firing", "value": None,
        "id": "fedcba9876543210", "silenced_by": "gate-down", "notifier": None, "error": None,
    }  # fmt: skip
    assert found[3].keys() == found[1].keys()
    assert (found[3]["notifier"], found[3]["error"]) == ("webhook+https://h#1", "refused with 404")
    table = history().out
    assert "silenced by gate-down" in table
    assert "webhook+https://h#1: refused with 404" in table
    assert "rule_id=a.b" in table


def test_all_shows_what_nobody_was_told_of_too(state, rows, history):
    assert [row["after"] for row in rows("--all")] == ["pending", "firing", "firing", "resolved"]


def test_it_can_be_narrowed_to_an_alert_and_a_time(state, rows, history):
    assert [row["alert"] for row in rows("--since", "1d")] == ["silent", "crashes"]
    assert [row["after"] for row in rows("--alert", "crashes")] == ["firing", "resolved"]
    assert history("--alert", "silent", "--since", "1h").out == "nothing matches\n"


def test_without_a_state_it_says_so_and_all_is_well(place, rows, history):
    done = history()
    assert (done.code, done.out) == (0, "no watch of the alert pack 'support' has noted anything yet\n")
    assert rows() == []
    assert not (place / ".dq_gate").exists()


def test_no_terminal_obeys_what_the_log_held(state, rows, history):
    state.commit(Saved(), [Transition(NOW, "crashes", {"rule_id": HOSTILE}, "ok", "firing", 1.0, "00")], [])
    for format_ in ("table", "json", "jsonl"):
        printed = history("--format", format_).out
        assert all(character.isprintable() or character == "\n" for character in printed)
    assert rows()[-1]["group"] == {"rule_id": HOSTILE}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "--since yesterday: write a number and one of s, m, h, d, w"),
        (["--alert", "crash"], "--alert crash: no such alert; did you mean 'crashes'?"),
    ],
)
def test_mistakes_are_one_line_and_exit_with_2(arguments, said, state, history):
    done = history(*arguments)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
