"""Events that used to come and come no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dq_gate.alerts.rules.base import MAX_SPAN_MS, Counting, Duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.rules.base import Contradiction


class FlatlineRule(Counting):
    """Fewer than `below` events in `within`, though they came in the time before."""

    kind: Literal["flatline"] = Field(description="The kind.")
    below: int = Field(1, ge=1, description="Fires under this.")
    reference: Duration = Field(description="How long the time right before `within` is in which they came.")
    min_reference: int = Field(1, ge=1, description="How many of them must have come then.")

    @property
    def threshold(self) -> float:
        """The bound."""
        return self.below

    def contradictions(self) -> Iterator[Contradiction]:
        """What cannot stand side by side in it."""
        if self.reference < self.within:
            yield "reference", "must not be shorter than within"
        if self.within + self.reference > MAX_SPAN_MS:
            yield "reference", "within and reference must not look further back than 30d together"
