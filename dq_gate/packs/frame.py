"""The batch plane: a first look at whole columns, the exact verdict for the rows it suspects, and what needs many rows.

Most rows of a frame are clean, and columns show it in one pass. A row that may not be is judged by the very judges of
the request plane: those of the rules that marked it where that settles the matter, else all of them, by `decide`.
Verdict, reasons and repairs cannot differ between the planes. Rules about batches add what they find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.core.decide import decide, unknown_fields
from dq_gate.core.model import Decision, Violation
from dq_gate.packs.batch import BatchRules, BatchVerdict, with_violation
from dq_gate.packs.suspects import column_of, find_suspects, unknown_columns

if TYPE_CHECKING:
    import polars as pl

    from dq_gate.packs.batch import Findings
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.packs.suspects import Marked


@dataclass(frozen=True, slots=True)
class FrameVerdict:
    """The verdict on the rows of a frame.

    Attributes:
        decisions: By row number, in ascending order: every row that failed, was repaired, or has something noted
            about it. All other rows are clean.
        records: Rows that were judged as records; a repaired value differs from its record.
        everywhere: What each row without a decision carries: a warning about columns that the pack does not name.
    """

    decisions: dict[int, Decision]
    records: dict[int, dict[str, Any]]
    everywhere: tuple[Violation, ...] = ()


def judge_frame(pack: CompiledPack, frame: pl.DataFrame) -> tuple[FrameVerdict, BatchVerdict]:
    """Judge a polars frame that is a batch by itself."""
    batch = FramePass(pack)
    return batch.judge(frame), batch.end()


class FramePass:
    """One pass over one batch, which comes as a frame or as several in a row. Not thread-safe.

    Attributes:
        rules: The batch rules on their way through it.
    """

    def __init__(self, pack: CompiledPack) -> None:
        self._pack = pack
        self.rules = BatchRules(pack)

    def judge(self, frame: pl.DataFrame) -> FrameVerdict:
        """Judge the next rows.

        Args:
            frame: One column a field; others are unknown.

        Raises:
            ValueError: it is not the first one, though a rule needs the whole batch.
        """
        verdict = _judge_rows(self._pack, frame)
        if not self.rules:
            return verdict
        return _with_findings(verdict, frame, self.rules.look(frame.rename(_field_names(self._pack, frame.columns))))

    def end(self) -> BatchVerdict:
        """What is wrong with the batch as a whole. Nothing is judged after this."""
        return self.rules.end()


def _judge_rows(pack: CompiledPack, frame: pl.DataFrame) -> FrameVerdict:
    """What the rules about single rows say."""
    unknown = unknown_columns(pack, frame.columns)
    rule = pack.plan.unknown_rule
    everywhere = (unknown_fields(rule, len(unknown)),) if unknown and rule else ()
    suspects = find_suspects(pack, frame)
    in_full = set(suspects.in_full.to_list())
    found = _judge_values(frame, suspects.by_rule, in_full)
    rows = sorted(in_full)
    records = dict(zip(rows, frame[rows].to_dicts() if rows else [], strict=True))
    decisions = {row: decide(pack.plan, record) for row, record in records.items()}
    for row, violations in found.items():
        decisions[row] = Decision("quarantined", None, (*violations, *everywhere))
    return FrameVerdict(_in_order(decisions), records, everywhere)


def _in_order(decisions: dict[int, Decision]) -> dict[int, Decision]:
    return {row: decisions[row] for row in sorted(decisions)}


def _judge_values(frame: pl.DataFrame, by_rule: tuple[Marked, ...], in_full: set[int]) -> dict[int, list[Violation]]:
    """The rows that fail by the rules that marked them, and nothing else to be said about them.

    A row with more to it, such as a shadow hit or a crash, is added to those that are judged in full.
    """
    found: dict[int, list[Violation]] = {}
    for marked in by_rule:
        rule, judge = marked.rule, marked.rule.judge
        for row, value in zip(marked.rows.to_list(), frame[marked.column].gather(marked.rows).to_list(), strict=True):
            if row in in_full or value is None or value != value:  # noqa: PLR0124 - NaN is null
                continue
            try:
                finding = judge(value)
            except Exception:  # noqa: BLE001 - the judge meets the value again, and its crash is reported then
                in_full.add(row)
                continue
            if finding is None:
                continue
            if rule.shadow:
                in_full.add(row)
            else:
                found.setdefault(row, []).append(rule.violation(finding))
    if any(marked.rule.on_fail == "warn" for marked in by_rule):
        in_full |= {row for row, violations in found.items() if all(v.on_fail == "warn" for v in violations)}
    return {row: violations for row, violations in found.items() if row not in in_full}


def _field_names(pack: CompiledPack, columns: list[str]) -> dict[str, str]:
    """The pack's names for the columns that it knows under another one."""
    names = ((column_of(field, columns), field.name) for field in pack.plan.fields)
    return {column: field for column, field in names if column is not None and column != field}


def _with_findings(verdict: FrameVerdict, frame: pl.DataFrame, found: Findings) -> FrameVerdict:
    """Add what batch rules found about single rows to what is said of these already."""
    decisions, records = dict(verdict.decisions), dict(verdict.records)
    new = sorted({row for _, findings in found for row in findings} - decisions.keys())
    records.update(zip(new, frame[new].to_dicts() if new else [], strict=True))
    decisions.update((row, Decision("clean", records[row], verdict.everywhere)) for row in new)
    for rule, findings in found:
        for row, finding in findings.items():
            decisions[row] = with_violation(decisions[row], rule, finding)
    return FrameVerdict(_in_order(decisions), records, verdict.everywhere)
