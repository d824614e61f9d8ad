"""What does not come."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dq_gate.alerts.rules.base import Clause, Spanning


class AbsenceRule(Spanning):
    """An expected event that does not come: not again in a group that was seen, or never since the start."""

    kind: Literal["absence"] = Field(description="The kind.")
    until: Clause | None = Field(
        None,
        description="An event by which a process says good-bye: the group is no longer expected, unless another "
        "process of it was seen within `within`.",
    )

    @property
    def threshold(self) -> float:
        """Seconds of silence that fire it."""
        return self.within / 1000
