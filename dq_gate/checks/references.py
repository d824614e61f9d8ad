"""Values that must stand elsewhere: in a file beside the pack, or in another column of the batch."""

from __future__ import annotations

import csv
import io
import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import StrictStr, model_validator

from dq_gate.checks.base import Compiled, CompiledFrame, Context, Options, check
from dq_gate.checks.columns import judged_field, keys, refuse_misfit
from dq_gate.core.model import Finding
from dq_gate.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    import polars as pl

    from dq_gate.checks.base import FieldType

_ACCEPTS: tuple[FieldType, ...] = ("str", "int")
_WIDE = 2**63
"""Whole numbers from here on fit no column; rows with these are looked at one by one."""
_FORMATS = (".txt", ".csv", ".jsonl", ".parquet")


class ForeignKeyOptions(Options):
    """Where the values must stand.

    Attributes:
        file: A file beside the pack.
        column: The file's column; without a file, another field of the batch.
    """

    file: StrictStr | None = None
    column: StrictStr | None = None

    @model_validator(mode="after")
    def _names_a_place(self) -> Self:
        if self.file is None and self.column is None:
            raise ValueError("give a file, or the column of the batch that is referred to")
        if self.file is None:
            return self
        suffix = PurePath(self.file).suffix
        if suffix not in _FORMATS:
            raise ValueError(f"file: its name ends in none of {', '.join(_FORMATS)}")
        if (self.column is None) != (suffix == ".txt"):
            raise ValueError("a .txt file has one value a line and no column; any other needs `column`")
        return self


@check(
    "foreign_key",
    ForeignKeyOptions,
    accepts=_ACCEPTS,
    with_context=True,
    passes=(({"column": "id"}, [{"parent": "b", "id": "a"}, {"parent": None, "id": "b"}]),),
    fails=(({"column": "id"}, [{"parent": "c", "id": "a"}, {"parent": "a", "id": "b"}]),),
)
def foreign_key(options: ForeignKeyOptions, context: Context) -> Compiled | CompiledFrame:
    """The value stands in another place: a column of a file, or another column of the same batch.

    Options:
        file: a file beside the pack that holds the values: `.txt` (one a line, in UTF-8), `.csv`, `.jsonl` or
            `.parquet`. It belongs to the pack: a new file is a new digest, and is taken up by a reload.
        column: the column of that file; without `file`, another field of the batch, of the same type.

    Against a file the rule runs on both planes. Against a column it runs on batches only, which it needs to see as a
    whole: a value may stand in any row, an earlier or a later one. Comparison is exact; cells of a text file are read
    as the field's type.
    """
    name = judged_field(context)
    if options.file is not None:
        allowed = _read(options, context.read(options.file), _item_type(context.fields[name]))
        return _among(allowed, Finding(f"is none of the {len(allowed)} values of {options.file}"))
    assert options.column is not None
    other = _referred_field(options.column, name, context)
    finding = Finding(f"is no value of the column {other}")
    return CompiledFrame(lambda: _Referring(name, other, context.fields[name], finding), needs_whole=True)


def _item_type(field_type: FieldType) -> FieldType:
    return "str" if field_type == "list[str]" else field_type


def _referred_field(other: str, name: str, context: Context) -> str:
    if other == name:
        raise ValueError("a column always has its own values; name another column")
    refuse_misfit(name, context, _ACCEPTS)
    refuse_misfit(other, context, _ACCEPTS)
    if context.fields[other] != context.fields[name]:
        raise ValueError(f"{other} is of type {context.fields[other]}, {name} of type {context.fields[name]}")
    return other


def _among(allowed: frozenset[Any], finding: Finding) -> Compiled:
    listed = [value for value in allowed if isinstance(value, str) or abs(value) < _WIDE]

    def judge(value: Any) -> Finding | None:
        return None if value in allowed else finding

    def suspects(values: pl.Expr) -> pl.Expr:
        return ~values.is_in(listed)

    return Compiled(judge, suspects)


class _Referring:
    """One batch, in one frame."""

    def __init__(self, name: str, other: str, field_type: FieldType, finding: Finding) -> None:
        self._name = name
        self._other = other
        self._type: FieldType = field_type
        self._finding = finding

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        known = keys(frame, self._other, self._type).drop_nulls()
        values = keys(frame, self._name, self._type)
        missing = values.is_not_null() & ~values.is_in(known.implode())
        return dict.fromkeys(missing.arg_true().to_list(), self._finding)

    def end(self) -> Finding | None:
        return None


def _read(options: ForeignKeyOptions, content: bytes, field_type: FieldType) -> frozenset[Any]:
    """The values that a file holds, as the field has them.

    Raises:
        ValueError: the file cannot be read, has no such column, or a value of another type.
    """
    assert options.file is not None
    read = _READERS[PurePath(options.file).suffix]
    try:
        values = [value for value in read(content, options.column or "") if value is not None]
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        raise ValueError(f"{options.file}: cannot be read: {error}") from None
    except KeyError:
        raise ValueError(f"{options.file}: has no column {options.column!r}") from None
    if field_type == "int" and PurePath(options.file).suffix in (".txt", ".csv"):
        values = [_whole_number(cell, options.file) for cell in values]
    expected = str if field_type == "str" else int
    if any(type(value) is not expected for value in values):
        raise ValueError(f"{options.file}: a value is no {field_type}")
    if not values:
        raise ValueError(f"{options.file}: holds no value: every input would fail")
    return frozenset(values)


def _whole_number(cell: str, file: str) -> int:
    try:
        return int(cell)
    except ValueError:
        raise ValueError(f"{file}: a value is no int") from None


def _lines(content: bytes, _: str) -> Iterator[str]:
    return (line for line in content.decode("utf-8-sig").splitlines() if line.strip())


def _csv_cells(content: bytes, name: str) -> Iterator[str | None]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    if name not in (rows.fieldnames or ()):
        raise KeyError(name)
    return (row[name] or None for row in rows)


def _json_values(content: bytes, name: str) -> Iterator[Any]:
    records = [json.loads(line) for line in content.decode("utf-8-sig").split("\n") if line.strip()]
    mappings = [record for record in records if isinstance(record, dict)]
    if not any(name in record for record in mappings):
        raise KeyError(name)
    return (record.get(name) for record in mappings)


def _parquet_values(content: bytes, name: str) -> Iterator[Any]:
    try:
        import polars as pl
    except ImportError:
        raise MissingExtraError("reading Parquet", "batch") from None
    try:
        return iter(pl.read_parquet(io.BytesIO(content), columns=[name])[name].to_list())
    except pl.exceptions.ColumnNotFoundError:
        raise KeyError(name) from None
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"no Parquet file: {error}") from None


_READERS: dict[str, Callable[[bytes, str], Iterator[Any]]] = {
    ".txt": _lines,
    ".csv": _csv_cells,
    ".jsonl": _json_values,
    ".parquet": _parquet_values,
}
