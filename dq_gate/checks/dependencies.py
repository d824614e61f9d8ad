"""Values that follow from another field's: a city from its postal code, a name from its number."""

from __future__ import annotations

import csv
import io
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import StrictInt, StrictStr, model_validator

from dq_gate.checks.base import CompiledRecord, Context, Options, check
from dq_gate.checks.columns import judged_field, refuse_misfit
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Self

    import polars as pl

    from dq_gate.checks.base import FieldType

_ACCEPTS: tuple[FieldType, ...] = ("str", "int", "float", "bool")
_BOOLS = {"true": True, "false": False}
_WIDE = 2**63
"""Whole numbers from here on fit no column; rows with these are looked at one by one."""
Value = StrictStr | StrictInt | bool | float


class DependsOnOptions(Options):
    """What follows from what.

    Attributes:
        given: The field that decides.
        values: By the given field's value, as text: the value or values that go with it.
        file: A CSV file beside the pack with a column for each of the two fields.
    """

    given: StrictStr
    values: dict[str, Value | list[Value]] | None = None
    file: StrictStr | None = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.values is None) == (self.file is None):
            raise ValueError("give either values or a file")
        if self.file is not None and PurePath(self.file).suffix != ".csv":
            raise ValueError("file: its name ends in .csv")
        return self


_SAMPLE = {"given": "zip", "values": {"99501": "Anchorage", "35233": ["Birmingham", "Homewood"]}}


@check(
    "depends_on",
    DependsOnOptions,
    accepts=_ACCEPTS,
    with_context=True,
    passes=(
        (_SAMPLE, {"city": "Anchorage", "zip": "99501"}),
        (_SAMPLE, {"city": "Homewood", "zip": "35233"}),
        (_SAMPLE, {"city": "Juneau", "zip": "99801"}),
    ),
    fails=((_SAMPLE, {"city": "Birmingham", "zip": "99501"}), (_SAMPLE, {"city": "Homewoox", "zip": "35233"})),
)
def depends_on(options: DependsOnOptions, context: Context) -> CompiledRecord:
    """The value is one that goes with the value of another field.

    Options:
        given: the other field, the one that decides; required.
        values: what goes with what, as `{zip: city}`, or `{zip: [city, city]}` where several do.
        file: a CSV file beside the pack that says so, in columns that are named as the two fields are; a value that
            comes in several rows goes with each of theirs. It belongs to the pack: a new file is a new digest, and is
            taken up by a reload. Exactly one of `values` and `file` is needed.

    A value of `given` that the list does not have says nothing: the record passes, as it does where one of the two
    fields is null. Comparison is exact: case and white space count. `rules profile` writes such rules where it finds
    that a field decides others.
    """
    name = judged_field(context)
    for each in (name, options.given):
        refuse_misfit(each, context, _ACCEPTS)
    if options.given == name:
        raise ValueError("a field does not follow from itself; name another one")
    pairs = _typed(_pairs(options, name, context), context.fields[options.given], context.fields[name], options.file)
    allowed: dict[Any, set[Any]] = {}
    for given, value in pairs:
        allowed.setdefault(given, set()).add(value)
    if not allowed:
        raise ValueError("holds no pair of values: every input would pass")
    return _compile(name, options.given, allowed, Finding(f"does not go with the value of {options.given}"))


def _compile(name: str, given: str, allowed: Mapping[Any, set[Any]], finding: Finding) -> CompiledRecord:
    def judge(record: Mapping[str, Any]) -> Finding | None:
        fitting = allowed.get(record[given])
        return None if fitting is None or record[name] in fitting else finding

    def suspects(columns: Mapping[str, pl.Expr]) -> pl.Expr:
        """Marks rows whose given value is known, unless they have the least of the values that go with it."""
        import polars as pl

        keys = [key for key in allowed if not isinstance(key, int) or abs(key) < _WIDE]
        firsts = [min(allowed[key]) for key in keys]
        if any(isinstance(value, int) and abs(value) >= _WIDE for value in firsts):
            return pl.lit(value=True)
        expected = columns[given].replace_strict(keys, firsts, default=None)
        return columns[given].is_in(keys) & (columns[name].ne_missing(expected))

    return CompiledRecord(judge, (name, given), suspects)


def _pairs(options: DependsOnOptions, name: str, context: Context) -> Iterator[tuple[Any, Any]]:
    if options.file is not None:
        yield from _read(options.file, context.read(options.file), options.given, name)
        return
    for given, values in (options.values or {}).items():
        yield from ((given, value) for value in (values if isinstance(values, list) else [values]))


def _read(file: str, content: bytes, given: str, name: str) -> Iterator[tuple[str, str]]:
    """The pairs of cells of a CSV file; rows in which one is empty say nothing."""
    try:
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        for column in (given, name):
            if column not in (rows.fieldnames or ()):
                raise ValueError(f"{file}: has no column {column!r}")
        yield from ((row[given], row[name]) for row in rows if row[given] and row[name])
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file}: cannot be read: {error}") from None


def _typed(
    pairs: Iterable[tuple[Any, Any]], given_type: FieldType, value_type: FieldType, file: str | None
) -> Iterator[tuple[Any, Any]]:
    """The pairs as the fields have their values: keys and cells are text."""
    for given, value in pairs:
        try:
            typed = _PARSE[value_type](value) if file is not None else _checked(value, value_type)
            yield _PARSE[given_type](given), typed
        except (KeyError, ValueError):
            place = "values" if file is None else file
            raise ValueError(f"{place}: a value is no {given_type}, or one that goes with it no {value_type}") from None


def _checked(value: Any, value_type: FieldType) -> Any:
    """A value as YAML has it, if it is of a type."""
    if value_type == "float" and type(value) is int:
        return float(value)
    if type(value) is not _KINDS[value_type]:
        raise ValueError(value_type)
    return value


_KINDS: dict[FieldType, type] = {"str": str, "int": int, "float": float, "bool": bool}
_PARSE: dict[FieldType, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": lambda cell: _BOOLS[cell.lower()],
}
