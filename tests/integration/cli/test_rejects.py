"""`dq-gate admit --rejects` sets every failing record aside with its reasons, whatever the quarantine keeps of it."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.cli.command import Result

PACK = """\
pack: small
version: 1
fields:
  query: {type: str}
  top_k: {type: int, required: false, le: 100}
rules:
  - {id: query.text.calm, field: query, check: not_matches, patterns: ["!!"], on_fail: warn}
  - {id: query.text.length, field: query, check: length, max: 400000}
"""
LINES = ('{"query":"fine"}', '{"query":"no!!","top_k":101,"other":[1.5,null]}', '"bare"', "no json", "")


@pytest.fixture
def admit(run: Callable[..., Result], place: Path) -> Callable[..., int]:
    """Admits a file by the pack above; the exit code."""
    (place / "small.yaml").write_text(PACK)
    return lambda *given: run("admit", *given, "--pack", "small.yaml", "--rejects", "failed.jsonl").code


def rejects(place: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (place / "failed.jsonl").read_text().splitlines()]


def rows_and_rules(place: Path) -> list[tuple[int, list[str]]]:
    return [(line["number"], [reason["rule_id"] for reason in line["violations"]]) for line in rejects(place)]


def test_json_lines_stand_as_they_came_with_their_numbers_and_reasons(place: Path, admit: Callable[..., int]) -> None:
    (place / "q.jsonl").write_text("\n".join(LINES))
    assert admit("q.jsonl", "--out", "clean.jsonl") == 1
    first, broken = rejects(place)
    assert first["number"] == 2
    assert first["record"] == {"query": "no!!", "top_k": 101, "other": [1.5, None]}
    assert [sorted(reason) for reason in first["violations"]] == [["check", "field", "message", "rule_id"]]
    assert first["violations"][0]["rule_id"] == "field.top_k.le"
    assert broken["number"] == 4
    assert broken["record"]["line"] == 4


def test_csv_rows_have_the_types_of_the_pack(place: Path, admit: Callable[..., int]) -> None:
    (place / "q.csv").write_text("query,top_k\nfine,5\nbad,500\n,7\n")
    assert admit("q.csv", "--out", "clean.csv") == 1
    assert [line["record"] for line in rejects(place)] == [
        {"query": "bad", "top_k": 500},
        {"query": None, "top_k": 7},
    ]


def test_parquet_rows_are_numbered_through_all_pieces_of_the_file(place: Path, admit: Callable[..., int]) -> None:
    top_k = [500 if n % 1000 == 0 else 5 for n in range(1, 5001)]
    table = pa.table({"query": ["x"] * 5000, "top_k": top_k, "since": [date(2025, 1, 2)] * 5000})
    pq.write_table(table, place / "q.parquet", row_group_size=700)
    assert admit("q.parquet", "--out", "clean.parquet") == 1
    assert rows_and_rules(place) == [(n, ["field.top_k.le"]) for n in (1000, 2000, 3000, 4000, 5000)]
    assert rejects(place)[0]["record"]["since"] == {"$date": "2025-01-02"}


def test_it_is_written_when_too_many_fail_and_for_the_owner_alone(place: Path, admit: Callable[..., int]) -> None:
    (place / "q.jsonl").write_text('{"query":"a","top_k":101}\n{"query":"fine"}\n')
    assert admit("q.jsonl", "--out", "clean.jsonl", "--max-failed", "0.1") == 1
    assert not (place / "clean.jsonl").exists()
    assert rows_and_rules(place) == [(1, ["field.top_k.le"])]
    assert (place / "failed.jsonl").stat().st_mode & 0o777 == 0o600


def test_it_has_what_a_flood_only_counts(
    place: Path, admit: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DQ_GATE_MAX_OPEN", "3")
    (place / "q.jsonl").write_text('{"query":"a","top_k":101}\n' * 20)
    assert admit("q.jsonl", "--out", "clean.jsonl") == 1
    assert [number for number, _ in rows_and_rules(place)] == list(range(1, 21))


def test_a_record_too_large_for_the_quarantine_is_there_whole(place: Path, admit: Callable[..., int]) -> None:
    query = "x" * 300_000
    (place / "q.jsonl").write_text(json.dumps({"query": query, "top_k": 101}) + "\n")
    assert admit("q.jsonl", "--out", "clean.jsonl") == 1
    assert rejects(place)[0]["record"] == {"query": query, "top_k": 101}


def test_nothing_is_rejected_while_the_gate_only_looks_on(
    place: Path, admit: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DQ_GATE_MODE", "shadow")
    (place / "q.jsonl").write_text('{"query":"a","top_k":101}\n')
    assert admit("q.jsonl", "--out", "clean.jsonl") == 0
    assert rejects(place) == []


def test_a_file_that_cannot_be_read_leaves_no_rejects_behind(place: Path, admit: Callable[..., int]) -> None:
    (place / "q.parquet").write_bytes(b"not parquet")
    assert admit("q.parquet", "--out", "clean.parquet") == 2
    assert not [path.name for path in place.iterdir() if "failed" in path.name]


def test_rejects_and_clean_records_do_not_share_a_file(place: Path, admit: Callable[..., int]) -> None:
    (place / "q.jsonl").write_text('{"query":"a"}\n')
    assert admit("q.jsonl", "--out", "failed.jsonl") == 2


@pytest.mark.parametrize("option", ["--rejects", "--out"])
def test_the_input_is_not_written_over(run: Callable[..., Result], place: Path, option: str) -> None:
    (place / "in.jsonl").write_text(LINES[0])
    (place / "link.jsonl").symlink_to("in.jsonl")
    for name in ("in.jsonl", "link.jsonl", "./x/../in.jsonl"):
        refused = run("admit", "in.jsonl", option, name)
        assert (refused.code, "names the input file" in refused.complaint) == (2, True)
    assert (place / "in.jsonl").read_text() == LINES[0]


def test_rejects_do_not_go_to_stdout(run: Callable[..., Result], place: Path) -> None:
    (place / "in.jsonl").write_text(LINES[0])
    assert run("admit", "in.jsonl", "--rejects", "-").complaint.startswith("dq-gate: --rejects needs a file")
