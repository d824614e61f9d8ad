"""How a duration is taken: the limit and the subject in turn, the best of several rounds of each."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from time import perf_counter_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        subject: What was measured.
        value: The subject's figure.
        limit: The figure of what it is held against, in the same unit; None where there is only a bound.
        target: Largest ratio, or largest value without a limit.
        is_aim: The target is where the design wants to get; missing it is no failure yet.
    """

    subject: str
    unit: str
    value: float
    limit: float | None
    target: float
    is_aim: bool = False

    @property
    def ratio(self) -> float:
        """What is held against the target."""
        return self.value if self.limit is None else self.value / self.limit

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.ratio <= self.target


def best_of(calls: Callable[[], object], other: Callable[[], object], per: int) -> tuple[float, float]:
    """Microseconds a call of each, taken in turn so that both meet the same noise; the best round of each.

    Args:
        calls: Makes `per` calls of the subject.
        other: Makes `per` calls of the limit.
        per: How many calls one round makes.
    """
    calls()
    other()
    best = [float("inf"), float("inf")]
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for index, function in enumerate((calls, other)):
                started = perf_counter_ns()
                function()
                best[index] = min(best[index], (perf_counter_ns() - started) / 1e3 / per)
    finally:
        gc.enable()
    return best[0], best[1]
