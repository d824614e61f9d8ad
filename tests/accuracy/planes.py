"""Both planes on all of the data: `python -m tests.accuracy.planes DATA`; exits with 1 where they differ.

Every text that is found in a file, every line of a plain one and every row of a table is judged twice: by itself, and
as a row of a frame, of polars in full, of pandas and pyarrow in a sample. What counts is what a caller sees: where the
row went, with which reasons, holding which values, and the counts of the report.

A column cannot hold half a surrogate pair, and the files hold some: bytes that are no UTF-8 are read to such halves.
Both planes are given U+FFFD in its place, as a file's reader would; the lines say of how many texts that was true.
"""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl

from dq_gate import Gate
from dq_gate.gate.frame_kinds import REASONS
from dq_gate.settings import load_settings
from tests.catalogue import BUILTIN
from tests.packs import make_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dq_gate.core.model import Decision
    from dq_gate.gate.frame_report import FrameReport
    from dq_gate.gate.frames import FrameResult

Row = dict[str, Any]

SAMPLE = 400
"""Most rows that pandas and pyarrow are asked about, spread over the whole."""
NUMBER = "row number"
"""A column of the frame's own, which tells where a row went."""
_DOCUMENTS = ("docs", "old_versions", "cdc_faq_html", "poisoned_docs")
_PANDAS = {pl.String: "str", pl.Int64: "Int64", pl.Float64: "float64", pl.Boolean: "boolean"}
_TYPES = {pl.String: "str", pl.Int64: "int", pl.Float64: "float", pl.Boolean: "bool"}


@dataclass(slots=True)
class PlanesResult:
    """What came of one file.

    Attributes:
        rows: Rows compared.
        sampled: Rows compared again in pandas, and again in pyarrow.
        outcomes: How many rows came to which end, as records.
        differences: Rows, and counts of the report, that are not the same, by library.
        replaced: Texts that no column can hold as they are.
    """

    name: str
    rows: int = 0
    sampled: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    differences: Counter[str] = field(default_factory=Counter)
    replaced: int = 0

    @property
    def is_met(self) -> bool:
        return not self.differences.total()

    def line(self) -> str:
        ends = " ".join(f"{self.outcomes[outcome]:6}" for outcome in ("clean", "repaired", "quarantined"))
        differing = ", ".join(f"{library} {count}" for library, count in self.differences.items() if count)
        replaced = f"  {self.replaced} texts with surrogates" if self.replaced else ""
        return (
            f"planes: {self.name:52} {self.rows:6} {self.sampled:5}  {ends}  {differing or 'no difference'}{replaced}"
        )


def results(data: Path) -> Iterator[PlanesResult]:
    """One for each file under each pack that suits it."""
    query, document = Gate.load("query"), Gate.load("document")
    for path in sorted(path for path in data.rglob("*") if path.suffix in {".jsonl", ".txt", ".log"}):
        name = f"{path.relative_to(data).with_suffix('')}"
        if path.parent.name != "LICENSES":
            yield of_texts(name, query, "query", texts_by_column(path))
        if path.stem in _DOCUMENTS:
            yield of_texts(f"{name}: document", document, "text", texts_by_column(path))
    for path in sorted(data.rglob("*.csv")):
        yield of_table(f"{path.relative_to(data)}", pl.read_csv(path, infer_schema_length=None))


def texts_by_column(path: Path) -> dict[str, list[str]]:
    """The texts in a file by the key they stand under; a plain file's lines."""
    if path.suffix != ".jsonl":
        return {"lines": path.read_bytes().decode("utf-8", "surrogateescape").splitlines()}
    found: dict[str, list[str]] = {}
    with path.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            for key, value in row.items():
                found.setdefault(key, []).extend(_texts(key, value))
    return {key: texts for key, texts in found.items() if texts}


def _texts(key: str, value: Any) -> list[str]:
    if key == "bytes_b64":
        return [base64.b64decode(value).decode("utf-8", "surrogateescape")]
    if key == "text_parts":
        return ["".join(value)]
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def of_texts(name: str, gate: Gate, field: str, texts_by_column: dict[str, list[str]]) -> PlanesResult:
    """Columns of text, each a frame by itself, under a shipped pack."""
    total = PlanesResult(name)
    for texts in texts_by_column.values():
        kept = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
        total.replaced += sum(one != other for one, other in zip(texts, kept, strict=True))
        compare(total, gate, pl.DataFrame({field: kept}, {field: pl.String}))
    return total


def of_table(name: str, table: pl.DataFrame) -> PlanesResult:
    """A table under a pack of its columns: every check that needs no options on texts, narrow bounds on numbers."""
    fields: dict[str, Row] = {}
    rules: list[Row] = []
    for number, column in enumerate(table):
        fields[column.name] = {"type": _TYPES[type(column.dtype)], "required": False}
        if column.dtype == pl.String:
            rules += _text_rules(column.name, number)
        elif column.dtype.is_numeric() and column.count():
            fields[column.name] |= {"ge": column.quantile(0.02), "le": column.quantile(0.98)}
    total = PlanesResult(name)
    compare(total, Gate(make_pack(fields, rules, unknown_fields="allow"), load_settings()), table)
    return total


def _text_rules(name: str, column: int) -> Iterator[Row]:
    """Every check of a text that needs no options, from column to column in another way that rules may be meant."""
    for number, check in enumerate(_OPTIONLESS, start=column):
        rule = {"id": f"column{column}.text.{check.name}", "field": name, "check": check.name}
        yield rule | ({"repair": next(iter(check.repairs))} if check.repairs else {}) | _WAYS[number % len(_WAYS)]


_WAYS: tuple[Row, ...] = ({}, {"on_fail": "warn"}, {"mode": "shadow"})
_OPTIONLESS = [
    check
    for check in BUILTIN.values()
    if "str" in check.accepts and "request" in check.planes and check.fails and not check.fails[0][0]
]


def compare(total: PlanesResult, gate: Gate, frame: pl.DataFrame) -> None:
    """Judge every row on both planes, and a sample of them as frames of the other libraries."""
    numbered = frame.with_columns(pl.int_range(frame.height).alias(NUMBER))
    rows = numbered.to_dicts()
    decisions = {row[NUMBER]: gate.check(row) for row in rows}
    sample = numbered.gather_every(max(1, frame.height // SAMPLE)).head(SAMPLE)
    total.rows += frame.height
    total.sampled += sample.height
    total.outcomes.update(decision.outcome for decision in decisions.values())
    total.differences["polars"] += _differences(rows, decisions, gate.check_frame(numbered), _of_polars)
    for library, (make, rows_of) in _OTHER_LIBRARIES.items():
        judged = gate.check_frame(make(sample))
        total.differences[library] += _differences(sample.to_dicts(), decisions, judged, rows_of)


def _differences(
    rows: list[Row], decisions: dict[int, Decision], result: FrameResult, rows_of: Callable[[Any], list[Row]]
) -> int:
    """Rows that a frame sends elsewhere, for other reasons or with other values, and counts that are not the same."""
    wanted = {row[NUMBER]: _as_record(row, decisions[row[NUMBER]]) for row in rows}
    found = {row[NUMBER]: (row, []) for row in rows_of(result.clean)}
    found |= {row[NUMBER]: (row, row.pop(REASONS)) for row in rows_of(result.quarantined)}
    rows_differ = sum(wanted.get(number) != found.get(number) for number in wanted.keys() | found.keys())
    return rows_differ + (_counts(decisions[row[NUMBER]] for row in rows) != _counts_of(result.report))


def _as_record(row: Row, decision: Decision) -> tuple[Row, list[Row]]:
    """What is left of a row, and why it was refused."""
    if decision.value is not None:
        return decision.value, []
    return row, [{"rule_id": v.rule_id, "field": v.field, "message": v.message} for v in decision.violations]


def _counts(decisions: Iterable[Decision]) -> tuple[Counter[str], ...]:
    ends, failed, shadowed, crashed = (Counter[str]() for _ in range(4))
    for decision in decisions:
        ends[decision.outcome] += 1
        failed.update({violation.rule_id for violation in decision.violations})
        shadowed.update(violation.rule_id for violation in decision.shadowed)
        crashed.update(crash.rule_id for crash in decision.crashes)
    return ends, failed, shadowed, crashed


def _counts_of(report: FrameReport) -> tuple[Counter[str], ...]:
    ends = Counter(clean=report.clean, repaired=report.repaired, quarantined=report.quarantined)
    return ends, Counter(report.by_rule), Counter(report.shadowed), Counter(report.crashed)


def _of_polars(frame: pl.DataFrame) -> list[Row]:
    return frame.to_dicts()


def _as_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """With types of pandas that know nulls: ints stay ints."""
    return pd.DataFrame(
        {column.name: pd.Series(column.to_list(), dtype=_PANDAS[type(column.dtype)]) for column in frame}
    )


def _of_pandas(frame: pd.DataFrame) -> list[Row]:
    columns = {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame.columns}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


_OTHER_LIBRARIES: dict[str, tuple[Callable[[pl.DataFrame], Any], Callable[[Any], list[Row]]]] = {
    "pandas": (_as_pandas, _of_pandas),
    "pyarrow": (pl.DataFrame.to_arrow, lambda table: table.to_pylist()),
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0], "tables").is_dir():
        print("usage: python -m tests.accuracy.planes DATA; DATA holds tables and the other sets", file=sys.stderr)
        return 2
    print(f"{'':55} {'rows':>6} {'sample':>6}  {'clean':>6} {'rep.':>6} {'quar.':>6}")
    rows = missed = 0
    for result in results(Path(arguments[0])):
        print(result.line(), flush=True)
        rows += result.rows
        missed += result.differences.total()
    print(f"{rows} rows compared, {missed} differences")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
