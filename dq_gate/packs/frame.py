"""The batch plane: a first look at whole columns, and the exact verdict for the rows it suspects.

Most rows of a frame are clean, and columns show it in one pass. The rows that may not be are judged one by one by
`decide`, as the request plane judges them: verdict, reasons and repairs cannot differ between the planes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.core.decide import decide

if TYPE_CHECKING:
    import polars as pl

    from dq_gate.core.decide import FieldPlan
    from dq_gate.core.model import Decision
    from dq_gate.packs.compile import CompiledPack

_NODE_BYTES = 64
"""No less than the size rule counts for a value that is no text and holds none, with its place."""
_MARK = "dq_suspected"


@dataclass(frozen=True, slots=True)
class FrameVerdict:
    """The verdict on a frame.

    Attributes:
        records: By row number, every row that needed a close look, as it was judged.
        decisions: By row number, the verdicts on these; all other rows are clean.
        unknown_columns: Columns that the pack does not name, when it minds; each row then carries that violation.
    """

    records: dict[int, dict[str, Any]]
    decisions: dict[int, Decision]
    unknown_columns: tuple[str, ...]


def judge_frame(pack: CompiledPack, frame: pl.DataFrame) -> FrameVerdict:
    """Judge every row of a polars frame.

    Args:
        pack: The rules.
        frame: One column a field; others are unknown.
    """
    rows = _suspects(pack, frame)
    records = dict(zip(rows, frame[rows].to_dicts() if rows else [], strict=True))
    return FrameVerdict(
        records,
        {row: decide(pack.plan, record) for row, record in records.items()},
        unknown_columns(pack, frame.columns) if pack.plan.unknown_rule else (),
    )


def unknown_columns(pack: CompiledPack, columns: list[str]) -> tuple[str, ...]:
    """The columns that the pack does not name."""
    known = {_column_of(field, columns) for field in pack.plan.fields}
    return tuple(name for name in columns if name not in known)


def _column_of(field: FieldPlan, columns: list[str]) -> str | None:
    """The column that carries a field: the first of its spellings, as in a record."""
    return next((name for name in (field.name, *field.aliases) if name in columns), None)


def _suspects(pack: CompiledPack, frame: pl.DataFrame) -> list[int]:
    """Numbers of the rows that need a close look."""
    import polars as pl

    if not frame.height:
        return []
    unknown_rule = pack.plan.unknown_rule
    if unknown_rule and unknown_rule.on_fail == "quarantine" and unknown_columns(pack, frame.columns):
        return list(range(frame.height))
    marks = [mark for field in pack.plan.fields for mark in _marks(pack, field, frame)]
    marks.append(_may_be_too_large(frame, pack.plan.max_bytes))
    suspected = pl.any_horizontal(mark.fill_null(value=False) for mark in marks)
    return frame.with_columns(suspected.alias(_MARK))[_MARK].arg_true().to_list()


def _marks(pack: CompiledPack, field: FieldPlan, frame: pl.DataFrame) -> list[pl.Expr]:
    """Expressions that mark the rows whose value of a field needs a close look."""
    import polars as pl

    name = _column_of(field, frame.columns)
    if name is None:
        return [pl.lit(not field.null_is_fine)]
    dtype, column = frame.schema[name], pl.col(name)
    if dtype == pl.Object or not _fits(field.type_name, dtype):
        return [pl.lit(value=True)]
    marks = [] if field.null_is_fine else [column.is_null()]
    if dtype.is_float() and not field.null_is_fine:
        marks.append(column.is_nan())
    if dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if isinstance(dtype, pl.List):
        marks.append(column.list.len() > column.list.drop_nulls().list.len())  # a null is no text
    for rule in field.rules:
        suspects = pack.suspects.get(rule.id)
        marks.append(suspects(column) if suspects is not None else column.is_not_null())
    return marks


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
        case "object":
            return isinstance(dtype, pl.Struct)
        case _:
            return False


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
    return None


def _bytes_of_items(value: pl.Expr, dtype: pl.List) -> pl.Expr | None:
    import polars as pl

    places = (1 + value.list.len().fill_null(0).cast(pl.Int64)) * _NODE_BYTES
    if dtype.inner == pl.String:
        return places + value.list.eval(pl.element().str.len_bytes().cast(pl.Int64)).list.sum().fill_null(0)
    return places if dtype.inner.is_numeric() else None
