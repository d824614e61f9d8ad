"""A number that events carry."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dq_gate.alerts.rules.base import Bounded


class ThresholdRule(Bounded):
    """A number that events carry is too high, or too low."""

    kind: Literal["threshold"] = Field(description="The kind.")
    field: str = Field(
        description="The number: a field of the events, or a dotted path into one such as `latency_us.p99`."
    )
    aggregate: Literal["last", "max", "min", "avg", "sum", "increase"] = Field(
        "last",
        description="What is made of the values in `within`: the newest one, the highest, the lowest, the mean, the "
        "sum, or the newest less the oldest (of two or more).",
    )
