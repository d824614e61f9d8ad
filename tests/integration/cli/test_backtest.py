"""`dq-gate rules backtest`: what a new version would have done, told without showing any input."""

from __future__ import annotations

import pytest

from dq_gate import Gate
from tests.integration.cli.command import write_lines

OLD = """\
pack: shop
version: 1
fields: {query: {type: str}}
rules:
  - {id: query.text.spam, field: query, check: not_matches, patterns: [spam]}
  - {id: query.text.short, field: query, check: length, max: 40}
"""
NEW = """\
pack: shop
version: 2
fields: {query: {type: str}}
rules:
  - {id: query.text.short, field: query, check: length, max: 40}
  - {id: query.text.order, field: query, check: not_matches, patterns: ["order [0-9]+"]}
  - {id: query.text.calm, field: query, check: not_matches, patterns: ["!!"], mode: shadow}
"""
QUERIES = ["where is order 12", "cheap spam 4U", "x" * 41, "Order me!!", "order 77 please"]


@pytest.fixture
def packs(place):
    (place / "old.yaml").write_text(OLD)
    (place / "new.yaml").write_text(NEW)
    (place / "q.txt").write_text("")


@pytest.fixture
def admitted(place, packs):
    """A gate under the old pack, that has judged the queries and recorded what it admitted."""

    def admit(**settings):
        with Gate.load(place / "old.yaml", log=str(place / "e.jsonl"), **settings) as gate, gate.batch() as batch:
            for query in QUERIES:
                batch.admit({"query": query})
        with Gate.load(place / "old.yaml", log=str(place / "e.jsonl"), **settings) as gate:
            for query in ("where is order 12", "Order me!!", "order 77 please"):
                gate.admit({"query": query})

    return admit


def test_recorded_inputs_that_would_be_refused_are_newly_caught(run, admitted):
    admitted(record="full", record_rate=1.0)

    result = run("rules", "backtest", "new.yaml", "--against", "recorded", "--format", "jsonl")

    assert result.code == 1
    assert result.rows == [
        {
            "turn": "newly caught",
            "rule_id": "query.text.order",
            "count": 2,
            "examples": ["xxxxx xx xxxxx 99", "xxxxx 99 xxxxxx"],
        }
    ]
    assert result.err.splitlines() == [
        "3 inputs: 2 newly caught, 0 newly let through; 2 caught in all",
        "        1  query.text.calm, in shadow mode",
    ]


def test_quarantined_inputs_that_would_pass_are_newly_let_through(run, admitted):
    admitted()

    result = run("rules", "backtest", "new.yaml", "--against", "quarantine", "--format", "json")

    assert result.document == [
        {"turn": "newly let through", "rule_id": "query.text.spam", "count": 1, "examples": ["xxxxx xxxx 9X"]}
    ]


def test_entries_that_cannot_be_replayed_are_left_out_and_told(run, place, packs):
    (place / "masked.yaml").write_text(OLD.replace("{type: str}", "{type: str, store: masked}"))
    with Gate.load(place / "masked.yaml", log=str(place / "e.jsonl")) as gate, gate.batch() as batch:
        batch.admit({"query": "spam"})

    result = run("rules", "backtest", "new.yaml", "--against", "quarantine")

    assert (result.code, result.out) == (0, "no input's fate turns\n")
    assert "1 entries were left out" in result.err


def test_a_file_is_judged_by_both(run, place, packs):
    write_lines(place / "q.jsonl", *QUERIES)

    arguments = ("rules", "backtest", "new.yaml", "--against", "q.jsonl", "--baseline", "old.yaml")
    rows = run(*arguments, "--format", "jsonl").rows

    assert {(row["turn"], row["rule_id"], row["count"]) for row in rows} == {
        ("newly caught", "query.text.order", 2),
        ("newly let through", "query.text.spam", 1),
    }


def test_a_pack_against_itself_turns_nothing(run, place, packs):
    write_lines(place / "q.jsonl", *QUERIES)

    result = run("rules", "backtest", "new.yaml", "--against", "q.jsonl", "--baseline", "new.yaml")

    assert (result.code, result.out) == (0, "no input's fate turns\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--against", "recorded"), "holds no recorded input of source 'default'; set `record` to masked or full"),
        (("--against", "nothing.jsonl"), "nothing.jsonl: No such file or directory"),
        (("--against", "recorded", "--baseline", "old.yaml"), "--baseline goes with a FILE"),
        (("--against", "q.txt"), "q.txt: unknown ending .txt"),
    ],
)
def test_a_mistake_costs_one_line(run, packs, arguments, complaint):
    result = run("rules", "backtest", "new.yaml", *arguments)

    assert result.code == 2
    assert complaint in result.complaint
