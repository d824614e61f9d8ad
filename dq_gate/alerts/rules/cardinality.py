"""How many different values there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dq_gate.alerts.rules.base import Bounded, Counting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.rules.base import Contradiction


class CardinalityRule(Bounded, Counting):
    """A field has too many different values within `within`, or too few."""

    kind: Literal["cardinality"] = Field(description="The kind.")
    field: str = Field(description="The field; of a list, each item is a value.")

    def contradictions(self) -> Iterator[Contradiction]:
        """What cannot stand side by side in it."""
        if self.field in self.group_by:
            yield "field", "is in group_by too: every group would have one value"
