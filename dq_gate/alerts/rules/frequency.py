"""Too many events, or too few."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dq_gate.alerts.rules.base import Bounded, Clause, Counting


class FrequencyRule(Bounded, Counting):
    """Too many matching events, or too few."""

    kind: Literal["frequency"] = Field(description="The kind.")
    until: Clause | None = Field(None, description="An event that ends the matter: what was counted is forgotten.")
