"""The batch plane: a first look at whole columns, and the exact verdict for the rows it suspects.

Most rows of a frame are clean, and columns show it in one pass. The rows that may not be are judged one by one by
`decide`, as the request plane judges them: verdict, reasons and repairs cannot differ between the planes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq_gate.core.decide import decide

if TYPE_CHECKING:
    import polars as pl

    from dq_gate.core.decide import FieldPlan
    from dq_gate.core.model import Decision
    from dq_gate.packs.compile import CompiledPack

_NODE_BYTES = 64
"""More than the size rule counts for any value that is no text, with its key."""
_MARK = "dq_suspected"


@dataclass(frozen=True, slots=True)
class FrameVerdict:
    """The verdict on a frame.

    Attributes:
        decisions: By row number, for every row that needed a close look; all other rows are clean.
        unknown_columns: Columns that the pack does not name, when it minds; each row then carries that violation.
    """

    decisions: dict[int, Decision]
    unknown_columns: tuple[str, ...]


def judge_frame(pack: CompiledPack, frame: pl.DataFrame) -> FrameVerdict:
    """Judge every row of a polars frame.

    Args:
        pack: The rules.
        frame: One column a field; others are unknown.
    """
    rows = _suspects(pack, frame)
    records = frame[rows].to_dicts() if rows else []
    return FrameVerdict(
        {row: decide(pack.plan, record) for row, record in zip(rows, records, strict=True)},
        unknown_columns(pack, frame.columns) if pack.plan.unknown_rule else (),
    )


def unknown_columns(pack: CompiledPack, columns: list[str]) -> tuple[str, ...]:
    """The columns that the pack does not name."""
    known = {name for field in pack.plan.fields for name in (field.name, *field.aliases)}
    return tuple(name for name in columns if name not in known)


def _suspects(pack: CompiledPack, frame: pl.DataFrame) -> list[int]:
    """Numbers of the rows that need a close look."""
    import polars as pl

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

    name = next((name for name in (field.name, *field.aliases) if name in frame.columns), None)
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
    """Marks rows whose text may exceed the limit; nested columns are trusted only when all of one is small."""
    import polars as pl

    kinds = (pl.String, pl.Categorical, pl.Enum)
    texts = [pl.col(name).cast(pl.String).str.len_bytes() for name, dtype in frame.schema.items() if dtype in kinds]
    others = [frame[name] for name, dtype in frame.schema.items() if dtype not in kinds]
    if any(_may_be_large(series) and series.estimated_size() * _NODE_BYTES > max_bytes for series in others):
        return pl.lit(value=True)
    room = max_bytes - _NODE_BYTES * (1 + 2 * frame.width) - sum(len(name.encode()) for name in frame.columns)
    return pl.sum_horizontal(texts) > room if texts else pl.lit(room < 0)


def _may_be_large(series: pl.Series) -> bool:
    import polars as pl

    return not (series.dtype.is_numeric() or series.dtype.is_temporal() or series.dtype in (pl.Boolean, pl.Null))
