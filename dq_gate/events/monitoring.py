"""What is watched over weeks: output quality, cost, and whether a system is ready.

No release emits these events yet: their names and fields are fixed here, so that what will emit them and what reads
them agree.
"""

from __future__ import annotations

from dataclasses import dataclass

from dq_gate.events.base import PREFIX, Event


@dataclass(frozen=True, slots=True)
class QualityMeasured(Event):
    """A run over an evaluation set measured output quality. No release emits this yet.

    Attributes:
        suite: The evaluation set's name.
        metric: What was measured, such as recall_at_5 or faithfulness.
        value: The figure.
        cases: Cases that it was measured on.
        low: Lower end of its 95 % confidence interval.
        high: Upper end of its 95 % confidence interval.
    """

    name = PREFIX + "quality.measured"
    level = "info"
    suite: str
    metric: str
    value: float
    cases: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class QualityRegressed(Event):
    """Output quality fell below its baseline by more than chance explains. No release emits this yet.

    Attributes:
        suite: The evaluation set's name.
        metric: What was measured.
        value: The figure.
        baseline: The figure it was compared with.
        baseline_release: The application's release that the baseline was measured on.
        p_value: Chance of a fall this large between equals, from a paired test.
    """

    name = PREFIX + "quality.regressed"
    level = "error"
    suite: str
    metric: str
    value: float
    baseline: float
    baseline_release: str | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class CostMetered(Event):
    """What calls of a model cost in a stretch of time. No release emits this yet.

    Attributes:
        model: The model, as the price list names it.
        calls: Calls made.
        input_tokens: Tokens sent.
        output_tokens: Tokens received.
        cost: What they cost by the price list.
        currency: ISO 4217 code of the cost.
    """

    name = PREFIX + "cost.metered"
    level = "info"
    model: str
    calls: int
    input_tokens: int
    output_tokens: int
    cost: float
    currency: str


@dataclass(frozen=True, slots=True)
class BudgetExhausted(Event):
    """A budget was spent before its period was over. No release emits this yet.

    Attributes:
        budget: The budget's name.
        period: What it is meant to last, such as day or month.
        limit: The budget.
        spent: What was spent.
        currency: ISO 4217 code of both.
    """

    name = PREFIX + "budget.exhausted"
    level = "error"
    budget: str
    period: str
    limit: float
    spent: float
    currency: str


@dataclass(frozen=True, slots=True)
class ReadinessAssessed(Event):
    """It was examined whether a system may leave the proof-of-concept stage. No release emits this yet.

    Attributes:
        is_ready: Whether nothing that is required is missing.
        passed: Examinations passed.
        failed: Ids of the examinations that failed (at most 32).
        unknown: Ids of the examinations that could not be made (at most 32).
    """

    name = PREFIX + "readiness.assessed"
    level = "info"
    is_ready: bool
    passed: int
    failed: tuple[str, ...]
    unknown: tuple[str, ...]
