"""Rules about batches, and Parquet files, through `check` and `admit`."""

from __future__ import annotations

import os

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dq_gate.intake import parquet
from tests.integration.cli.command import dq_gate, write_lines

PACK = """\
pack: shop
version: 1
unknown_fields: allow
fields:
  query: {type: str}
  id: {type: int, required: false}
rules:
  - {id: query.text.spam, field: query, check: not_matches, patterns: [spam]}
  - {id: query.text.normal, field: query, check: normalized, repair: nfc}
  - {id: shop.id.unique, field: id, check: unique}
  - {id: shop.id.given, field: id, check: null_ratio, max: 0.5}
"""
ROWS = [
    {"query": "one", "id": 1},
    {"query": "spam", "id": 2},
    {"query": "cafe\u0301", "id": 3},
    {"query": "two", "id": 1},
]
WHOLE = "the file fails shop.id.given: 0.75 of 4 values are null; the limit is 0.5"


@pytest.fixture(autouse=True)
def pack(place):
    (place / "shop.yaml").write_text(PACK)


def write(place, name, rows):
    path = place / name
    if name.endswith(".parquet"):
        table = pa.Table.from_pylist(
            rows, schema=pa.schema({"query": pa.string(), "id": pa.int64(), "extra": pa.bool_()})
        )
        pq.write_table(table, path, row_group_size=2)
    elif name.endswith(".csv"):
        pl.DataFrame(rows).write_csv(path)
    else:
        write_lines(path, *rows)
    return path


def read(path):
    if path.suffix == ".parquet":
        return pq.read_table(path).select(["query", "id"]).to_pylist()
    frame = pl.read_csv(path) if path.suffix == ".csv" else pl.read_ndjson(path)
    return frame.to_dicts()


@pytest.fixture(params=["q.parquet", "q.csv", "q.jsonl"])
def name(request):
    return request.param


def test_rules_about_batches_judge_every_kind_of_file(run, place, name):
    write(place, name, ROWS)

    rows = run("check", name, "--pack", "shop.yaml", "--format", "jsonl").rows

    assert [row["outcome"] for row in rows] == ["clean", "quarantined", "repaired", "quarantined"]
    assert [[v["rule_id"] for v in row["violations"]] for row in rows] == [
        [], ["query.text.spam"], [], ["shop.id.unique"],
    ]  # fmt: skip
    first = rows[0]["line"]
    assert [row["line"] for row in rows] == [first, first + 1, first + 2, first + 3]


def test_what_passes_goes_on_in_the_format_it_came_in(run, place, name):
    write(place, name, ROWS)
    clean = place / f"clean{name[1:]}"

    result = run("admit", name, "--pack", "shop.yaml", "--out", clean.name)

    assert result.code == 1
    assert read(clean) == [{"query": "one", "id": 1}, {"query": "caf\u00e9", "id": 3}]
    rows = run("quarantine", "list", "--format", "jsonl").rows
    assert [row["rules"] for row in rows] == [["query.text.spam"], ["shop.id.unique"]]


def test_gating_the_same_file_again_adds_no_entries(run, place, name):
    write(place, name, ROWS)
    for _ in range(2):
        run("admit", name, "--pack", "shop.yaml", "--out", f"clean{name[1:]}")

    assert [row["seen"] for row in run("quarantine", "list", "--format", "jsonl").rows] == [2, 2]


def test_a_file_that_fails_as_a_whole_is_not_passed_on_and_makes_one_entry(run, place, name, events):
    write(place, name, [{"query": "one", "id": 1}, *({"query": f"{n}", "id": None} for n in range(3))])

    result = run("admit", name, "--pack", "shop.yaml", "--out", "clean.out", "--format", "json")

    assert result.code == 1
    assert WHOLE.removeprefix("the file fails shop.id.given: ") == result.document["failures"][0]["message"]
    assert not (place / "clean.out").exists()
    assert "clean.out was not written" in result.err
    (entry,) = run("quarantine", "list", "--format", "jsonl").rows
    assert (entry["rules"], entry["replayable"]) == (["shop.id.given"], False)
    (event,) = events("distribution.drifted")
    assert (event["rule_id"], event["rows"], event["mode"], event["plane"]) == ("shop.id.given", 4, "enforce", "batch")


def test_check_tells_what_a_file_fails_as_a_whole(run, place, name):
    write(place, name, [{"query": "one", "id": 1}, *({"query": f"{n}", "id": None} for n in range(3))])

    result = run("check", name, "--pack", "shop.yaml")

    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines() == ["4 records: 4 clean, 0 repaired, 0 quarantined", WHOLE]


def test_a_warning_about_a_file_does_not_keep_it_back(run, place, name):
    (place / "shop.yaml").write_text(PACK.replace("max: 0.5", "max: 0.5, on_fail: warn"))
    write(place, name, [{"query": "one", "id": None}])

    result = run("admit", name, "--pack", "shop.yaml", "--out", "clean.out")

    assert (result.code, (place / "clean.out").exists()) == (0, True)
    assert "the file fails shop.id.given" in result.err


def test_a_gate_that_does_not_enforce_lets_a_failing_file_pass(run, place, name, monkeypatch, events):
    monkeypatch.setenv("DQ_GATE_MODE", "shadow")
    write(place, name, [{"query": "spam", "id": None}])

    result = run("admit", name, "--pack", "shop.yaml", "--out", f"clean{name[1:]}")

    assert result.code == 0
    assert read(place / f"clean{name[1:]}") == [{"query": "spam", "id": None}]
    assert [event["mode"] for event in events("distribution.drifted")] == ["shadow"]


def test_columns_that_the_pack_does_not_name_come_out_unchanged(run, place):
    write(place, "q.parquet", [{"query": "one", "id": 1, "extra": True}])

    run("admit", "q.parquet", "--pack", "shop.yaml", "--out", "clean.parquet")

    assert pq.read_table(place / "clean.parquet").equals(pq.read_table(place / "q.parquet"))


def test_a_mapped_column_keeps_its_name(run, place):
    pq.write_table(pa.table({"text": ["one", "spam", "cafe\u0301"], "id": [1, 2, 3]}), place / "q.parquet")

    run("admit", "q.parquet", "--pack", "shop.yaml", "--map", "text=query", "--out", "clean.parquet")

    assert pq.read_table(place / "clean.parquet").to_pydict() == {"text": ["one", "caf\u00e9"], "id": [1, 3]}


def test_pieces_of_a_file_are_one_batch(run, place, monkeypatch):
    monkeypatch.setattr(parquet, "PIECE_ROWS", 3)
    write(place, "q.parquet", [{"query": f"{n}", "id": n % 8} for n in range(10)])

    rows = run("check", "q.parquet", "--pack", "shop.yaml", "--format", "jsonl").rows

    assert [row["line"] for row in rows if row["outcome"] == "quarantined"] == [9, 10]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "q.parquet: is no Parquet file that can be read"), (b"PAR1" + b"x" * 40, "q.parquet: is no Parquet file")],
)
def test_what_is_no_parquet_costs_one_line(run, place, content, complaint):
    (place / "q.parquet").write_bytes(content)

    result = run("check", "q.parquet", "--pack", "shop.yaml")

    assert result.code == 2
    assert complaint in result.complaint


def test_a_file_that_is_damaged_within_keeps_clean_from_being_written(run, place):
    path = write(place, "q.parquet", [{"query": f"text {n}" * 50, "id": n} for n in range(2000)])
    raw = bytearray(path.read_bytes())
    raw[2000:4000] = os.urandom(2000)
    path.write_bytes(raw)

    result = run("admit", "q.parquet", "--pack", "shop.yaml", "--out", "clean.parquet")

    assert result.code == 2
    assert "q.parquet: is damaged" in result.err
    assert not (place / "clean.parquet").exists()


def test_parquet_from_a_pipe_is_refused_with_the_way_out(place):
    done = dq_gate("check", "-", "--input-format", "parquet", "--pack", "shop.yaml", cwd=place, stdin=b"PAR1")

    assert (done.code, done.complaint) == (2, "dq-gate: <stdin>: Parquet cannot be read from a pipe; name a file")


def test_two_columns_for_one_field_are_refused(run, place):
    pq.write_table(pa.table({"text": ["a"], "query": ["b"]}), place / "q.parquet")

    result = run("check", "q.parquet", "--pack", "shop.yaml", "--map", "text=query")

    assert (result.code, "two columns stand for the field 'query'" in result.complaint) == (2, True)


def test_a_backtest_reads_parquet_too(run, place):
    write(place, "q.parquet", ROWS)
    (place / "new.yaml").write_text(PACK.replace("[spam]", "[one]"))

    rows = run(
        "rules", "backtest", "new.yaml", "--against", "q.parquet", "--baseline", "shop.yaml", "--format", "jsonl"
    ).rows

    assert {(row["turn"], row["rule_id"]) for row in rows} == {
        ("newly caught", "query.text.spam"), ("newly let through", "query.text.spam"),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_a_gate_that_is_off_says_nothing_of_a_file_as_a_whole(run, place, name, monkeypatch):
    (place / "shop.yaml").write_text(f"{PACK}  - {{id: shop.rows.enough, check: row_count, min: 100}}\n")
    write(place, name, ROWS)
    monkeypatch.setenv("DQ_GATE_MODE", "off")

    result = run("admit", name, "--pack", "shop.yaml", "--out", f"clean.{name}")

    assert (result.code, result.err.splitlines()) == (
        0,
        ["4 records: 0 clean, 0 repaired, 0 quarantined, 4 let through because the gate does not enforce"],
    )
