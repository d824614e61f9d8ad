"""What a check is, in each of its forms, and how one joins the catalogue.

A check is one function: it takes its parsed options and returns one of three things.

- `Compiled`, for the values of one field: `judge(value) -> Finding | None` decides one value, exactly. It never sees
  None and only sees values of the types the check accepts. It is thread-safe and linear in the value's length.
  `suspects(column) -> Expr` marks, over a polars column, every row that *may* fail: no failing row is left unmarked,
  and few passing ones are marked. Marked rows are then judged by `judge`, so verdict, message and span are the same
  on both planes by construction. Null rows may give null. None means: judge every row.
- `CompiledRecord`, for whole records: the same two forms over all fields at once.
- `CompiledFrame`, for what only a batch can show: duplicates, shares, distributions. It runs on the batch plane only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import polars as pl

    from dq_gate.core.model import Finding

FieldType = Literal["str", "int", "float", "bool", "datetime", "list[str]", "vector", "object", "any"]
Subject = Literal["field", "record", "either"]
Plane = Literal["request", "batch"]
Judge = Callable[[Any], "Finding | None"]
Suspects = Callable[["pl.Expr"], "pl.Expr"]
Repair = Callable[[str], str]


class Options(BaseModel):
    """Base of every check's options: unknown names are refused, types are strict."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A check of one field's values, its options baked in, in both forms.

    Attributes:
        redact: Replaces everything in a text that the check finds and that nobody should keep, such as a password.
    """

    judge: Judge
    suspects: Suspects | None
    redact: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class CompiledRecord:
    """A check of whole records.

    Attributes:
        judge: Decides one record: the pack's field names to values, after repairs and defaults. Fields that are null
            or missing are left out.
        needs: Fields without which the rule is skipped: where one is null, or failed its type. None: the rule takes
            the record as it is.
        suspects: Marks rows that may fail, given the column of a field by name; the fields in `needs` are all there.
            None, or an answer of None, means: judge every row.
    """

    judge: Callable[[Mapping[str, Any]], Finding | None]
    needs: tuple[str, ...] | None
    suspects: Callable[[Mapping[str, pl.Expr]], pl.Expr | None] | None = None


class FrameJudge(Protocol):
    """One pass over one batch, which comes as a frame or as several in a row."""

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        """Take in the next rows.

        Args:
            frame: As it came, under the pack's field names.

        Returns:
            What is wrong with single rows, by their number within this frame.
        """

    def end(self) -> Finding | None:
        """What is wrong with the batch as a whole, once all rows were seen."""


@dataclass(frozen=True, slots=True)
class CompiledFrame:
    """A check that needs many rows.

    Attributes:
        begin: Starts a pass. Passes share nothing that changes, so that several may run at once.
        needs_whole: Its pass looks once, at all rows in one frame: parts of the batch would be judged wrongly.
    """

    begin: Callable[[], FrameJudge]
    needs_whole: bool = False


AnyCompiled = Compiled | CompiledRecord | CompiledFrame


class Context(Protocol):
    """What a check may ask of the pack while it is compiled.

    Attributes:
        field: The field that the rule names; None for a rule about the whole record.
        fields: Every field's type by name.
    """

    field: str | None
    fields: Mapping[str, FieldType]

    def read(self, name: str) -> bytes:
        """The content of a file beside the pack. It then belongs to the pack: to its digest, and to its reloads.

        Raises:
            ValueError: it cannot be read.
        """

    def load(self, reference: str) -> Any:
        """What `package.module:name` stands for.

        Raises:
            ValueError: the settings do not trust the package, or there is no such thing.
        """


@dataclass(frozen=True, slots=True)
class Check:
    """An entry of the catalogue.

    Attributes:
        name: What packs call it.
        summary: First line of its docstring.
        accepts: Field types it can judge. On a `list[str]` field a check that accepts only `str` judges each item.
        options: Pydantic model of its options.
        compile: Turns options, and for some checks the pack's `Context`, into something that judges.
        subject: What its rules are about: a field, the whole record (`field` is left away), or either.
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
    compile: Callable[..., AnyCompiled]
    subject: Subject = "field"
    repairs: dict[str, Repair] = field(default_factory=dict)
    passes_printable_ascii: bool = False
    passes: tuple[tuple[dict[str, Any], Any], ...] = ()
    fails: tuple[tuple[dict[str, Any], Any], ...] = ()
    planes: tuple[Plane, ...] = ("request", "batch")


CATALOGUE: dict[str, Check] = {}
"""Every check by name; `dq_gate.checks` fills it by importing the families."""

O = TypeVar("O", bound=Options)  # noqa: E741 - options
F = TypeVar("F", bound=Callable[..., AnyCompiled])


def check(
    name: str,
    options: type[O],
    *,
    accepts: tuple[FieldType, ...],
    passes: tuple[tuple[dict[str, Any], Any], ...],
    fails: tuple[tuple[dict[str, Any], Any], ...],
    subject: Subject = "field",
    planes: tuple[Plane, ...] = ("request", "batch"),
    repairs: dict[str, Repair] | None = None,
    passes_printable_ascii: bool = False,
    with_context: bool = False,
) -> Callable[[F], F]:
    """Enter a compile function in the catalogue; its docstring becomes the check's reference text.

    The function takes the parsed options; `with_context`, the pack's `Context` as well.
    """

    def enter(compile_: F) -> F:
        CATALOGUE[name] = Check(
            name=name,
            summary=(compile_.__doc__ or "").strip().splitlines()[0],
            accepts=frozenset(accepts),
            options=options,
            compile=compile_ if with_context else _without_context(compile_),
            subject=subject,
            planes=planes,
            repairs=repairs or {},
            passes_printable_ascii=passes_printable_ascii,
            passes=passes,
            fails=fails,
        )
        return compile_

    return enter


def _without_context(compile_: Callable[[Any], AnyCompiled]) -> Callable[..., AnyCompiled]:
    @wraps(compile_)
    def compile_alone(options: Any, _: Context | None = None) -> AnyCompiled:
        return compile_(options)

    return compile_alone
