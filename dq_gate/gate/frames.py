"""Frames in, frames of the same kind out: polars, pandas or pyarrow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dq_gate.errors import MissingExtraError
from dq_gate.packs.frame import FrameVerdict, judge_frame

if TYPE_CHECKING:
    import polars as pl

    from dq_gate.core.model import Decision, Violation
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
            return _part(kind, frame, table, FrameVerdict({}, ()), pack)
        verdict = judge_frame(pack, table)
        rows = sorted(verdict.decisions)
        records = table[rows].to_dicts() if rows else []
        settled = {
            row: batch.settle(record, verdict.decisions[row], latency_ns=0)
            for row, record in zip(rows, records, strict=True)
        }
        batch.count_clean(table.height - len(rows))
    return _part(kind, frame, table, FrameVerdict(settled, verdict.unknown_columns), pack)


def _part(kind: _Kind, frame: Any, table: pl.DataFrame, verdict: FrameVerdict, pack: CompiledPack) -> FrameResult:
    decisions = verdict.decisions
    failed = [row for row, decision in decisions.items() if decision.outcome == "quarantined"]
    changed = {row: d.value for row, d in decisions.items() if d.value is not None and _was_changed(d, table, row)}
    reasons = [[_reason(violation) for violation in decisions[row].violations] for row in failed]
    return FrameResult(
        clean=kind.keep(frame, table, failed, changed),
        quarantined=kind.take(frame, table, failed, reasons),
        report=_report(table.height, verdict, pack),
    )


def _was_changed(decision: Decision, table: pl.DataFrame, row: int) -> bool:
    return bool(decision.repaired_by) or decision.value != table.row(row, named=True)


def _reason(violation: Violation) -> dict[str, str]:
    return {"rule_id": violation.rule_id, "field": violation.field, "message": violation.message}


def _report(height: int, verdict: FrameVerdict, pack: CompiledPack) -> FrameReport:
    outcomes = Counter(decision.outcome for decision in verdict.decisions.values())
    by_rule: Counter[str] = Counter()
    by_field: Counter[str] = Counter()
    for decision in verdict.decisions.values():
        by_rule.update({violation.rule_id for violation in decision.violations})
        by_field.update({violation.field for violation in decision.violations})
    if verdict.unknown_columns and pack.plan.unknown_rule:
        by_rule[pack.plan.unknown_rule.id] = height
        by_field[pack.plan.unknown_rule.field] = height
    return FrameReport(
        rows=height,
        clean=height - outcomes["repaired"] - outcomes["quarantined"],
        repaired=outcomes["repaired"],
        quarantined=outcomes["quarantined"],
        by_rule=dict(by_rule.most_common()),
        by_field=dict(by_field.most_common()),
    )


class _Kind(Protocol):
    """What one frame library has to be able to do."""

    def to_polars(self, frame: Any) -> pl.DataFrame: ...
    def keep(self, frame: Any, table: pl.DataFrame, failed: list[int], changed: dict[int, Any]) -> Any: ...
    def take(self, frame: Any, table: pl.DataFrame, failed: list[int], reasons: list[list[dict[str, str]]]) -> Any: ...


def _kind_of(frame: Any) -> _Kind:
    try:
        import polars as pl
    except ImportError:
        raise MissingExtraError("judging frames", "batch") from None
    library = type(frame).__module__.partition(".")[0]
    if isinstance(frame, pl.DataFrame):
        return _Polars()
    if library == "pandas" and hasattr(frame, "iloc"):
        return _Pandas()
    if library == "pyarrow" and hasattr(frame, "to_batches"):
        return _Arrow()
    raise TypeError(
        f"a polars or pandas DataFrame or a pyarrow Table is expected, not {type(frame).__qualname__}; "
        "collect a LazyFrame first"
    )


class _Polars:
    """polars in, polars out."""

    def to_polars(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame

    def keep(self, _frame: Any, table: pl.DataFrame, failed: list[int], changed: dict[int, Any]) -> pl.DataFrame:
        import polars as pl

        for name in table.columns:
            rows = [row for row, value in changed.items() if value[name] != table[name][row]]
            if rows:
                values = pl.Series(name, [changed[row][name] for row in rows], table.schema[name])
                table = table.with_columns(table[name].scatter(rows, values))
        mask = pl.Series([True]).new_from_index(0, table.height).scatter(failed, values=False)
        return table.filter(mask)

    def take(
        self, _frame: Any, table: pl.DataFrame, failed: list[int], reasons: list[list[dict[str, str]]]
    ) -> pl.DataFrame:
        import polars as pl

        reason = pl.Struct({"rule_id": pl.String, "field": pl.String, "message": pl.String})
        return table[failed].with_columns(pl.Series(REASONS, reasons, pl.List(reason)))


class _Arrow(_Polars):
    """pyarrow in, pyarrow out, by way of polars, which shares its memory."""

    def to_polars(self, frame: Any) -> pl.DataFrame:
        import polars as pl

        table = pl.from_arrow(frame)
        assert isinstance(table, pl.DataFrame)
        return table

    def keep(self, frame: Any, table: pl.DataFrame, failed: list[int], changed: dict[int, Any]) -> Any:
        return super().keep(frame, table, failed, changed).to_arrow().cast(frame.schema)

    def take(self, frame: Any, table: pl.DataFrame, failed: list[int], reasons: list[list[dict[str, str]]]) -> Any:
        return super().take(frame, table, failed, reasons).to_arrow()


class _Pandas:
    """pandas in, pandas out; the index stays. Columns of mixed types are judged value by value."""

    def to_polars(self, frame: Any) -> pl.DataFrame:
        import polars as pl

        return pl.DataFrame([_series(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)])

    def keep(self, frame: Any, _table: pl.DataFrame, failed: list[int], changed: dict[int, Any]) -> Any:
        import numpy as np

        mask = np.ones(len(frame), dtype=bool)
        mask[failed] = False
        kept = frame.copy() if changed else frame
        for column, name in enumerate(frame.columns):
            for row, value in changed.items():
                if str(name) in value and value[str(name)] != frame.iat[row, column]:
                    kept.iat[row, column] = value[str(name)]
        return kept[mask]

    def take(self, frame: Any, _table: pl.DataFrame, failed: list[int], reasons: list[list[dict[str, str]]]) -> Any:
        taken = frame.iloc[failed].copy()
        taken[REASONS] = reasons
        return taken


def _series(name: str, column: Any) -> pl.Series:
    import polars as pl

    try:
        return pl.Series(name, pl.from_pandas(column, nan_to_null=True))
    except Exception:  # noqa: BLE001 - each version refuses mixed types and surrogates in its own way
        return pl.Series(name, column.tolist(), dtype=pl.Object)
