"""Packs that `rules profile` writes from clean tables, held against the dirty ones: what they catch, and what it costs.

A pack is made of every other row of the clean table; the other rows of the dirty one are judged by it. Headers differ
between the two, so that columns are taken by position.
"""

from __future__ import annotations

import csv
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate.core.decide import decide
from dq_gate.intake.records import Shape
from dq_gate.packs.compile import compile_pack
from dq_gate.packs.profile import profile, take_sample
from dq_gate.packs.table import table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from dq_gate.packs.compile import CompiledPack

MAX_FALSE = 0.02
"""Clean rows that a profiled pack may refuse."""
_LIMITS = {"raha_hospital": (0.85, 0.90, ()), "raha_beers": (0.85, 0.80, ("ounces",))}
"""Least recall and precision by row, and columns that are left out, by table."""

Cells = dict[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """How well what was found covers what was to be found."""

    wanted: int
    found: int
    right: int

    @property
    def recall(self) -> float:
        return self.right / self.wanted if self.wanted else 1.0

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0


@dataclass(frozen=True, slots=True)
class TableResult:
    """What came of one table.

    Attributes:
        clean_refused: The share of the clean table's other rows that were refused.
        drifted: What rules about the whole batch say of the clean table's other half, and of altered data.
    """

    name: str
    rules: int
    rows: Found
    cells: Found
    clean_refused: float
    limits: tuple[float, float] | None
    drift: tuple[int, int] | None = None

    @property
    def is_met(self) -> bool:
        if self.clean_refused > MAX_FALSE or (self.drift and (self.drift[0] or not self.drift[1])):
            return False
        return self.limits is None or (self.rows.recall >= self.limits[0] and self.rows.precision >= self.limits[1])

    def line(self) -> str:
        shares = "  ".join(
            f"{kind} {found.wanted:5} recall {found.recall:6.1%} precision {found.precision:6.1%}"
            for kind, found in (("rows", self.rows), ("cells", self.cells))
            if found.wanted
        )
        drift = "" if self.drift is None else f"drift rules: own half {self.drift[0]}, altered {self.drift[1]}"
        verdict = "ok" if self.is_met else "MISSED"
        return (
            f"profile {self.name:22} {self.rules:3} rules  clean rows refused {self.clean_refused:6.2%}  "
            f"{verdict:6}  {shares}{drift}".rstrip()
        )


def results(data: Path) -> Iterator[TableResult]:
    """One for each table with a dirty twin, and the others for what their own other halves cost."""
    for folder in sorted((data / "tables").glob("*/clean.csv")):
        yield dirty_table(folder.parent)
    for path in sorted((data / "tables").glob("*.csv")):
        yield clean_table(path)
    yield taxi_drift(data / "tables/taxi_2019-01.csv")


def dirty_table(folder: Path) -> TableResult:
    """Profile the even rows of a clean table; judge the odd rows of the dirty one."""
    recall, precision, left_out = _LIMITS.get(folder.name, (0.0, 0.0, ()))
    header, clean = read_table(folder / "clean.csv", left_out=left_out)
    _, dirty = read_table(folder / "dirty.csv", header=header, left_out=left_out)
    wrong = {(e["row"], e["column"]) for e in _errors(folder) if e["row"] % 2 and e["column"] not in left_out}
    pack = profiled(clean[::2], folder.name)
    found = {(row, field) for row in range(1, len(dirty), 2) for field in refused_fields(pack, dirty[row])}
    return TableResult(
        f"{folder.name}{''.join(f' -{name}' for name in left_out)}",
        len(pack.rules),
        _found({row for row, _ in wrong}, {row for row, _ in found}),
        _found(wrong, found),
        refused_share(pack, clean[1::2]),
        (recall, precision),
    )


def clean_table(path: Path) -> TableResult:
    """Profile the even rows of a table; judge the odd ones."""
    _, rows = read_table(path)
    pack = profiled(rows[::2], path.stem)
    nothing = Found(0, 0, 0)
    return TableResult(path.stem, len(pack.rules), nothing, nothing, refused_share(pack, rows[1::2]), None)


def taxi_drift(path: Path) -> TableResult:
    """Hold the other half of a month, as it is and with dearer, longer rides, against its first half."""
    _, rows = read_table(path)
    pack = profiled(rows[::2], path.stem)
    other = rows[1::2]
    altered = [row | {"trip_distance": str(3 * float(row["trip_distance"])), "payment_type": "2"} for row in other]
    nothing = Found(0, 0, 0)
    return TableResult(
        f"{path.stem} drift",
        len(pack.frame_rules),
        nothing,
        nothing,
        0.0,
        None,
        (len(drifts(pack, other)), len(drifts(pack, altered))),
    )


def read_table(path: Path, *, header: list[str] | None = None, left_out: tuple[str, ...] = ()) -> Any:
    """A table's header, or the one it is to have, and its rows."""
    with path.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        own = next(reader)
        names = header or own
        rows = [dict(zip(names if len(names) == len(cells) else own, cells, strict=True)) for cells in reader]
    return names, [{name: cell for name, cell in row.items() if name not in left_out} for row in rows]


def profiled(rows: list[Cells], name: str) -> CompiledPack:
    """The pack that `rules profile --out` writes, compiled."""
    records = ({name: cell or None for name, cell in row.items()} for row in rows)
    sample = take_sample(records, at_most=50_000, has_cells=True)
    with tempfile.TemporaryDirectory() as folder:
        made = profile(sample, name="profiled", source=name, folder="references")
        (Path(folder) / "references").mkdir()
        for file, content in made.files.items():
            (Path(folder) / file).write_text(content)
        path = Path(folder) / "pack.yaml"
        path.write_text(made.yaml)
        return compile_pack(path)


def refused_fields(pack: CompiledPack, row: Cells) -> set[str]:
    """The fields of a row that rules which decide fail."""
    return {v.field for v in decide(pack.plan, _record(pack, row)).violations if v.on_fail == "quarantine"}


def refused_share(pack: CompiledPack, rows: list[Cells]) -> float:
    """The share of rows that are refused."""
    return sum(bool(refused_fields(pack, row)) for row in rows) / len(rows)


def drifts(pack: CompiledPack, rows: list[Cells]) -> list[str]:
    """What the rules about a batch as a whole say of rows."""
    frame: pl.DataFrame = table_of(pack, [_record(pack, row) for row in rows])
    found = []
    for rule in pack.frame_rules:
        batch = rule.begin()
        batch.look(frame)
        if batch.end() is not None:
            found.append(rule.rule.id)
    return found


def _record(pack: CompiledPack, row: Cells) -> dict[str, Any]:
    types = {name: spec.type for name, spec in pack.specs.items()}
    return Shape(types, {}, None).from_cells(row)


def _errors(folder: Path) -> list[dict[str, Any]]:
    with (folder / "errors.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _found(wanted: set[Any], found: set[Any]) -> Found:
    return Found(len(wanted), len(found), len(wanted & found))
