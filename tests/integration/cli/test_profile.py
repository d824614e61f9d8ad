"""`dq-gate rules profile`: a pack from a sample, by real processes, and what `check` then finds."""

from __future__ import annotations

import csv
import io

import pytest

from tests.integration.cli.command import dq_gate

TOWNS = [("Bend", "OR"), ("Gary", "IN"), ("Hayward", "WI"), ("Denton", "TX"), ("Duluth", "MN")]


def table(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["id", "Zip Code", "town", "state", "size", "price"], *rows])
    return text.getvalue()


def row(n):
    town, state = TOWNS[n % 5]
    return [n, f"{10_000 + 7 * (n % 5):05}", town, state, n % 4 + 1, f"{5 + (n * 37 % 101) / 10:.2f}"]


@pytest.fixture
def sample(place):
    (place / "good.csv").write_text(table(map(row, range(300))))
    return "good.csv"


def test_a_profiled_pack_loads_holds_and_admits_its_sample(place, sample):
    made = dq_gate("rules", "profile", sample, "--out", "towns.yaml", cwd=place)

    assert (made.code, made.out) == (0, "")
    assert made.complaint.startswith("6 fields, ")
    assert (place / "towns.references").is_dir()
    assert dq_gate("rules", "test", "towns.yaml", cwd=place).out.startswith("all ")
    assert dq_gate("rules", "lint", "towns.yaml", cwd=place).out == "good: no findings\n"
    assert dq_gate("check", sample, "--pack", "towns.yaml", cwd=place).code == 0


def test_what_differs_from_the_sample_is_found_in_its_field(place, sample):
    dq_gate("rules", "profile", sample, "-o", "towns.yaml", cwd=place)
    bad = [
        (2, "1001x"),  # a letter among digits
        (3, "Hxyward"),
        (4, "MN"),  # not the state of the town
        (5, "9"),
        (6, "5.00 USD"),
        (4, ""),
    ]
    rows = [row(300 + n) for n in range(len(bad))]
    for cells, (column, value) in zip(rows, bad, strict=True):
        cells[column - 1] = value
    (place / "new.csv").write_text(table([*rows, row(400)]))

    verdicts = dq_gate("check", "new.csv", "--pack", "towns.yaml", "--format", "jsonl", cwd=place).rows

    fields = [{v["field"] for v in verdict["violations"] if v["on_fail"] == "quarantine"} for verdict in verdicts]
    names = ["id", "Zip Code", "town", "state", "size", "price"]
    assert [names[column - 1] in found for found, (column, _) in zip(fields, bad, strict=False)] == [True] * len(bad)
    assert verdicts[-1]["outcome"] == "clean"


def test_without_out_the_pack_goes_to_stdout_whole(place, sample):
    made = dq_gate("rules", "profile", sample, "--name", "towns", cwd=place)
    (place / "inline.yaml").write_text(made.out)

    assert "pack: towns\n" in made.out
    assert not (place / "towns.references").exists()
    assert dq_gate("rules", "test", "inline.yaml", cwd=place).code == 0


def test_json_lines_keep_their_types_and_broken_lines_are_counted(place):
    lines = "".join(f'{{"tags": ["a"], "count": {n % 5}, "ok": true}}\n' for n in range(40)) + "{broken\n"
    made = dq_gate("rules", "profile", "-", "--name", "p", cwd=place, stdin=lines.encode())

    assert '  tags: {type: "list[str]"} # always there\n' in made.out
    assert "  count: {type: int} # always there, 5 distinct\n" in made.out
    assert made.err.splitlines()[0] == "1 lines were left out: they hold no record"


def test_parquet_is_read_with_its_types(place):
    import polars as pl

    pl.DataFrame({"count": [1, 2] * 30, "t": ["a", None] * 30}).write_parquet(place / "t.parquet")
    made = dq_gate("rules", "profile", "t.parquet", cwd=place)

    assert "  count: {type: int} # always there, 2 distinct\n" in made.out
    assert "  t: {type: str, required: false} # 30 of 60 without a value, 1 distinct\n" in made.out


def test_a_large_file_is_sampled(place, sample):
    made = dq_gate("rules", "profile", sample, "--rows", "100", cwd=place)

    assert "# Written by `dq-gate rules profile` from good.csv: 75 of 300 records, evenly spread.\n" in made.out
    assert made.err.splitlines()[0] == "75 of 300 records were looked at; --rows N takes more"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.csv", "", "empty.csv: holds no record; a profile needs many"),
        ("head.csv", "a,b\n", "head.csv: holds no record; a profile needs many"),
        ("one.csv", "a,b\n1,2\n", "one.csv: holds one record; a profile needs many"),
        ("twice.csv", "a,a\n1,2\n3,4\n", "the header names the column 'a' twice"),
        ("fieldless.jsonl", "{}\n{}\n", "fieldless.jsonl: its records have no fields"),
        ("data.xyz", "a\n", "data.xyz: unknown ending .xyz"),
        ("no.parquet", "a\n", "no.parquet: is no Parquet file"),
    ],
)
def test_a_file_that_shows_nothing_is_one_clear_error(name, content, reason, place):
    (place / name).write_text(content)

    result = dq_gate("rules", "profile", name, cwd=place)

    assert (result.code, result.out) == (2, "")
    assert reason in result.complaint


def test_a_name_that_no_pack_can_have_is_refused(place, sample):
    result = dq_gate("rules", "profile", sample, "--name", "No Name", cwd=place)

    assert result.code == 2
    assert "--name No Name" in result.complaint
