"""The pack language as pydantic models. What a key means stands in its description."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dq_gate.checks.base import FieldType

CONSTRAINTS = ("ge", "gt", "le", "lt", "one_of")
"""Keys of a field that are rules of their own: `field.<name>.<key>`."""
_MAX_FIELD_BYTES = 64
"""So that an event that names 32 rules and their fields fits a line."""


def _field_name(name: str) -> str:
    if not 1 <= len(name.encode()) <= _MAX_FIELD_BYTES or re.search(r"[\x00-\x1f\x7f]", name):
        raise ValueError(f"a field's name is 1 to {_MAX_FIELD_BYTES} bytes of text without control characters")
    return name


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


FieldName = Annotated[str, AfterValidator(_field_name)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+$", max_length=128)]
Bound = int | float | str
UnknownFields = Literal["allow", "warn", "quarantine"]

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class FieldSpec(BaseModel):
    """One field of the records a pack judges. Each constraint is a rule too: `field.top_k.le`."""

    model_config = _STRICT

    type: FieldType = Field(description="What its values are; strict: `'5'` is no int, a bool is never an int.")
    required: bool = Field(True, description="Whether null (missing, None, NaN, an empty CSV cell) fails.")
    default: Any = Field(None, description="Stands in for null; the field is then not required.")
    ge: Bound | None = Field(None, description="Least value allowed.")
    gt: Bound | None = Field(None, description="Values must be above it.")
    le: Bound | None = Field(None, description="Greatest value allowed.")
    lt: Bound | None = Field(None, description="Values must be below it.")
    one_of: list[Any] | None = Field(None, min_length=1, description="The values allowed.")
    aliases: list[str] = Field(default_factory=list, description="Other names under which records carry it.")
    store: Literal["full", "masked", "omit"] = Field(
        "full", description="How the quarantine keeps its value; masked and omitted entries cannot be replayed."
    )
    subject: bool = Field(
        False, description="Its value, or each item of a list, says whose data the record is, for `quarantine erase`."
    )
    description: str = Field("", description="What it is, for whoever reads the pack.")

    @property
    def is_required(self) -> bool:
        """Whether null fails: required, and no default stands in."""
        return self.required and self.default is None


class WindowSpec(BaseModel):
    """A batch rule at work on requests: it judges what was admitted lately, in a process of its own."""

    model_config = _STRICT

    inputs: int = Field(1000, ge=1, le=1_000_000, description="A window is judged once it holds so many inputs,")
    seconds: float = Field(300.0, ge=1, description="or is so old, if anything came at all.")


class Examples(BaseModel):
    """Values of the rule's field that must pass and that must fail; `dq-gate rules test` runs them."""

    model_config = _STRICT

    passing: list[Any] = Field(default_factory=list, alias="pass", description="Values that the rule passes.")
    fail: list[Any] = Field(default_factory=list, description="Values that the rule fails.")


class RuleSpec(BaseModel):
    """One rule. Keys that are not listed here are options of its check."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    id: RuleId = Field(description="Stable name, noun.noun.condition.")
    field: str | None = Field(None, description="The field it judges; left out by rules about the whole record.")
    check: str = Field(description="The check that judges.")
    on_fail: Literal["quarantine", "warn"] = Field("quarantine", description="Whether a failure decides or only warns.")
    mode: Literal["enforce", "shadow"] = Field(
        "enforce", description="shadow: judged and counted, never enforced, never repaired."
    )
    shadow_until: Annotated[str, AfterValidator(_day)] | None = Field(
        None, description="Day on which a trial in shadow mode ends, such as 2027-01-31; `rules lint` reminds of it."
    )
    repair: str | None = Field(None, description="A repair of the check, tried before any rule of the field judges.")
    on_error: Literal["quarantine", "pass"] = Field(
        "quarantine", description="What a crash of the check counts as; it is always reported."
    )
    window: WindowSpec | None = Field(
        None, description="For checks of the batch plane: have them judge windows of admitted requests as well."
    )
    why: str = Field("", description="Why the rule exists, for whoever is refused by it.")
    examples: Examples = Field(default_factory=Examples, description="Sample values.")

    @property
    def options(self) -> dict[str, Any]:
        """The check's options, as written."""
        return self.model_extra or {}


class PackSpec(BaseModel):
    """A rule pack file."""

    model_config = _STRICT

    pack: Name = Field(description="The pack's name.")
    version: int = Field(ge=1, description="Raised with every change.")
    description: str = Field("", description="What it is for.")
    extends: list[str] = Field(
        default_factory=list, description="Packs to build on: shipped names, or paths relative to this file."
    )
    disable: list[str] = Field(default_factory=list, description="Ids of inherited rules to drop.")
    unknown_fields: UnknownFields | None = Field(
        None, description="What a field that the pack does not name means. Default: warn, or what the base says."
    )
    fields: dict[FieldName, FieldSpec] = Field(default_factory=dict, description="The record's fields by name.")
    rules: list[RuleSpec] = Field(default_factory=list, description="The rules, in the order their repairs run.")
