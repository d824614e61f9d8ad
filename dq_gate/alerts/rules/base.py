"""What every alert rule says, as pydantic models, and the words it is said in. Times are milliseconds once parsed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_DURATION = re.compile(r"([0-9]{1,6})([smhd])\Z")
_TIME_OF_DAY = re.compile(r"([0-2][0-9]):([0-5][0-9])\Z")
DAY_MINUTES = 24 * 60
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MAX_SPAN_MS = 30 * _UNIT_MS["d"]

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


def parse_time_of_day(value: Any) -> int:
    """Minutes since midnight of a time such as `08:30`; `24:00` is the day's end."""
    found = _TIME_OF_DAY.match(value) if isinstance(value, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found is not None else DAY_MINUTES + 1
    if minutes > DAY_MINUTES:
        raise ValueError("not a time of day; write hours and minutes: 08:30")
    return minutes


_SCALAR_SCHEMA: dict[str, Any] = {"type": ["string", "number", "boolean"]}
_CLAUSE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"anyOf": [_SCALAR_SCHEMA, {"type": "array", "minItems": 1, "items": _SCALAR_SCHEMA}]},
}
_TEXT_SCHEMA: dict[str, Any] = {"type": "string"}

Duration = Annotated[
    int, BeforeValidator(parse_duration), WithJsonSchema({**_TEXT_SCHEMA, "pattern": "^[0-9]{1,6}[smhd]$"})
]
TimeOfDay = Annotated[
    int, BeforeValidator(parse_time_of_day), WithJsonSchema({**_TEXT_SCHEMA, "pattern": "^[0-2][0-9]:[0-5][0-9]$"})
]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)
_AS_IT_IS = PlainSerializer(lambda value: value, return_type=Any)
Clause = Annotated[
    dict[str, tuple[Scalar, ...]], PlainValidator(parse_clause), _AS_IT_IS, WithJsonSchema(_CLAUSE_SCHEMA)
]
Whole = Annotated[
    Literal["inputs"] | dict[str, tuple[Scalar, ...]],
    PlainValidator(parse_whole),
    _AS_IT_IS,
    WithJsonSchema({"anyOf": [{"const": "inputs"}, _CLAUSE_SCHEMA]}),
]
Contradiction = tuple[str, str]
"""A key of a rule, and why its value cannot stand beside the others."""


class EventSpec(BaseModel):
    """One event of an example, or several alike. Further keys are fields of the event."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    at: Duration = Field(description="When, counted from the start of the example.")
    event: str | None = Field(None, description="The event's name; without one only time passes.")
    times: int = Field(1, ge=1, le=10_000, description="How many of it.")
    every: Duration = Field("0s", validate_default=True, description="Time from one to the next.")


class Examples(BaseModel):
    """Event streams that must fire the alert and that must not; `dq-gate alerts test` runs them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    fires: list[list[EventSpec]] = Field(default_factory=list, description="Streams that fire it.")
    quiet: list[list[EventSpec]] = Field(default_factory=list, description="Streams that do not.")


class Mute(BaseModel):
    """A stretch of every week in which an alert is not notified. What still fires at its end is notified then."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    days: tuple[Day, ...] = Field(DAYS, strict=False, min_length=1, description="Days on which it begins.")
    from_: TimeOfDay = Field(
        "00:00", alias="from", validate_default=True, description="Its beginning, local time: 22:00."
    )
    to: TimeOfDay = Field(
        "24:00",
        validate_default=True,
        description="Its end, local time: 06:00, or 24:00; not after `from` means on the next day.",
    )
    time_zone: str = Field("UTC", description="Whose time that is, such as Europe/Berlin.")
    reason: str | None = Field(None, max_length=200, description="Why.")

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"no time zone {name!r}; write one such as UTC or Europe/Berlin") from None
        return name


class Rule(BaseModel):
    """What every kind of alert says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    measures: ClassVar[frozenset[str]] = frozenset({"value", "threshold", "severity", "alert", "at"})
    """What a message may say of a group, besides the fields that tell groups apart."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,63}$", description="Its name, unique in the file.")
    where: Clause = Field(description="Which events: each field equals the value, or one of a list.")
    group_by: tuple[str, ...] = Field((), strict=False, description="One state for each combination of these fields.")
    hold_for: Duration = Field(
        "0s", alias="for", validate_default=True, description="How long the condition must hold before it fires."
    )
    keep_firing_for: Duration = Field(
        "0s",
        validate_default=True,
        description="How long the condition must be over before it resolves. What returns meanwhile is not said.",
    )
    severity: Literal["page", "ticket", "info"] = Field(description="Who should care, and how soon.")
    runbook: str | None = Field(None, description="Where to read on.")
    summary: str | None = Field(None, max_length=200, description="One line for whoever is called.")
    message: str | None = Field(
        None,
        max_length=500,
        description="What is said of one group, with {value}, {threshold}, {volume}, {severity}, {alert}, {at} and the "
        "fields it groups by; format specs are allowed: {value:.1%}.",
    )
    inhibit: tuple[str, ...] = Field(
        (),
        strict=False,
        description="While this alert fires, those named here are not notified, where the fields that both group by "
        "have equal values.",
    )
    mute: tuple[Mute, ...] = Field((), strict=False, description="Weekly times in which it is not notified.")
    examples: Examples = Field(default_factory=Examples, description="Streams that fire it, and that do not.")

    @property
    def group_fields(self) -> tuple[str, ...]:
        """The fields whose values a group's key holds."""
        return self.group_by

    def contradictions(self) -> Iterator[Contradiction]:
        """What cannot stand side by side in it."""
        return iter(())


class Spanning(Rule):
    """A rule that looks back over one stretch of time."""

    within: Duration = Field(description="How far it looks back.")

    @model_validator(mode="after")
    def _looks_back(self) -> Spanning:
        if not self.within:
            raise ValueError("within must be longer than nothing")
        return self


class Counting(Spanning):
    """A rule that counts events, or what windows count."""

    count: Literal["lines", "inputs"] = Field(
        "lines",
        description="What is counted: event lines, of which a sampled one stands for as many as its sample rate says, "
        "or inputs, exactly, from windows.",
    )


class Bounded(Spanning):
    """A rule that compares a number with a bound."""

    above: float | None = Field(None, ge=0, allow_inf_nan=False, description="Fires beyond this.")
    below: float | None = Field(None, gt=0, allow_inf_nan=False, description="Fires under this.")

    resolve_below: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="With above: what fires resolves only under this."
    )
    resolve_above: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="With below: what fires resolves only beyond this."
    )

    @model_validator(mode="after")
    def _has_one_bound(self) -> Bounded:
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        return self

    @model_validator(mode="after")
    def _resolves_on_the_quiet_side(self) -> Bounded:
        if self.resolve_below is not None and (self.above is None or self.resolve_below > self.above):
            raise ValueError("resolve_below goes with above, and must not be more than it")
        if self.resolve_above is not None and (self.below is None or self.resolve_above < self.below):
            raise ValueError("resolve_above goes with below, and must not be less than it")
        return self

    @property
    def threshold(self) -> float:
        """The bound that is given."""
        return self.above if self.above is not None else self.below or 0.0

    def is_beyond(self, value: float) -> bool:
        """Whether a value lies on the alarming side of the bound."""
        return value > self.threshold if self.above is not None else value < self.threshold

    def holds(self, value: float, *, is_firing: bool) -> bool:
        """Whether the condition holds; what fires already has its own bound to resolve by, when the rule gives one."""
        if is_firing and self.resolve_below is not None:
            return value >= self.resolve_below
        if is_firing and self.resolve_above is not None:
            return value <= self.resolve_above
        return self.is_beyond(value)
