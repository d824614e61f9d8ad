"""Far more events than a while before, or far fewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dq_gate.alerts.rules.base import MAX_SPAN_MS, Counting, Duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.rules.base import Contradiction

MAX_OFFSETS = 200
"""How many times the reference an offset may be: beyond that, slices of time get coarser than the reference."""


class SpikeRule(Counting):
    """The count in `within` is far above, or below, the mean per `within` of the time before."""

    kind: Literal["spike"] = Field(description="The kind.")
    reference: Duration = Field(description="How long the time before is that it is held against.")
    factor: float = Field(gt=1, allow_inf_nan=False, description="How many times more, or fewer, fires it.")
    direction: Literal["up", "down", "both"] = Field("up", description="Which way.")
    offset: Duration = Field(
        "0s", validate_default=True, description="How far back the reference is shifted: `1d` for a daily rhythm."
    )
    min_volume: int = Field(1, ge=1, description="Fewer than this in `within` are no spike upwards.")
    min_reference: int = Field(1, ge=1, description="With fewer than this in the reference, nothing can be said.")

    @property
    def threshold(self) -> float:
        """What the count is held against, as a multiple of the reference's mean."""
        return 1 / self.factor if self.direction == "down" else self.factor

    def contradictions(self) -> Iterator[Contradiction]:
        """What cannot stand side by side in it."""
        if self.reference < self.within:
            yield "reference", "must not be shorter than within, whose count is held against it"
        if self.offset > MAX_OFFSETS * self.reference:
            yield "offset", f"must not be more than {MAX_OFFSETS} times the reference"
        if self.within + self.offset + self.reference > MAX_SPAN_MS:
            yield "reference", "within, offset and reference must not look further back than 30d together"
