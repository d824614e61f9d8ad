"""Rules about batches at work: one pass over one batch, whether it comes as frames or as records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dq_gate.core.decide import decide
from dq_gate.core.model import Crash, Decision, Finding, Violation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

    from dq_gate.checks.base import FrameJudge
    from dq_gate.core.decide import Rule
    from dq_gate.packs.compile import CompiledPack, FrameRule

Findings = list[tuple["Rule", "Mapping[int, Finding]"]]
"""What each batch rule found about single rows, by row number."""


@dataclass(frozen=True, slots=True)
class BatchVerdict:
    """The verdict on a batch as a whole.

    Attributes:
        violations: Rules that it failed, warnings included.
        shadowed: Rules in shadow mode that it would have failed.
        crashes: Rules that raised, here or in a look at rows.
    """

    violations: tuple[Violation, ...] = ()
    shadowed: tuple[Violation, ...] = ()
    crashes: tuple[Crash, ...] = ()

    @property
    def is_refused(self) -> bool:
        """Whether no row may pass."""
        return any(violation.on_fail == "quarantine" for violation in self.violations)


class BatchRules:
    """A pack's batch rules on their way through one batch. Not thread-safe.

    Attributes:
        needs_whole: Some rule has to see the batch as one frame.
    """

    def __init__(self, pack: CompiledPack) -> None:
        self._runs = [_Run(rule) for rule in pack.frame_rules]
        self.needs_whole = any(rule.needs_whole for rule in pack.frame_rules)
        self._has_begun = False

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._runs)

    def look(self, frame: pl.DataFrame) -> Findings:
        """Take in the next rows.

        Args:
            frame: Under the pack's field names.

        Raises:
            ValueError: it is not the first one, though a rule needs the whole batch.
        """
        if self._has_begun and self.needs_whole:
            raise ValueError("a rule of this pack needs the whole batch in one frame")
        self._has_begun = True
        return [(run.rule, run.look(frame)) for run in self._runs]

    def end(self) -> BatchVerdict:
        """What is wrong with the batch as a whole. Nothing is looked at after this."""
        findings = [(run.rule, finding) for run in self._runs if (finding := run.end()) is not None]
        return BatchVerdict(
            tuple(rule.violation(finding) for rule, finding in findings if not rule.shadow),
            tuple(rule.violation(finding) for rule, finding in findings if rule.shadow),
            tuple(run.crash for run in self._runs if run.crash is not None),
        )


class _Run:
    """A batch rule at work. Once it raised it is left alone, and the batch fails by it unless it is to pass then."""

    def __init__(self, frame_rule: FrameRule) -> None:
        self.rule = frame_rule.rule
        self.crash: Crash | None = None
        self._judge: FrameJudge | None = None
        try:
            self._judge = frame_rule.begin()
        except Exception as error:  # noqa: BLE001 - any crash of a check fails closed, and is reported
            self._note(error)

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        if self._judge is None or self.crash is not None:
            return {}
        try:
            return self._judge.look(frame)
        except Exception as error:  # noqa: BLE001 - as above
            self._note(error)
            return {}

    def end(self) -> Finding | None:
        finding = None
        if self._judge is not None and self.crash is None:
            try:
                finding = self._judge.end()
            except Exception as error:  # noqa: BLE001 - as above
                self._note(error)
        if self.crash is None:
            return finding
        return None if self.rule.crash_passes else Finding(f"the check crashed: {self.crash.error}")

    def _note(self, error: Exception) -> None:
        self.crash = Crash(self.rule.id, self.rule.field, self.rule.check, type(error).__name__)


def with_violation(decision: Decision, rule: Rule, finding: Finding) -> Decision:
    """A decision about a row with what a batch rule found about it."""
    violation = rule.violation(finding)
    if rule.shadow:
        return replace(decision, shadowed=(*decision.shadowed, violation))
    violations = (*decision.violations, violation)
    if rule.on_fail == "warn":
        return replace(decision, violations=violations)
    return replace(decision, outcome="quarantined", value=None, violations=violations)


class RecordPass:
    """One pass over a batch that comes as records, some at a time. Not thread-safe.

    Attributes:
        rules: The batch rules; without any, records are judged one by one just as well.
    """

    def __init__(self, pack: CompiledPack) -> None:
        self._pack = pack
        self.rules = BatchRules(pack)

    def judge(self, records: Sequence[Any]) -> list[Decision]:
        """Judge the next records."""
        decisions = [decide(self._pack.plan, record) for record in records]
        if self.rules:
            self._add_findings(decisions, records)
        return decisions

    def _add_findings(self, decisions: list[Decision], records: Iterable[Any]) -> None:
        from dq_gate.packs.table import table_of

        rows = [number for number, record in enumerate(records) if isinstance(record, dict)]
        table = table_of(self._pack, [record for record in records if isinstance(record, dict)])
        for rule, findings in self.rules.look(table):
            for row, finding in findings.items():
                decisions[rows[row]] = with_violation(decisions[rows[row]], rule, finding)
