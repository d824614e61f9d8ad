"""What is said about a frame as a whole: counts, and examples in which nothing can be read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dq_gate.core.shape import shape
from dq_gate.packs.suspects import column_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from dq_gate.core.model import Violation
    from dq_gate.packs.batch import BatchVerdict
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.packs.frame import FrameVerdict

MAX_EXAMPLES = 3
"""Most examples of what one rule failed."""
_LONGEST_EXAMPLE = 40
_AHEAD = 10
"""Code points of an example before the fault, where the rule says where that is."""


@dataclass(frozen=True, slots=True)
class FrameReport:
    """Counts of a frame.

    Attributes:
        by_rule: Rows failed by rule id, warnings included.
        by_field: Rows with a violation by field.
        shadowed: Rows that rules in shadow mode would have failed, by rule id.
        failures: What the frame fails as a whole, warnings included. One that quarantines refuses every row.
        crashed: How often a rule raised instead of judging, by rule id.
        examples: By rule id, the shapes of a few values it failed: letters as `x` and `X`, digits as `9`.
    """

    rows: int
    clean: int
    repaired: int
    quarantined: int
    by_rule: dict[str, int]
    by_field: dict[str, int]
    shadowed: dict[str, int] = field(default_factory=dict)
    failures: tuple[Violation, ...] = ()
    crashed: dict[str, int] = field(default_factory=dict)
    examples: dict[str, tuple[str, ...]] = field(default_factory=dict)


def report_of(
    table: pl.DataFrame, quarantined: int, verdict: FrameVerdict, whole: BatchVerdict, pack: CompiledPack
) -> FrameReport:
    """Count what was decided about a frame.

    Args:
        table: The frame.
        quarantined: How many rows did not pass.
        verdict: On its rows.
        whole: On itself.
        pack: The rules.
    """
    decisions = verdict.decisions.values()
    kinds = Counter(tuple((v.rule_id, v.field) for v in decision.violations) for decision in decisions)
    kinds[tuple((v.rule_id, v.field) for v in verdict.everywhere)] += table.height - len(decisions)
    repaired = 0 if whole.is_refused else sum(decision.outcome == "repaired" for decision in decisions)
    shadowed = [v for said in decisions for v in said.shadowed] + [*whole.shadowed]
    crashes = [crash for said in decisions for crash in said.crashes] + [*whole.crashes]
    return FrameReport(
        rows=table.height,
        clean=table.height - repaired - quarantined,
        repaired=repaired,
        quarantined=quarantined,
        by_rule=_counts(kinds, 0),
        by_field=_counts(kinds, 1),
        shadowed=dict(Counter(violation.rule_id for violation in shadowed).most_common()),
        failures=whole.violations,
        crashed=dict(Counter(crash.rule_id for crash in crashes).most_common()),
        examples=_examples(table, verdict, pack),
    )


def _counts(kinds: Mapping[tuple[tuple[str, str], ...], int], part: int) -> dict[str, int]:
    """Rows by rule (part 0) or by field (part 1); a row counts once."""
    counted: Counter[str] = Counter()
    for kind, rows in kinds.items():
        for name in dict.fromkeys(pair[part] for pair in kind) if rows else ():
            counted[name] += rows
    return dict(counted.most_common())


def _examples(table: pl.DataFrame, verdict: FrameVerdict, pack: CompiledPack) -> dict[str, tuple[str, ...]]:
    """Of each rule about a field whose values may be kept, some of what it failed."""
    columns = {
        plan.name: column
        for plan in pack.plan.fields
        if (column := column_of(plan, table.columns)) is not None and pack.specs[plan.name].store == "full"
    }
    found: dict[str, dict[str, None]] = {}
    for row, decision in verdict.decisions.items():
        for violation in decision.violations:
            shapes = found.setdefault(violation.rule_id, {})
            if len(shapes) < MAX_EXAMPLES and violation.field in columns:
                value = table[row, columns[violation.field]]
                if value is not None:
                    shapes[_shape(value, violation)] = None
    return {rule_id: tuple(shapes) for rule_id, shapes in found.items() if shapes}


def _shape(value: Any, violation: Violation) -> str:
    """The shape of a value around its fault; a character that a terminal cannot show stands as a middle dot."""
    start = max(0, violation.span[0] - _AHEAD) if violation.span and isinstance(value, str) else 0
    plain = shape(str(value)[start : start + _LONGEST_EXAMPLE])
    return "".join(char if char.isprintable() else "\u00b7" for char in plain)
