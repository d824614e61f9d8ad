"""Frames in, frames of the same kind out: polars, pandas or pyarrow."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dq_gate.gate.frame_kinds import REASONS, kind_of
from dq_gate.gate.frame_report import FrameReport, report_of
from dq_gate.packs.batch import BatchVerdict
from dq_gate.packs.frame import FramePass, FrameVerdict, judge_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

    from dq_gate.core.model import Decision, Violation
    from dq_gate.gate.batch import Batch
    from dq_gate.gate.frame_kinds import FrameKind
    from dq_gate.packs.compile import CompiledPack

    Reject = Callable[[int, Any, Decision], None]
    """Sets a failing record aside: its number, as it came, why."""


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
        ValueError: it has rows and no column.
    """
    given = _Given.of(frame)
    return _part(given, *judge_frame(pack, given.table), pack)


def admit_frame(pack: CompiledPack, frame: Any, batch: Batch) -> FrameResult:
    """As `check_frame`, with every row counted and every failing one quarantined, as the gate's mode has it.

    Where the frame fails as a whole, the rows that are sound by themselves make one entry, which names the columns
    and says how many rows there are.
    """
    given = _Given.of(frame)
    with batch:
        if batch.mode == "off":
            batch.let_through(given.table.height)
            return _part(given, FrameVerdict({}, {}), BatchVerdict(), pack)
        verdict, whole = judge_frame(pack, given.table)
        if whole.is_refused and batch.mode == "enforce":
            failing = {row: each for row, each in verdict.decisions.items() if each.outcome == "quarantined"}
            _settle(given.table, replace(verdict, decisions=failing), batch)
            batch.refuse_rows(given.table.height - len(failing), given.table.columns, whole)
            return _part(given, verdict, whole, pack)
        settled = _settle(given.table, verdict, batch)
        batch.count_clean(given.table.height - len(settled), verdict.everywhere)
        batch.note(whole)
    warnings = tuple(violation for violation in whole.violations if violation.on_fail == "warn")
    return _part(given, replace(verdict, decisions=settled), replace(whole, violations=warnings), pack)


class TablePass:
    """One batch that comes as several frames in a row, such as the pieces of a file. Not thread-safe.

    What the batch fails as a whole is known only when all of it was seen: until `end`, frames are parted by what is
    wrong with their rows.
    """

    def __init__(self, pack: CompiledPack) -> None:
        self._pack = pack
        self._pass = FramePass(pack)

    @property
    def needs_whole(self) -> bool:
        """Whether the batch has to come as one frame."""
        return self._pass.rules.needs_whole

    def check(self, frame: Any) -> FrameVerdict:
        """Judge the next frame, and do nothing else."""
        return self._pass.judge(_Given.of(frame).table)

    def admit(self, frame: Any, batch: Batch, key_of: Callable[[int], str | None], reject: Reject) -> Any:
        """Judge the next frame, have the batch count its rows and keep those that fail, and return those that pass.

        Args:
            frame: The rows.
            batch: What they are a part of.
            key_of: The caller's name for each of them, by number within the frame.
            reject: Called with each that fails: its number within the frame, the row, why.
        """
        given = _Given.of(frame)
        if batch.mode == "off":
            batch.let_through(given.table.height)
            return frame
        verdict = self._pass.judge(given.table)
        settled = _settle(given.table, verdict, batch, key_of, reject)
        batch.count_clean(given.table.height - len(settled), verdict.everywhere)
        return _clean(given, [row for row, each in settled.items() if each.outcome == "quarantined"], verdict, settled)

    def end(self) -> BatchVerdict:
        """What is wrong with the batch as a whole."""
        return self._pass.end()


@dataclass(frozen=True, slots=True)
class _Given:
    """A frame as it came, and as it is judged."""

    kind: FrameKind
    frame: Any
    table: pl.DataFrame

    @classmethod
    def of(cls, frame: Any) -> _Given:
        kind = kind_of(frame)
        table = kind.to_polars(frame)
        if len(frame) and not table.width:  # polars may take it for a frame without rows: none would fail
            raise ValueError(f"{len(frame)} rows without a column cannot be judged")
        return cls(kind, frame, table)


def _nameless(_: int) -> None:
    """Rows of a frame have no name that would be the same the next time."""


def _ignore(row: int, record: Any, decision: Decision) -> None:
    """Set nothing aside."""


def _settle(
    table: pl.DataFrame,
    verdict: FrameVerdict,
    batch: Batch,
    key_of: Callable[[int], str | None] = _nameless,
    reject: Reject = _ignore,
) -> dict[int, Decision]:
    """Have the batch count and keep the rows that were judged; returns the decisions that stand."""
    unread = [row for row in verdict.decisions if row not in verdict.records]
    records = verdict.records | dict(zip(unread, table[unread].to_dicts() if unread else [], strict=True))
    settled: dict[int, Decision] = {}
    for row, decision in verdict.decisions.items():
        stands = settled[row] = batch.settle(records[row], decision, latency_ns=0, key=key_of(row))
        if stands.outcome == "quarantined":
            reject(row, records[row], stands)
    return settled


def _part(given: _Given, verdict: FrameVerdict, whole: BatchVerdict, pack: CompiledPack) -> FrameResult:
    failed, reasons = _failed(given.table.height, verdict, whole)
    changed = {} if whole.is_refused else verdict.decisions
    return FrameResult(
        clean=_clean(given, failed, verdict, changed),
        quarantined=given.kind.take(given.frame, failed, _reasons_column(reasons)),
        report=report_of(given.table, len(failed), verdict, whole, pack),
    )


def _clean(given: _Given, failed: list[int], verdict: FrameVerdict, decisions: Mapping[int, Decision]) -> Any:
    """The rows that did not fail, with what repairs and defaults put into them."""
    clean = given.kind.without(given.frame, failed)
    for name, cells in _changes(given.table, verdict.records, decisions).items():
        places = {row - bisect_left(failed, row): cell for row, cell in cells.items()}
        clean = given.kind.with_cells(clean, name, places)
    return clean


def _failed(height: int, verdict: FrameVerdict, whole: BatchVerdict) -> tuple[list[int], list[tuple[Violation, ...]]]:
    """The rows that fail, and why."""
    decisions = verdict.decisions
    if not whole.is_refused:
        rows = [row for row, decision in decisions.items() if decision.outcome == "quarantined"]
        return rows, [decisions[row].violations for row in rows]
    reasons = [(*verdict.everywhere, *whole.violations)] * height
    for row, decision in decisions.items():
        reasons[row] = (*decision.violations, *whole.violations)
    return list(range(height)), reasons


def _reasons_column(reasons: list[tuple[Violation, ...]]) -> pl.Series:
    """The reasons as a column; built flat of the few that differ, and then grouped."""
    import polars as pl

    schema = dict.fromkeys(("rule_id", "field", "message"), pl.String)
    numbers: dict[tuple[str, str, str], int] = {}
    flat = [
        (row, numbers.setdefault((violation.rule_id, violation.field, violation.message), len(numbers)))
        for row, violations in enumerate(reasons)
        for violation in violations
    ]
    table = pl.DataFrame(list(numbers), schema, orient="row").to_struct("reason")
    given = pl.DataFrame(flat, {"row": pl.UInt32, "number": pl.UInt32}, orient="row")
    reason = given.with_columns(table.gather(given["number"]))
    return reason.group_by("row", maintain_order=True).agg("reason")["reason"].alias(REASONS)


def _changes(
    table: pl.DataFrame, records: Mapping[int, dict[str, Any]], decisions: Mapping[int, Decision]
) -> dict[str, dict[int, Any]]:
    """What repairs and defaults put into the frame's columns: new cells by column and row number."""
    changes: dict[str, dict[int, Any]] = {}
    for row in records.keys() & decisions.keys():
        record = records[row]
        for name, cell in (decisions[row].value or {}).items():
            if name in record and cell is not record[name]:
                changes.setdefault(name, {})[row] = cell
    return {name: changes[name] for name in table.columns if name in changes}
