"""`dq-gate rules`: what packs say, whether they are whole, and whether their examples hold."""

from __future__ import annotations

import pytest

PACK = """\
pack: p
version: 1
fields: {query: {type: str}, top_k: {type: int, le: 5}}
rules:
  - {id: a.b.c, field: query, check: length, max: 3, why: Short is good., examples: {pass: [abc], fail: [abc]}}
  - {id: a.b.d, field: query, check: not_blank, mode: shadow, on_fail: warn}
"""


@pytest.fixture
def pack(place):
    (place / "p.yaml").write_text(PACK)
    return "p.yaml"


def test_shipped_packs_are_listed(run):
    rows = run("rules", "list", "--format", "jsonl").rows

    assert [list(row) for row in rows] == [["pack", "version", "digest", "rules", "description"]] * len(rows)
    assert {"query", "document"} <= {row["pack"] for row in rows}


def test_rules_are_shown_alone_or_all_with_the_constraints_of_fields(run, pack):
    rows = run("rules", "show", pack, "--format", "json").document

    assert [(row["id"], row["mode"], row["on_fail"]) for row in rows] == [
        ("a.b.c", "enforce", "quarantine"),
        ("a.b.d", "shadow", "warn"),
        ("field.top_k.le", "enforce", "quarantine"),
    ]
    assert run("rules", "show", pack, "a.b.c", "--format", "json").document == rows[0] == {
        "id": "a.b.c", "field": "query", "check": "length", "on_fail": "quarantine", "mode": "enforce",
        "repair": None, "why": "Short is good.", "options": {"max": 3}, "examples": {"pass": ["abc"], "fail": ["abc"]},
    }  # fmt: skip


def test_examples_that_do_not_hold_are_findings(run, pack):
    result = run("rules", "test", pack, "--format", "jsonl")

    assert (result.code, result.complaint) == (1, "1 of 2 examples do not hold")
    (row,) = result.rows
    assert (row["rule_id"], row["expected"], row["number"]) == ("a.b.c", "fail", 1)


def test_gaps_are_findings(run, pack):
    result = run("rules", "lint", pack, "--format", "jsonl")

    assert result.code == 1
    assert {(row["rule_id"], row["line"]) for row in result.rows} == {("a.b.d", 6)}


@pytest.mark.parametrize("name", ["query", "document"])
def test_shipped_packs_hold_their_examples(name, run):
    result = run("rules", "test", name)

    assert (result.code, result.out.startswith("all ")) == (0, True)
