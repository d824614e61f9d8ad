"""A value that was never there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dq_gate.alerts.rules.base import Counting, Duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.rules.base import Contradiction


class NewTermRule(Counting):
    """A field has a value that it did not have for a long time, or never. Resolves by itself after `within`."""

    kind: Literal["new_term"] = Field(description="The kind.")
    field: str = Field(description="The field; of a list, each item is a value. It tells groups apart, after group_by.")
    memory: Duration = Field("30d", validate_default=True, description="A value not seen for this long is new again.")
    learn: Duration = Field(
        "1d",
        validate_default=True,
        description="How long values of a group are only learned, from its first event on: nothing fires then.",
    )

    @property
    def threshold(self) -> float:
        """A new value was seen this often before."""
        return 0.0

    @property
    def group_fields(self) -> tuple[str, ...]:
        """The fields whose values a group's key holds."""
        return (*self.group_by, self.field)

    def contradictions(self) -> Iterator[Contradiction]:
        """What cannot stand side by side in it."""
        if self.field in self.group_by:
            yield "field", "is in group_by too; every value of it has a group of its own anyhow"
        if self.hold_for >= self.within:
            yield "for", "must be less than within: the alert would resolve before it fires"
        if self.memory < self.within:
            yield "memory", "must not be shorter than within"
        if self.memory < self.learn:
            yield "learn", "must not be longer than memory"
