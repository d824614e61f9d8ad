"""A share of a whole."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from dq_gate.alerts.rules.base import Bounded, Rule, Whole


class RatioRule(Bounded):
    """Too large or too small a share of inputs, or of other events."""

    measures: ClassVar[frozenset[str]] = Rule.measures | {"volume"}

    kind: Literal["ratio"] = Field(description="The kind.")
    of: Whole = Field(description="The whole: `inputs` (judged inputs, exact, from windows), or a clause like `where`.")
    min_volume: int = Field(1, ge=1, description="With less than this in the whole, the ratio is unknown.")
