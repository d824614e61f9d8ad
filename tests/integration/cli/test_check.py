"""`dq-gate check` judges every record of a file, says which line failed what, and stores nothing."""

from __future__ import annotations

import json

import pytest

from tests.integration.cli.command import dq_gate, start, write_lines

GOOD = {"query": "how do I reset my card?"}


def test_verdicts_as_json_have_a_stable_shape(run, place):
    write_lines(place / "q.jsonl", GOOD, {"query": "a\x00b"}, {"query": "CafÃ© au lait"})

    result = run("check", "q.jsonl", "--format", "jsonl")

    assert result.code == 1
    assert result.err == "3 records: 1 clean, 1 repaired, 1 quarantined\n"
    clean, failed, repaired = result.rows
    assert clean == {
        "line": 1, "outcome": "clean", "repaired_by": [], "violations": [], "shadowed": [], "crashes": [],
    }  # fmt: skip
    (violation,) = failed["violations"]
    assert (failed["line"], failed["outcome"]) == (2, "quarantined")
    assert violation == {
        "rule_id": "query.text.controls", "field": "query", "check": "no_control_characters",
        "on_fail": "quarantine", "message": "has the control character U+0000", "span": [1, 2],
    }  # fmt: skip
    assert (repaired["line"], repaired["outcome"]) == (3, "repaired")
    assert repaired["repaired_by"] == ["query.text.encoding"]
    assert run("check", "q.jsonl", "--format", "json").document == [clean, failed, repaired]


def test_no_records_are_an_empty_document(run, place):
    (place / "empty.jsonl").touch()

    result = run("check", "empty.jsonl", "--format", "json")

    assert (result.code, result.document) == (0, [])


def test_people_see_only_records_that_are_not_plainly_clean(run, place):
    write_lines(place / "q.jsonl", GOOD, {"query": " "})

    result = run("check", "q.jsonl")

    assert result.out == "       2  quarantined  query.text.present: has no visible character\n"


def test_shadow_hits_and_crashes_are_shown(run, place):
    (place / "pack.yaml").write_text(
        "pack: p\nversion: 1\nfields: {query: {type: str}}\n"
        "rules: [{id: a.b.c, field: query, check: length, max: 3, mode: shadow}]\n"
    )
    write_lines(place / "q.jsonl", GOOD)

    result = run("check", "q.jsonl", "--pack", "pack.yaml")

    assert (result.code, "a.b.c, in shadow mode:" in result.out) == (0, True)
    assert run("check", "q.jsonl", "--pack", "pack.yaml", "--format", "jsonl").rows[0]["shadowed"] == ["a.b.c"]


@pytest.mark.parametrize(("fail_on", "code"), [("any", 1), ("never", 0), ("0.25", 0), ("0.24", 1), ("0", 1), ("1", 0)])
def test_how_many_failures_are_a_finding_is_the_callers_choice(fail_on, code, run, place):
    write_lines(place / "q.jsonl", GOOD, GOOD, GOOD, {"query": ""})

    assert run("check", "q.jsonl", "--fail-on", fail_on).code == code


def test_half_broken_jsonl_costs_the_broken_lines_only(run, place):
    write_lines(
        place / "q.jsonl",
        GOOD, b'{"query": "cut of', b'{"query": "\xff\xfe"}', b"", b"not json", b"[" * 100_000, b'{"query": NaN}', GOOD,
    )  # fmt: skip

    rows = run("check", "q.jsonl", "--format", "jsonl").rows

    assert [row["line"] for row in rows] == [1, 2, 3, 5, 6, 7, 8]
    assert [row["outcome"] for row in rows] == ["clean", *["quarantined"] * 5, "clean"]
    assert {v["rule_id"] for row in rows for v in row["violations"]} == {"record.syntax"}


def test_half_broken_csv_costs_the_broken_rows_only(run, place):
    (place / "q.csv").write_bytes(
        b'query,note\nfirst question,x\ntoo,many,cells\n"a question\nof two lines",y\n'
        b'bad \xff bytes,z\n"never closed,z\nlast question,z\n'
    )

    rows = run("check", "q.csv", "--format", "jsonl").rows

    assert {row["line"]: row["outcome"] for row in rows} == {
        2: "clean", 3: "quarantined", 4: "clean", 6: "quarantined", 7: "quarantined", 8: "clean",
    }  # fmt: skip


def test_a_query_of_10_mb_is_refused_and_not_judged(run, place):
    write_lines(place / "q.jsonl", {"query": "x" * 10_000_000}, GOOD)

    large, good = run("check", "q.jsonl", "--format", "jsonl").rows

    assert [violation["rule_id"] for violation in large["violations"]] == ["record.size"]
    assert good["outcome"] == "clean"


def test_bare_strings_and_other_names_stand_for_the_packs_field(run, place):
    write_lines(place / "q.jsonl", "a bare question", {"text": "a question"}, {"query": "a question"})

    plain = run("check", "q.jsonl", "--format", "jsonl").rows
    mapped = run("check", "q.jsonl", "--format", "jsonl", "--map", "text=query").rows

    assert [row["outcome"] for row in plain] == ["clean", "quarantined", "clean"]
    assert [row["outcome"] for row in mapped] == ["clean", "clean", "clean"]


def test_standard_input_is_read_as_it_comes(place):
    with start("check", "-", "--format", "jsonl", cwd=place) as process:
        for number in (1, 2):
            process.stdin.write(b'"a question"\n')
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["line"] == number
        process.stdin.close()
        assert process.wait(30) == 0


def test_csv_is_read_from_standard_input_when_asked(place):
    result = dq_gate("check", "-", "--input-format", "csv", cwd=place, stdin=b"query\na\x01b\n")

    assert (result.code, result.out) == (
        1,
        "       2  quarantined  query.text.controls: has the control character U+0001\n",
    )


def test_nothing_is_stored(run, place):
    write_lines(place / "q.jsonl", {"query": ""})

    run("check", "q.jsonl")

    assert [path.name for path in place.iterdir()] == ["q.jsonl"]
