"""What `rules test` says about a pack: whether its examples hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from dq_gate.checks.base import Judge
    from dq_gate.core.model import Finding
    from dq_gate.packs.compile import CompiledPack, FrameRule


@dataclass(frozen=True, slots=True)
class ExampleResult:
    """One example, run.

    Attributes:
        expected: What the pack says the rule does with it.
        number: Its place in the list, from 1.
        holds: Whether the rule does that.
        detail: What happened instead.
    """

    rule_id: str
    expected: Literal["pass", "fail"]
    number: int
    holds: bool
    detail: str


def run_examples(pack: CompiledPack) -> Iterator[ExampleResult]:
    """Run every example of every rule against the rule alone.

    An example of a rule that needs many rows is a batch: a list of the field's values, or of records.
    """
    judges = {rule.rule.id: _judge_of_batches(rule) for rule in pack.frame_rules}
    for rule in pack.rules:
        resolved = pack.resolved.rules.get(rule.id)
        if resolved is None:
            continue
        judge = judges.get(rule.id, rule.judge)
        examples = resolved.spec.examples
        for number, value in enumerate(examples.passing, start=1):
            yield _run(rule.id, judge, "pass", number, value)
        for number, value in enumerate(examples.fail, start=1):
            yield _run(rule.id, judge, "fail", number, value)


def _run(rule_id: str, judge: Judge, expected: Literal["pass", "fail"], number: int, value: Any) -> ExampleResult:
    try:
        finding = judge(value)
    except Exception as error:  # noqa: BLE001 - a crashing check is a failed example
        return ExampleResult(rule_id, expected, number, holds=False, detail=f"crashed: {type(error).__name__}")
    if expected == "pass":
        return ExampleResult(rule_id, expected, number, finding is None, finding.message if finding else "")
    return ExampleResult(rule_id, expected, number, finding is not None, "" if finding else "passed")


def _judge_of_batches(rule: FrameRule) -> Judge:
    """What judges the rows of an example as one batch: the first finding about a row, or the one about the batch."""

    def judge(rows: Any) -> Finding | None:
        if not isinstance(rows, list):
            raise TypeError("a batch is a list of rows")
        batch = rule.begin()
        found = batch.look(_frame(rows, rule.rule.field))
        return next(iter(found.values()), None) or batch.end()

    return judge


def _frame(rows: list[Any], field: str) -> pl.DataFrame:
    """Rows written as values of one field, or as records; a column of mixed types stays one of objects."""
    import polars as pl

    records = [row if isinstance(row, dict) else {field: row} for row in rows]
    names = dict.fromkeys(name for record in records for name in record)
    return pl.DataFrame([_column(name, [record.get(name) for record in records]) for name in names])


def _column(name: str, values: list[Any]) -> pl.Series:
    import polars as pl

    try:
        return pl.Series(name, values)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(name, values, pl.Object)
