"""An error budget that is used up too fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from dq_gate.alerts.rules.base import MAX_SPAN_MS, Duration, Rule, Whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.rules.base import Contradiction

_DECIMALS = 9


class BurnWindow(BaseModel):
    """Two stretches of time: the long one says that it matters, the short one that it still goes on."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    long: Duration = Field(description="The long one.")
    short: Duration = Field(description="The short one, a twelfth of it by custom.")
    factor: float = Field(gt=0, allow_inf_nan=False, description="Fires when both burn faster than this.")


class BurnRateRule(Rule):
    """An error budget burns too fast: over a long stretch of time, and still.

    A burn rate of 1 uses the budget up exactly; it is the share of bad events divided by `1 - objective`.
    """

    measures: ClassVar[frozenset[str]] = Rule.measures | {"volume"}

    kind: Literal["burn_rate"] = Field(description="The kind.")
    objective: float = Field(gt=0, lt=1, allow_inf_nan=False, description="The share that should be good: 0.99.")
    of: Whole = Field(description="The whole: `inputs` (judged inputs, exact, from windows), or a clause like `where`.")
    windows: tuple[BurnWindow, ...] = Field(
        strict=False, min_length=1, max_length=4, description="Pairs of stretches of time; any pair fires."
    )
    min_volume: int = Field(1, ge=1, description="With less than this in the long one, a pair's burn rate is unknown.")

    @property
    def within(self) -> int:
        """The longest stretch of time it looks back over, milliseconds."""
        return max(pair.long for pair in self.windows)

    @property
    def budget(self) -> float:
        """The share that may be bad; rounded, for 1 - 0.9 is a little less than 0.1."""
        return round(1 - self.objective, _DECIMALS)

    @property
    def threshold(self) -> float:
        """The lowest burn rate that fires."""
        return min(pair.factor for pair in self.windows)

    def burn(self, bad: float, volume: float) -> float:
        """The burn rate of a share, rounded as the budget is."""
        return round(bad / volume / self.budget, _DECIMALS)

    def contradictions(self) -> Iterator[Contradiction]:
        """What cannot stand side by side in it."""
        if not self.budget:
            yield "objective", "leaves no budget"
            return
        for pair in self.windows:
            if not 0 < pair.short < pair.long:
                yield "windows", "short must be shorter than long, and longer than nothing"
            if pair.long > MAX_SPAN_MS:
                yield "windows", "long must not be longer than 30d"
            if pair.factor * self.budget >= 1:
                most = 1 / self.budget
                yield "windows", f"factor {pair.factor:g} is never reached: if all is bad, the burn rate is {most:g}"
