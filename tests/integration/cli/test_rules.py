"""`dq-gate rules`: what packs say, whether they are whole, and whether their examples hold."""

from __future__ import annotations

import jsonschema
import pytest

from dq_gate.packs.shipped import shipped_path
from dq_gate.packs.yaml import load_yaml
from tests.integration.cli.command import write_lines

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
    assert (row["subject"], row["expected"], row["number"]) == ("a.b.c", "fail", 1)


def test_gaps_are_findings(run, pack):
    result = run("rules", "lint", pack, "--format", "jsonl")

    assert result.code == 1
    assert {(row["rule_id"], row["line"]) for row in result.rows} == {("a.b.d", 6)}


@pytest.mark.parametrize("name", ["query", "document"])
def test_shipped_packs_hold_their_examples(name, run):
    result = run("rules", "test", name)

    assert (result.code, result.out.startswith("all ")) == (0, True)


def test_changes_between_packs_are_told_part_by_part(run, pack, place):
    changed = PACK.replace("max: 3", "max: 4").replace("le: 5}", "le: 5}, page: {type: int}")
    (place / "q.yaml").write_text(changed.replace("a.b.d", "a.b.e"))

    result = run("rules", "diff", pack, "q.yaml", "--format", "jsonl")

    assert result.code == 1
    assert [(row["kind"], row["subject"], row["key"], row["before"], row["after"]) for row in result.rows] == [
        ("added", "fields.page", "", None, None),
        ("removed", "a.b.d", "", None, None),
        ("added", "a.b.e", "", None, None),
        ("changed", "a.b.c", "max", 3, 4),
    ]
    assert result.complaint == "both are p@1: raise `version` with every change"


def test_a_change_in_a_file_of_expressions_or_in_a_base_is_a_change(run, place):
    (place / "base.yaml").write_text(PACK)
    for name, word in (("one", "a"), ("two", "b")):
        (place / f"{name}.txt").write_text(word)
        (place / f"{name}.yaml").write_text(
            f"pack: {name}\nversion: 1\nextends: [base.yaml]\ndisable: [a.b.d]\nunknown_fields: allow\nrules:\n"
            f"  - {{id: x.y.z, field: query, check: not_matches, patterns_file: {name}.txt}}\n"
        )

    (row,) = run("rules", "diff", "one.yaml", "two.yaml", "--format", "jsonl").rows
    assert (row["subject"], row["key"], row["before"], row["after"]) == ("x.y.z", "patterns", ["a"], ["b"])
    subjects = {row["subject"] for row in run("rules", "diff", "base.yaml", "one.yaml", "--format", "jsonl").rows}
    assert subjects == {"unknown_fields", "a.b.d", "x.y.z"}


def test_equal_packs_have_no_difference(run, pack):
    result = run("rules", "diff", pack, pack)

    assert (result.code, result.out) == (0, "no difference\n")


def test_the_schema_takes_what_loads_and_refuses_what_does_not(run, pack, place):
    schema = run("rules", "schema").document
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)

    def problems(text):
        return [error.message for error in validator.iter_errors(load_yaml(text, path="p.yaml").value)]

    assert problems(PACK) == []
    for name in ("query", "document"):
        assert problems(shipped_path(name).read_text()) == []
    assert problems(PACK + "  - {id: a.b.e, field: query, check: not_matches, patterns_file: f}") == []
    for right, wrong in (("max: 3", "mx: 3"), ("max: 3", "max: x"), ("type: str", "type: text"), ("mode:", "mod:")):
        assert problems(PACK.replace(right, wrong)) != []


CASES = """\
cases:
  - {name: plain, record: {query: ab, top_k: 1}, outcome: clean, rules: []}
  - {name: too long, record: {query: abcd, top_k: 1}, outcome: quarantined, rules: [a.b.c]}
  - name: blank
    record: {query: " ", top_k: 1}
    outcome: clean
    rules: [a.b.d]
  - {name: no query, record: {top_k: 9}, outcome: quarantined, rules: [field.query.required, field.top_k.le]}
"""


def test_cases_beside_a_pack_are_run(run, pack, place):
    (place / "p.yaml").write_text(PACK.replace("fail: [abc]", "fail: [abcd]"))
    (place / "p.cases.yaml").write_text(CASES)

    result = run("rules", "test", pack)

    assert (result.code, result.out) == (0, "all 2 examples and 4 cases hold\n")


@pytest.mark.parametrize(
    ("right", "wrong", "detail"),
    [
        ("outcome: quarantined, rules: [a.b.c]", "outcome: clean", "quarantined, not clean: a.b.c"),
        ("rules: [a.b.d]", "rules: []", "fails a.b.d"),
        ("outcome: clean, rules: []", "outcome: clean, value: {query: x, top_k: 1}", "comes out otherwise"),
    ],
)
def test_a_case_that_does_not_hold_is_a_finding_with_its_line(run, pack, place, right, wrong, detail):
    (place / "p.yaml").write_text(PACK.replace("fail: [abc]", "fail: [abcd]"))
    (place / "p.cases.yaml").write_text(CASES.replace(right, wrong))

    result = run("rules", "test", pack, "--format", "jsonl")

    assert (result.code, [row["detail"] for row in result.rows]) == (1, [detail])
    assert result.rows[0]["number"] in (2, 3, 4)


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("outcome: clean, rules: []", "outcom: clean", "p.cases.yaml:2: unknown key 'outcom'; did you mean 'outcome'?"),
        ("[a.b.c]", "[a.b.x]", "p.cases.yaml:3: case 'too long' names no rule of the pack: 'a.b.x'"),
        ("cases:", "case:", "p.cases.yaml:1: unknown key 'case'; did you mean 'cases'?"),
    ],
)
def test_a_case_file_that_cannot_be_used_costs_one_line(run, pack, place, right, wrong, complaint):
    (place / "p.cases.yaml").write_text(CASES.replace(right, wrong, 1))

    result = run("rules", "test", pack)

    assert result.code == 2
    assert complaint in result.complaint


def test_stats_tell_hits_and_what_reviewers_made_of_them(run, place):
    (place / "p.yaml").write_text(
        "pack: p\nversion: 1\nfields: {query: {type: str}}\nrules:\n"
        "  - {id: query.text.spam, field: query, check: not_matches, patterns: [spam]}\n"
        "  - {id: query.text.calm, field: query, check: not_matches, patterns: ['!'], mode: shadow}\n"
        "  - {id: query.text.short, field: query, check: length, max: 50}\n"
    )
    write_lines(place / "q.jsonl", "spam one", "spam two", "spam three!", "fine!")
    run("admit", "q.jsonl", "--pack", "p.yaml", "--out", "clean.jsonl")
    first, second, _ = (row["id"] for row in run("quarantine", "list", "--format", "jsonl").rows)
    run("quarantine", "claim", first, second)
    run("quarantine", "discard", first, "--reason", "junk")
    run("quarantine", "release", second, "--waive", "query.text.spam", "--reason", "tinned meat")

    rows = {row.pop("rule_id"): row for row in run("rules", "stats", "p.yaml", "--format", "json").document}

    assert rows["query.text.spam"] == {
        "hits": 3, "shadow_hits": 0, "open": 1, "right": 1, "wrong": 1, "precision": 0.5,
    }  # fmt: skip
    assert rows["query.text.calm"]["shadow_hits"] == 2
    assert rows["query.text.short"] == dict.fromkeys(("hits", "shadow_hits", "open", "right", "wrong"), 0) | {
        "precision": None
    }


def test_stats_of_a_gate_that_never_ran_are_empty(run):
    result = run("rules", "stats")

    assert (result.code, result.out) == (0, "no rule has hit anything\n")
