"""The checks of batches on real tables.

Near duplicates: precision and recall on labelled records, on old versions of documents, on pairs of questions. Drift:
a table's columns against references made of its other half, as it is and altered. Schemas: daily files of one source.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from dq_gate.checks.distributions import reference_of
from dq_gate.checks.schemas import schema_of
from tests.batches import compiled, failing_rows, judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dq_gate.checks.base import FieldType


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        is_met: Whether it is within its limit; None where there is none.
    """

    name: str
    text: str
    is_met: bool | None = None

    def line(self) -> str:
        verdict = {None: "", True: "ok", False: "MISSED"}[self.is_met]
        return f"{self.name:48} {verdict:6}  {self.text}"


def figures(data: Path) -> Iterator[Figure]:
    for half in (0, 1):
        yield records(data / "duplicates/febrl_dataset1.csv", half)
    yield from documents(data / "kb_docs/wsl")
    yield questions(data / "duplicates/covid_question_pairs.jsonl")
    yield from distributions(data / "tables/taxi_2019-01.csv")
    yield from schemas(sorted((data / "schema_drift/csse_covid_daily").glob("*.csv")))


def read_lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def like_earlier(texts: list[str], **options: float) -> set[int]:
    """Rows that nearly repeat an earlier one."""
    rule = compiled("near_unique", options, field="text", fields={"text": "str"})
    return set(failing_rows(rule, pl.DataFrame({"text": texts})))


def records(path: Path, half: int) -> Figure:
    """People, each with a copy that has typing errors; halves by person."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines, skipinitialspace=True))[1:]
    people = [row[0].split("-")[1] for row in rows]
    chosen = set(sorted(set(people))[half::2])
    kept = [(person, " ".join(row[1:])) for person, row in zip(people, rows, strict=True) if person in chosen]
    seen: set[str] = set()
    copies = {number for number, (person, _) in enumerate(kept) if person in seen or seen.add(person)}
    found = like_earlier([text for _, text in kept], threshold=0.5)
    precision, recall = len(found & copies) / max(1, len(found)), len(found & copies) / len(copies)
    name = f"near_unique 0.5: febrl records, {('even', 'odd')[half]} people"
    return Figure(name, f"precision {precision:.3f} recall {recall:.3f}", precision >= 0.99 and recall >= 0.9)


def documents(folder: Path) -> Iterator[Figure]:
    """Documents, which differ, and earlier versions of some."""
    new, old = read_lines(folder / "docs.jsonl"), read_lines(folder / "old_versions.jsonl")
    found = like_earlier([row["text"] for row in new] + [row["old_text"] for row in old])
    wrong = sum(number < len(new) for number in found)
    yield Figure("near_unique: WSL documents, false", f"{wrong} of {len(new)}", wrong == 0)
    like = {number for number, row in enumerate(old, start=len(new)) if float(row["word_similarity"]) >= 0.8}
    share = len(found & like) / len(like)
    yield Figure("  old versions, 80 % of the words kept", f"{len(found & like)} of {len(like)}", share >= 0.95)
    yield Figure("  old versions, all", f"{len(found) - wrong} of {len(old)}")


def questions(path: Path) -> Figure:
    """Pairs of questions that mean the same, in other words, or something else."""
    pairs = read_lines(path)
    found = [bool(like_earlier([pair["question_1"], pair["question_2"]], threshold=0.4)) for pair in pairs]
    meant = [int(pair["similar"]) == 1 for pair in pairs]
    both = sum(a and b for a, b in zip(found, meant, strict=True))
    text = f"precision {both / max(1, sum(found)):.3f} recall {both / sum(meant):.3f}"
    return Figure("near_unique 0.4: paraphrased questions", text)


def distributions(path: Path) -> Iterator[Figure]:
    """Even rows are the reference; odd rows are the batch, as they are and altered."""
    table = pl.read_csv(path, try_parse_dates=True)
    reference, batch = table[::2], table[1::2]
    fired = [name for name in table.columns if drifts(reference[name], batch[name])]
    yield Figure("distribution: taxi, other half", f"{len(fired)} of {table.width} columns fire", not fired)
    altered = {
        "fares x 1.3": batch["fare_amount"] * 1.3,
        "totals x 1.1": batch["total_amount"] * 1.1,
        "pick-up 3 h later": batch["pickup_datetime"].dt.offset_by("3h"),
        "one fare in ten missing": nulled(batch["fare_amount"], 10),
        "one flag in ten missing": nulled(batch["store_and_fwd_flag"], 10),
        "no cash": batch["payment_type"].filter(batch["payment_type"] != 2),
        "no groups of two": batch["passenger_count"].filter(batch["passenger_count"] != 2),
        "one flag in ten new": pl.Series("store_and_fwd_flag", ["X", *batch["store_and_fwd_flag"][:9]] * 500),
    }
    for what, column in altered.items():
        message = drifts(reference[column.name], column)
        yield Figure(f"  altered: {what}", message or "not found", message is not None)


def nulled(column: pl.Series, every: int) -> pl.Series:
    keep = pl.int_range(pl.len()) % every != 0
    return column.to_frame().select(pl.when(keep).then(pl.col(column.name))).to_series()


def drifts(reference: pl.Series, batch: pl.Series) -> str | None:
    field_type = type_of(reference.dtype)
    options = {"reference": reference_of(reference, field_type)}
    rule = compiled("distribution", options, field=batch.name, fields={batch.name: field_type})
    finding = judge(rule, batch.to_frame())[1]
    return finding and finding.message


def type_of(dtype: pl.DataType) -> FieldType:
    if isinstance(dtype, pl.Datetime):
        return "datetime"
    return "int" if dtype.is_integer() else "float" if dtype.is_float() else "str"


def schemas(paths: list[Path]) -> Iterator[Figure]:
    """Each file against the one before it, and against its own other half."""
    frames = [pl.read_csv(path, infer_schema=False) for path in paths]
    for path, before, after in zip(paths[1:], frames, frames[1:], strict=False):
        finding = judge(compiled("schema_drift", {"reference": schema_of(before)}), after)[1]
        yield Figure(f"schema_drift: {path.stem}", finding.message if finding else "not found", finding is not None)
    for path, frame in zip(paths, frames, strict=True):
        finding = judge(compiled("schema_drift", {"reference": schema_of(frame[::2])}), frame[1::2])[1]
        yield Figure(f"  {path.stem}, other half", finding.message if finding else "no drift", finding is None)
