"""Pydantic models such as a team has already."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict


class Offer(BaseModel):
    name: str = Field(max_length=60)
    price: Annotated[int, Field(gt=0)] | None = None


class StrictOffer(Offer):
    model_config = ConfigDict(strict=True)


class OfferDict(TypedDict):
    name: str
    price: NotRequired[int]


@dataclass
class OfferData:
    name: str
    price: int = 1


class Stripping(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)
    name: str
    amount: int = 7


class Nullable(BaseModel):
    needed: int | None
    score: float
    left_out: int = 5


class Nested(BaseModel):
    model_config = ConfigDict(extra="forbid")
    labels: dict[str, int] = {}
    parts: list[Offer] = []
    renamed: int = Field(0, validation_alias=AliasChoices("amount", "quantity"))


class Node(BaseModel):
    value: int
    child: Node | None = None


class ClosedNode(Node):
    model_config = ConfigDict(extra="forbid")


class Loose(RootModel[dict[str, int]]):
    pass


class Lazy(BaseModel):
    numbers: Iterable[int]


class LazyWithin(BaseModel):
    inner: list[Lazy]


class Generated(BaseModel):
    numbers: Generator[int]


class Unfinished(BaseModel):
    later: NotThereYet  # noqa: F821 - the point


class Deferred(BaseModel):
    model_config = ConfigDict(defer_build=True)
    price: int


class Crashing(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def look_up(cls, name: str) -> str:
        return {}[name]


class Telling(BaseModel):
    name: str

    @model_validator(mode="after")
    def refuse(self) -> Telling:
        raise PydanticCustomError(f"no {self.name}", "no {name}", {"name": self.name})


class Emptying(BaseModel):
    name: str

    @model_validator(mode="before")
    @classmethod
    def empty(cls, values: Any) -> Any:
        copy = dict(values)
        values.clear()
        return copy


def _no_null(value: Any) -> Any:
    return 0 if value is None else value


Anything = Any
Checked = Annotated[Any, BeforeValidator(_no_null)]


def function(name: str) -> None: ...
