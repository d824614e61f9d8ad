"""What a check is, in both its forms, and how one joins the catalogue.

A check is one function: it takes its parsed options and returns a `Compiled` pair.

- `judge(value) -> Finding | None` decides one value, exactly. It never sees None and only sees values of the types
  the check accepts. It is pure, thread-safe and linear in the value's length.
- `suspects(column) -> Expr` marks, over a polars column, every row that *may* fail: no failing row is left
  unmarked, and few passing ones are marked. Marked rows are then judged by `judge`, so verdict, message and span
  are the same on both planes by construction. Null rows may give null. None means: judge every row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import polars as pl

    from dq_gate.core.model import Finding

FieldType = Literal["str", "int", "float", "bool", "datetime", "list[str]", "vector", "object", "any"]
Judge = Callable[[Any], "Finding | None"]
Suspects = Callable[["pl.Expr"], "pl.Expr"]
Repair = Callable[[str], str]


class Options(BaseModel):
    """Base of every check's options: unknown names are refused, types are strict."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A check with its options baked in, in both forms."""

    judge: Judge
    suspects: Suspects | None


@dataclass(frozen=True, slots=True)
class Check:
    """An entry of the catalogue.

    Attributes:
        name: What packs call it.
        summary: First line of its docstring.
        accepts: Field types it can judge. On a `list[str]` field a check that accepts only `str` judges each item.
        options: Pydantic model of its options.
        compile: Turns options into both forms.
        repairs: Repairs a rule of this check may name. Each is idempotent and leaves alone what `judge` passes.
        passes_printable_ascii: It passes every string that is all printable ASCII, so such strings skip it.
        passes: Sample options and values that pass: `({}, "text")`.
        fails: Sample options and values that fail.
        planes: Where it runs.
    """

    name: str
    summary: str
    accepts: frozenset[FieldType]
    options: type[Options]
    compile: Callable[[Any], Compiled]
    repairs: dict[str, Repair] = field(default_factory=dict)
    passes_printable_ascii: bool = False
    passes: tuple[tuple[dict[str, Any], Any], ...] = ()
    fails: tuple[tuple[dict[str, Any], Any], ...] = ()
    planes: tuple[Literal["request", "batch"], ...] = ("request", "batch")


CATALOGUE: dict[str, Check] = {}
"""Every check by name; `dq_gate.checks` fills it by importing the families."""

O = TypeVar("O", bound=Options)  # noqa: E741 - options


def check(
    name: str,
    options: type[O],
    *,
    accepts: tuple[FieldType, ...],
    passes: tuple[tuple[dict[str, Any], Any], ...],
    fails: tuple[tuple[dict[str, Any], Any], ...],
    repairs: dict[str, Repair] | None = None,
    passes_printable_ascii: bool = False,
) -> Callable[[Callable[[O], Compiled]], Callable[[O], Compiled]]:
    """Enter a compile function in the catalogue; its docstring becomes the check's reference text."""

    def enter(compile_: Callable[[O], Compiled]) -> Callable[[O], Compiled]:
        CATALOGUE[name] = Check(
            name=name,
            summary=(compile_.__doc__ or "").strip().splitlines()[0],
            accepts=frozenset(accepts),
            options=options,
            compile=compile_,
            repairs=repairs or {},
            passes_printable_ascii=passes_printable_ascii,
            passes=passes,
            fails=fails,
        )
        return compile_

    return enter
