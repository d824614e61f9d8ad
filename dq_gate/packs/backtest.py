"""What another version of a pack would have made of inputs whose fate is known. Nothing is stored or enforced."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from dq_gate.core.decide import decide
from dq_gate.core.shape import shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dq_gate.core.decide import Plan
    from dq_gate.core.model import Violation

Turn = Literal["newly caught", "newly let through"]
EXAMPLES = 3
"""Shapes of inputs shown for each rule."""
_MAX_SHAPE = 80


@dataclass(slots=True)
class RuleTurns:
    """How one rule's part in verdicts changed.

    Attributes:
        count: Inputs whose fate turned and that this rule decides, or decided.
        examples: Shapes of a few of them: no letter or digit can be read.
    """

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count one input."""
        self.count += 1
        if len(self.examples) < EXAMPLES and example not in self.examples:
            self.examples.append(example)


@dataclass(slots=True)
class Backtest:
    """Runs a pack over known inputs and keeps count.

    Attributes:
        plan: The pack under test.
        rows: Inputs run so far.
        caught: How many of them it refuses.
        turns: By what changed and rule id, how often.
        shadowed: Hits of its rules in shadow mode, which enforce nothing yet.
    """

    plan: Plan
    rows: int = 0
    caught: int = 0
    turned: Counter[Turn] = field(default_factory=Counter)
    turns: dict[tuple[Turn, str], RuleTurns] = field(default_factory=dict)
    shadowed: Counter[str] = field(default_factory=Counter)

    def add(self, record: Any, was_caught_by: Iterable[tuple[str, str]] | None) -> None:
        """Run one input.

        Args:
            record: As it came.
            was_caught_by: Rules that refused it then, with their fields; None: it was admitted.
        """
        decision = decide(self.plan, record)
        caught_by = deciding(decision.violations)
        self.rows += 1
        self.caught += bool(caught_by)
        self.shadowed.update({violation.rule_id for violation in decision.shadowed})
        if caught_by and was_caught_by is None:
            self._turn("newly caught", caught_by, record)
        elif not caught_by and was_caught_by is not None:
            self._turn("newly let through", tuple(was_caught_by), record)

    def _turn(self, turn: Turn, rules: Iterable[tuple[str, str]], record: Any) -> None:
        self.turned[turn] += 1
        for rule_id, name in dict.fromkeys(rules):
            self.turns.setdefault((turn, rule_id), RuleTurns()).add(_example(record, name))


def deciding(violations: Iterable[Violation]) -> tuple[tuple[str, str], ...]:
    """The rules that refused an input, with their fields."""
    return tuple((v.rule_id, v.field) for v in violations if v.on_fail == "quarantine")


def _example(record: Any, name: str) -> str:
    """The shape of the field that a rule is about."""
    value = record.get(name) if isinstance(record, dict) else record
    if isinstance(value, str):
        made = shape(value)
        return made if len(made) <= _MAX_SHAPE else f"{made[: _MAX_SHAPE - 1]}…"
    return f"<{'nothing' if value is None else type(value).__name__}>"
