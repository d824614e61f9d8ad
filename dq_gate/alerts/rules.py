"""Alert rules: what each key means, as pydantic models. Times are milliseconds once parsed."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, model_validator

_DURATION = re.compile(r"([0-9]{1,6})([smhd])\Z")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

Scalar = str | int | float | bool


def parse_duration(value: Any) -> int:
    """Milliseconds of a duration such as `30s`, `5m`, `1h` or `7d`."""
    found = _DURATION.match(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a duration; write a whole number and a unit: 30s, 5m, 1h or 7d")
    return int(found[1]) * _UNIT_MS[found[2]]


def parse_clause(value: Any) -> dict[str, tuple[Scalar, ...]]:
    """Fields with the values each may have, of a mapping whose values are single or in lists."""
    if not isinstance(value, dict) or not value:
        raise ValueError(
            "not a clause; write what fields equal: {event: dq_gate.rule.crashed, pack: [query, document]}"
        )
    clause = {field: tuple(wanted) if isinstance(wanted, list) else (wanted,) for field, wanted in value.items()}
    for field, wanted in clause.items():
        if not wanted or not all(isinstance(choice, Scalar) for choice in wanted):
            raise ValueError(f"{field} must equal text, a number, true, false, or one of a list of them")
    return clause


def parse_whole(value: Any) -> Literal["inputs"] | dict[str, tuple[Scalar, ...]]:
    """The whole of a ratio: the word `inputs`, or a clause."""
    if isinstance(value, str):
        if value != "inputs":
            raise ValueError("must be `inputs`, or a clause like `where`")
        return "inputs"
    return parse_clause(value)


Duration = Annotated[int, BeforeValidator(parse_duration)]
Clause = Annotated[dict[str, tuple[Scalar, ...]], PlainValidator(parse_clause)]
Whole = Annotated[Literal["inputs"] | dict[str, tuple[Scalar, ...]], PlainValidator(parse_whole)]


class EventSpec(BaseModel):
    """One event of an example, or several alike. Further keys are fields of the event."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    at: Duration = Field(description="When, counted from the start of the example.")
    event: str | None = Field(None, description="The event's name; without one only time passes.")
    times: int = Field(1, ge=1, le=10_000, description="How many of it.")
    every: Duration = Field(0, description="Time from one to the next.")


class Examples(BaseModel):
    """Event streams that must fire the alert and that must not; `dq-gate alerts test` runs them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    fires: list[list[EventSpec]] = Field(default_factory=list, description="Streams that fire it.")
    quiet: list[list[EventSpec]] = Field(default_factory=list, description="Streams that do not.")


class _Rule(BaseModel):
    """What every kind of alert says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,63}$", description="Its name, unique in the file.")
    where: Clause = Field(description="Which events: each field equals the value, or one of a list.")
    group_by: tuple[str, ...] = Field((), strict=False, description="One state for each combination of these fields.")
    within: Duration = Field(description="How far it looks back.")
    hold_for: Duration = Field(0, alias="for", description="How long the condition must hold before it fires.")
    severity: Literal["page", "ticket", "info"] = Field(description="Who should care, and how soon.")
    runbook: str | None = Field(None, description="Where to read on.")
    summary: str | None = Field(None, max_length=200, description="One line for whoever is called.")
    examples: Examples = Field(default_factory=Examples, description="Streams that fire it, and that do not.")

    @model_validator(mode="after")
    def _looks_back(self) -> _Rule:
        if not self.within:
            raise ValueError("within must be longer than nothing")
        return self


class _Bounded(_Rule):
    """A rule that compares a number with a bound."""

    above: float | None = Field(None, ge=0, allow_inf_nan=False, description="Fires beyond this.")
    below: float | None = Field(None, gt=0, allow_inf_nan=False, description="Fires under this.")

    @model_validator(mode="after")
    def _has_one_bound(self) -> _Bounded:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        return self

    @property
    def threshold(self) -> float:
        """The bound that is given."""
        return self.above if self.above is not None else self.below or 0.0

    def is_beyond(self, value: float) -> bool:
        """Whether a value lies on the alarming side of the bound."""
        return value > self.threshold if self.above is not None else value < self.threshold


class FrequencyRule(_Bounded):
    """Too many matching events, or too few."""

    kind: Literal["frequency"]
    until: Clause | None = Field(None, description="An event that ends the matter: what was counted is forgotten.")


class RatioRule(_Bounded):
    """Too large or too small a share of inputs, or of other events."""

    kind: Literal["ratio"]
    of: Whole = Field(description="The whole: `inputs` (judged inputs, exact, from windows), or a clause like `where`.")
    min_volume: int = Field(1, ge=1, description="With less than this in the whole, the ratio is unknown.")


class AbsenceRule(_Rule):
    """An expected event that does not come: not again in a group that was seen, or never since the start."""

    kind: Literal["absence"]
    until: Clause | None = Field(None, description="An event that ends the matter: the group is no longer expected.")

    @property
    def threshold(self) -> float:
        """Seconds of silence that fire it."""
        return self.within / 1000


AlertRule = FrequencyRule | RatioRule | AbsenceRule
KINDS: dict[str, type[AlertRule]] = {"frequency": FrequencyRule, "ratio": RatioRule, "absence": AbsenceRule}
