"""A value that is another than before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dq_gate.alerts.rules.base import Spanning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.rules.base import Contradiction


class ChangeRule(Spanning):
    """A field's value differs from the group's last one. Resolves by itself `within` after the last change."""

    kind: Literal["change"] = Field(description="The kind.")
    field: str = Field(description="The field. Events without it say nothing.")

    @property
    def threshold(self) -> float:
        """So many changes are none."""
        return 0.0

    def contradictions(self) -> Iterator[Contradiction]:
        """What cannot stand side by side in it."""
        if self.field in self.group_by:
            yield "field", "is in group_by too: within a group it never changes"
        if self.hold_for >= self.within:
            yield "for", "must be less than within: the alert would resolve before it fires"
