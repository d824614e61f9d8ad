"""The batch plane's first look: which rows of a frame may fail, told from whole columns.

A row that no rule marks is clean. A row that only rules about single values mark is judged by these rules alone; any
other marked row, such as one that is to be repaired, is judged in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq_gate.checks.textscan import not_printable_ascii

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from dq_gate.core.decide import FieldPlan, RecordRule, Rule
    from dq_gate.packs.compile import CompiledPack

_NODE_BYTES = 64
"""No less than the size rule counts for a value that is no text and holds none, with its place."""
_MARK = "dq_mark_{}"


@dataclass(frozen=True, slots=True)
class Marked:
    """The rows that one rule wants to see.

    Attributes:
        column: Where the rule's field is.
        rows: Their numbers.
    """

    rule: Rule
    column: str
    rows: pl.Series


@dataclass(frozen=True, slots=True)
class Suspects:
    """The rows that may fail.

    Attributes:
        in_full: Numbers of the rows to be judged as records.
        by_rule: For all other rows, what each rule marked, in the order of the plan.
    """

    in_full: pl.Series
    by_rule: tuple[Marked, ...]


def find_suspects(pack: CompiledPack, frame: pl.DataFrame) -> Suspects:
    """Mark the rows of a frame that may fail."""
    import polars as pl

    unknown_rule = pack.plan.unknown_rule
    if not frame.height or (
        unknown_rule and unknown_rule.on_fail == "quarantine" and unknown_columns(pack, frame.columns)
    ):
        return Suspects(pl.int_range(frame.height, dtype=pl.UInt32, eager=True), ())
    in_full = [_may_be_too_large(frame, pack.plan.max_bytes), *_record_marks(pack, frame)]
    by_rule: list[tuple[Rule, str, pl.Expr]] = []
    for field in pack.plan.fields:
        in_full += _trouble(field, frame, has_record_rules=bool(pack.plan.record_rules))
        for rule, name, mark in _rule_marks(pack, field, frame):
            if rule.repair is None or rule.shadow:
                by_rule.append((rule, name, mark))
            else:
                in_full.append(mark)
    return _evaluate(frame, in_full, by_rule)


def _evaluate(frame: pl.DataFrame, in_full: list[pl.Expr], by_rule: list[tuple[Rule, str, pl.Expr]]) -> Suspects:
    """Carry out the marks, those of rules that pass printable ASCII on the rows that have more than that."""
    import polars as pl

    odd = _odd_rows(frame, {name for rule, name, _ in by_rule if rule.skips_printable_ascii})
    everywhere = {_MARK.format(i): mark for i, (rule, name, mark) in enumerate(by_rule) if not _has(odd, rule, name)}
    full_mark = pl.any_horizontal(mark.fill_null(value=False) for mark in in_full)
    marked = frame.with_columns(full_mark.alias(_MARK.format("full")), **everywhere)
    rows: list[Marked] = []
    for number, (rule, name, mark) in enumerate(by_rule):
        if _has(odd, rule, name):
            some = odd[name]
            hits = frame[name].to_frame()[some].select(mark.fill_null(value=False)).to_series()
            rows.append(Marked(rule, name, some.filter(hits)))
        else:
            rows.append(Marked(rule, name, marked[_MARK.format(number)].arg_true()))
    return Suspects(marked[_MARK.format("full")].arg_true(), tuple(rows))


def _has(odd: dict[str, pl.Series], rule: Rule, column: str) -> bool:
    return rule.skips_printable_ascii and column in odd


def _odd_rows(frame: pl.DataFrame, columns: set[str]) -> dict[str, pl.Series]:
    """By column, the rows that are more than printable ASCII, where they are few enough to be worth setting apart."""
    import polars as pl

    texts = (name for name in columns if frame.schema[name] == pl.String)
    found = ((name, not_printable_ascii(frame[name])) for name in texts)
    return {name: rows for name, rows in found if rows is not None and 2 * len(rows) < frame.height}


def unknown_columns(pack: CompiledPack, columns: list[str]) -> tuple[str, ...]:
    """The columns that the pack does not name."""
    known = {column_of(field, columns) for field in pack.plan.fields}
    return tuple(name for name in columns if name not in known)


def column_of(field: FieldPlan, columns: list[str]) -> str | None:
    """The column that carries a field: the first of its spellings, as in a record."""
    return next((name for name in (field.name, *field.aliases) if name in columns), None)


def _trouble(field: FieldPlan, frame: pl.DataFrame, *, has_record_rules: bool) -> list[pl.Expr]:
    """Marks of a field that concern no rule of its own: nulls, defaults, and columns of another type."""
    import polars as pl

    name = column_of(field, frame.columns)
    if name is None:  # no column takes up a default: it is for other rules to judge
        return [pl.lit(not field.null_is_fine if field.default is None else has_record_rules)]
    dtype, column = frame.schema[name], pl.col(name)
    if not _fits(field.type_name, dtype):
        return [pl.lit(value=True)]
    marks = [] if field.null_is_fine else [column.is_null()]
    if dtype.is_float() and not field.null_is_fine:
        marks.append(column.is_nan())
    if isinstance(dtype, pl.List):
        marks.append(column.list.len() > column.list.drop_nulls().list.len())  # a null is no text and no number
    if isinstance(dtype, pl.Array):
        marks.append(column.arr.to_list().list.drop_nulls().list.len() < dtype.size)
    return marks


def _rule_marks(pack: CompiledPack, field: FieldPlan, frame: pl.DataFrame) -> Iterator[tuple[Rule, str, pl.Expr]]:
    """What each rule of a field wants to see."""
    name = column_of(field, frame.columns)
    if name is None or not _fits(field.type_name, frame.schema[name]):
        return
    column = _as_text(name, frame.schema[name])
    for rule in field.rules:
        suspects = pack.suspects.get(rule.id)
        yield rule, name, suspects(column) if suspects is not None else column.is_not_null()


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column, categories as the texts they stand for."""
    import polars as pl

    column = pl.col(name)
    return column.cast(pl.String) if dtype in (pl.Categorical, pl.Enum) else column


def _record_marks(pack: CompiledPack, frame: pl.DataFrame) -> Iterator[pl.Expr]:
    """What each rule about several fields wants to see.

    A row in which a default stands in for a null is marked already, as is every row of a column of another type.
    """
    names = ((field.name, column_of(field, frame.columns)) for field in pack.plan.fields)
    columns = {field: _as_text(name, frame.schema[name]) for field, name in names if name is not None}
    for record_rule in pack.plan.record_rules:
        if columns.keys() >= set(record_rule.needs or ()):
            yield _record_mark(pack, record_rule, columns)


def _record_mark(pack: CompiledPack, record_rule: RecordRule, columns: dict[str, pl.Expr]) -> pl.Expr:
    import polars as pl

    suspects = pack.record_suspects.get(record_rule.rule.id)
    mark = suspects(columns) if suspects is not None else None
    needed = [columns[name].is_not_null() for name in record_rule.needs or ()]
    return pl.all_horizontal(pl.lit(value=True) if mark is None else mark.fill_null(value=True), *needed)


def _fits(type_name: str, dtype: pl.DataType) -> bool:
    """Whether every value of a column is of a field's type, so that types need no close look."""
    import polars as pl

    match type_name:
        case "str":
            return dtype in (pl.String, pl.Categorical, pl.Enum)
        case "int":
            return dtype.is_integer()
        case "float":
            return dtype.is_float() or dtype.is_integer()
        case "bool":
            return dtype == pl.Boolean
        case "datetime":
            return isinstance(dtype, pl.Datetime)
        case "list[str]":
            return dtype == pl.List(pl.String)
        case "vector":
            return _is_column_of_vectors(dtype)
        case "object":
            return isinstance(dtype, pl.Struct)
        case _:
            return False


def _is_column_of_vectors(dtype: pl.DataType) -> bool:
    import polars as pl

    return isinstance(dtype, (pl.List, pl.Array)) and (_inner(dtype).is_integer() or _inner(dtype).is_float())


def _inner(dtype: pl.List | pl.Array) -> pl.DataType:
    inner = dtype.inner
    return inner() if isinstance(inner, type) else inner


def _may_be_too_large(frame: pl.DataFrame, max_bytes: int) -> pl.Expr:
    """Marks the rows that may exceed the limit."""
    import polars as pl

    sizes = [_bytes(pl.col(name), dtype) for name, dtype in frame.schema.items()]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return pl.lit(value=True)
    names = sum(len(name.encode()) + _NODE_BYTES for name in frame.columns)
    return pl.sum_horizontal(known) > max_bytes - names - _NODE_BYTES


def _bytes(value: pl.Expr, dtype: pl.DataType) -> pl.Expr | None:
    """No fewer bytes than the size rule counts for a value; None where a column cannot tell."""
    import polars as pl

    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return value.cast(pl.String).str.len_bytes().fill_null(0).cast(pl.Int64)
    if dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.Boolean, pl.Null):
        return pl.lit(_NODE_BYTES, pl.Int64)
    if isinstance(dtype, pl.List):
        return _bytes_of_items(value, dtype)
    if isinstance(dtype, pl.Array) and _inner(dtype).is_numeric():
        return pl.lit((1 + dtype.size) * _NODE_BYTES, pl.Int64)
    return None


def _bytes_of_items(value: pl.Expr, dtype: pl.List) -> pl.Expr | None:
    import polars as pl

    places = (1 + value.list.len().fill_null(0).cast(pl.Int64)) * _NODE_BYTES
    if dtype.inner == pl.String:
        return places + value.list.eval(pl.element().str.len_bytes().cast(pl.Int64)).list.sum().fill_null(0)
    return places if dtype.inner.is_numeric() else None
