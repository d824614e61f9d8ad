"""Frames in, frames of the same kind out: polars, pandas or pyarrow."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from dq_gate.errors import MissingExtraError
from dq_gate.packs.frame import FrameVerdict, judge_frame

if TYPE_CHECKING:
    import polars as pl

    from dq_gate.core.model import Violation
    from dq_gate.gate.batch import Batch
    from dq_gate.packs.compile import CompiledPack

REASONS = "dq_violations"
"""Column of the quarantined frame: a list of rule_id, field and message for each row."""


@dataclass(frozen=True, slots=True)
class FrameReport:
    """Counts of a frame.

    Attributes:
        by_rule: Rows failed by rule id, warnings included.
        by_field: Rows with a violation by field.
    """

    rows: int
    clean: int
    repaired: int
    quarantined: int
    by_rule: dict[str, int]
    by_field: dict[str, int]


@dataclass(frozen=True, slots=True)
class FrameResult:
    """A frame, parted. Both parts are of the input's kind.

    Attributes:
        clean: Rows that passed, repaired ones included; the input's columns. A pandas frame keeps its index.
        quarantined: Rows that failed, as they came, with the column `dq_violations`.
        report: The counts.
    """

    clean: Any
    quarantined: Any
    report: FrameReport


def check_frame(pack: CompiledPack, frame: Any) -> FrameResult:
    """Judge a frame. Pure: no event, no count, no quarantine.

    Raises:
        MissingExtraError: polars is not installed.
        TypeError: the frame is of no kind that can be judged.
    """
    kind = _kind_of(frame)
    table = kind.to_polars(frame)
    return _part(kind, frame, table, judge_frame(pack, table), pack)


def admit_frame(pack: CompiledPack, frame: Any, batch: Batch) -> FrameResult:
    """As `check_frame`, with every row counted and every failing one quarantined, as the gate's mode has it."""
    kind = _kind_of(frame)
    table = kind.to_polars(frame)
    with batch:
        if batch.mode == "off":
            batch.let_through(table.height)
            return _part(kind, frame, table, FrameVerdict({}, {}, ()), pack)
        verdict = judge_frame(pack, table)
        settled = {
            row: batch.settle(verdict.records[row], decision, latency_ns=0)
            for row, decision in verdict.decisions.items()
        }
        batch.count_clean(table.height - len(settled))
    return _part(kind, frame, table, replace(verdict, decisions=settled), pack)


def _part(kind: _Kind, frame: Any, table: pl.DataFrame, verdict: FrameVerdict, pack: CompiledPack) -> FrameResult:
    failed = [row for row, decision in verdict.decisions.items() if decision.outcome == "quarantined"]
    reasons = [[_reason(violation) for violation in verdict.decisions[row].violations] for row in failed]
    clean = kind.without(frame, failed)
    for name, cells in _changes(table, verdict).items():
        clean = kind.with_cells(clean, name, {row - bisect_left(failed, row): cell for row, cell in cells.items()})
    return FrameResult(
        clean=clean,
        quarantined=kind.take(frame, failed, reasons),
        report=_report(table.height, verdict, pack),
    )


def _changes(table: pl.DataFrame, verdict: FrameVerdict) -> dict[str, dict[int, Any]]:
    """What repairs and defaults put into the frame's columns: new cells by column and row number."""
    changes: dict[str, dict[int, Any]] = {}
    for row, decision in verdict.decisions.items():
        record = verdict.records[row]
        for name, cell in (decision.value or {}).items():
            if name in record and cell is not record[name]:
                changes.setdefault(name, {})[row] = cell
    return {name: changes[name] for name in table.columns if name in changes}


def _reason(violation: Violation) -> dict[str, str]:
    return {"rule_id": violation.rule_id, "field": violation.field, "message": violation.message}


def _report(height: int, verdict: FrameVerdict, pack: CompiledPack) -> FrameReport:
    outcomes = Counter(decision.outcome for decision in verdict.decisions.values())
    by_rule: Counter[str] = Counter()
    by_field: Counter[str] = Counter()
    for decision in verdict.decisions.values():
        by_rule.update({violation.rule_id for violation in decision.violations})
        by_field.update({violation.field for violation in decision.violations})
    unseen = height - len(verdict.decisions)
    if unseen and verdict.unknown_columns and pack.plan.unknown_rule:
        by_rule[pack.plan.unknown_rule.id] += unseen
        by_field[pack.plan.unknown_rule.field] += unseen
    return FrameReport(
        rows=height,
        clean=height - outcomes["repaired"] - outcomes["quarantined"],
        repaired=outcomes["repaired"],
        quarantined=outcomes["quarantined"],
        by_rule=dict(by_rule.most_common()),
        by_field=dict(by_field.most_common()),
    )


class _Kind(Protocol):
    """What one frame library has to be able to do. Frames that came in stay as they are."""

    def to_polars(self, frame: Any) -> pl.DataFrame: ...
    def without(self, frame: Any, rows: list[int]) -> Any: ...
    def with_cells(self, frame: Any, name: str, cells: dict[int, Any]) -> Any: ...
    def take(self, frame: Any, rows: list[int], reasons: list[list[dict[str, str]]]) -> Any: ...


def _kind_of(frame: Any) -> _Kind:
    try:
        import polars as pl
    except ImportError:
        raise MissingExtraError("judging frames", "batch") from None
    if isinstance(frame, pl.DataFrame):
        return _Polars()
    if _is_instance(frame, "pandas", "DataFrame"):
        return _Pandas()
    if _is_instance(frame, "pyarrow", "Table"):
        return _Arrow()
    raise TypeError(
        f"a polars or pandas DataFrame or a pyarrow Table is expected, not {type(frame).__qualname__}; "
        "collect a LazyFrame first"
    )


def _reasons_column(reasons: list[list[dict[str, str]]]) -> pl.Series:
    """The reasons as a column; built flat and then grouped, for polars is slow to take in nested lists."""
    import polars as pl

    names = ("rule_id", "field", "message")
    columns = {name: [reason[name] for row in reasons for reason in row] for name in names}
    flat = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
    rows = pl.Series("row", [number for number, row in enumerate(reasons) for _ in row], pl.UInt32)
    grouped = flat.with_columns(rows).group_by("row", maintain_order=True)
    return grouped.agg(pl.struct(names).alias(REASONS))[REASONS]


def _is_instance(frame: Any, library: str, name: str) -> bool:
    """Whether a frame is of a library's class, without importing a library that nobody has used."""
    module = sys.modules.get(library)
    return module is not None and isinstance(frame, getattr(module, name))


class _Polars:
    """polars in, polars out."""

    def to_polars(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame

    def without(self, frame: pl.DataFrame, rows: list[int]) -> pl.DataFrame:
        return frame.filter(_all_but(rows, frame.height))

    def with_cells(self, frame: pl.DataFrame, name: str, cells: dict[int, Any]) -> pl.DataFrame:
        return frame.with_columns(_with_cells(frame[name], cells))

    def take(self, frame: pl.DataFrame, rows: list[int], reasons: list[list[dict[str, str]]]) -> pl.DataFrame:
        import polars as pl

        reason = pl.Struct({"rule_id": pl.String, "field": pl.String, "message": pl.String})
        return frame[rows].with_columns(pl.Series(REASONS, reasons, pl.List(reason)))


def _all_but(rows: list[int], height: int) -> pl.Series:
    import polars as pl

    return pl.Series([True], dtype=pl.Boolean).new_from_index(0, height).scatter(rows, values=False)


def _with_cells(column: pl.Series, cells: dict[int, Any]) -> pl.Series:
    """A copy with some cells changed; of a wider type where the column's own cannot hold or take them."""
    import polars as pl

    try:
        return column.clone().scatter(list(cells), pl.Series(list(cells.values()), dtype=column.dtype))
    except (TypeError, pl.exceptions.PolarsError):
        values = column.to_list()
        for row, cell in cells.items():
            values[row] = cell
        return pl.Series(column.name, values, pl.Object if column.dtype == pl.Object else None, strict=False)


class _Arrow:
    """pyarrow in, pyarrow out; judged by way of polars, which shares its memory."""

    def to_polars(self, frame: Any) -> pl.DataFrame:
        import polars as pl

        table = pl.from_arrow(frame)
        assert isinstance(table, pl.DataFrame)
        return table

    def without(self, frame: Any, rows: list[int]) -> Any:
        return frame.filter(_all_but(rows, frame.num_rows).to_arrow())

    def with_cells(self, frame: Any, name: str, cells: dict[int, Any]) -> Any:
        import polars as pl

        place = frame.schema.get_field_index(name)
        before = pl.Series(name, pl.from_arrow(frame.column(place)))
        after = _with_cells(before, cells)
        column = after.to_arrow()
        if after.dtype == before.dtype:
            column = column.cast(frame.schema.field(place).type)
        return frame.set_column(place, frame.schema.field(place).with_type(column.type), column)

    def take(self, frame: Any, rows: list[int], reasons: list[list[dict[str, str]]]) -> Any:
        import pyarrow as pa

        reason = pa.list_(pa.struct({"rule_id": pa.string(), "field": pa.string(), "message": pa.string()}))
        taken = frame.take(pa.array(rows, pa.int64()))
        if REASONS in taken.column_names:
            taken = taken.drop_columns([REASONS])
        return taken.append_column(REASONS, pa.array(reasons, reason))


class _Pandas:
    """pandas in, pandas out; the index stays. Columns of mixed types are judged value by value."""

    def to_polars(self, frame: Any) -> pl.DataFrame:
        import polars as pl

        return pl.DataFrame([self._series(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)])

    def without(self, frame: Any, rows: list[int]) -> Any:
        return frame[_all_but(rows, len(frame)).to_numpy()]

    def with_cells(self, frame: Any, name: str, cells: dict[int, Any]) -> Any:
        place = [str(column) for column in frame.columns].index(name)
        changed = frame.copy()
        changed.isetitem(place, self._with_cells(frame.iloc[:, place], cells))
        return changed

    def take(self, frame: Any, rows: list[int], reasons: list[list[dict[str, str]]]) -> Any:
        import pandas as pd

        taken = frame.iloc[rows].copy()
        taken[REASONS] = pd.Series(reasons, index=taken.index, dtype=object)
        return taken

    @staticmethod
    def _with_cells(column: Any, cells: dict[int, Any]) -> Any:
        """A copy with some cells changed; of type object where the column's own cannot hold them."""
        for changed in (column.copy(), column.astype(object)):
            try:
                for row, cell in cells.items():
                    changed.iat[row] = cell  # noqa: PD009 - `iloc` would spread a list over cells
            except (TypeError, ValueError):
                continue
            return changed
        raise AssertionError("a column of objects takes any cell")

    @staticmethod
    def _series(name: str, column: Any) -> pl.Series:
        """A column as polars has it, exactly: one whose types polars would make alike stays a column of objects."""
        import pandas as pd
        import polars as pl

        if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) in _ONE_KIND:
            with suppress(Exception):  # each version refuses foreign types and lone surrogates in its own way
                return pl.Series(name, pl.from_pandas(column, nan_to_null=True))
        cells = zip(column.tolist(), column.isna().tolist(), strict=True)
        return pl.Series(name, [None if is_null else _plain(cell) for cell, is_null in cells], dtype=pl.Object)


def _plain(cell: Any) -> Any:
    """A cell as a record would hold it: Parquet readers make arrays of lists of text."""
    kind = getattr(getattr(cell, "dtype", None), "kind", None)
    return cell.tolist() if kind in ("O", "U") else cell


_ONE_KIND = frozenset({"string", "boolean", "integer", "floating", "datetime", "datetime64", "empty"})
"""What pandas calls columns of objects that all are of one kind, nulls aside."""
