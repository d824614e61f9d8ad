"""The columns of a batch as the fields' types have them, whatever library and file they came from."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from dq_gate.checks.moments import in_utc
from dq_gate.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from dq_gate.checks.base import Context, FieldType

_EXACT_AS_INT = 2.0**63
"""Whole floats below this have the text of the whole number that equals them."""
_WIDE = 2**127
"""No column holds a whole number from here on."""


def judged_field(context: Context) -> str:
    """The field that a rule of one field names."""
    assert context.field is not None  # packs refuse such a rule without one
    return context.field


def judged_fields(context: Context, named: Sequence[str] | None, accepts: tuple[FieldType, ...]) -> tuple[str, ...]:
    """The fields that a rule of one field, or of several in its option `fields`, is about.

    Raises:
        ValueError: neither or both are given, the pack has no such field, or one of a type that does not fit.
    """
    if (context.field is None) == (named is None):
        raise ValueError("name either one `field`, or several in `fields`")
    fields = (judged_field(context),) if named is None else tuple(named)
    for name in fields:
        refuse_misfit(name, context, accepts)
    return fields


def refuse_misfit(name: str, context: Context, accepts: tuple[FieldType, ...]) -> None:
    """See to it that the pack has a field, and one of a type that fits.

    Raises:
        ValueError: it has not.
    """
    if name not in context.fields:
        raise ValueError(f"unknown field {name!r}{did_you_mean(name, context.fields)}")
    if context.fields[name] not in accepts:
        raise ValueError(f"{name} is of type {context.fields[name]}; judged are: {', '.join(accepts)}")


def column(frame: pl.DataFrame, name: str, field_type: FieldType) -> pl.Series:
    """The values of a field of plain type; null where there is none, or one of another type.

    Args:
        frame: As it came.
        name: The field; a frame without its column has nulls.
        field_type: str, int, float, bool or datetime.

    Returns:
        Text as String, moments as Datetime in UTC, NaN as null, whole numbers and floats as they are.
    """
    import polars as pl

    found = frame[name] if name in frame.columns else pl.Series(name, [None] * frame.height, pl.Null)
    if found.dtype == pl.Object:
        return _from_objects(found, field_type)
    dtype = found.dtype
    if field_type == "str" and dtype in (pl.String, pl.Categorical, pl.Enum):
        return found.cast(pl.String)
    if field_type in ("int", "float") and dtype.is_integer():
        return found
    if field_type == "float" and dtype.is_float():
        return found.fill_nan(None)
    if field_type == "bool" and dtype == pl.Boolean:
        return found
    if field_type == "datetime" and isinstance(dtype, pl.Datetime):
        zoned = found.dt.convert_time_zone("UTC") if dtype.time_zone else found.dt.replace_time_zone("UTC")
        return zoned.dt.cast_time_unit("us")
    return pl.Series(name, [None] * frame.height, _dtype(field_type))


def keys(frame: pl.DataFrame, name: str, field_type: FieldType) -> pl.Series:
    """Text that is the same for equal values of a field, and different for all others; null where there is none."""
    values = _text(column(frame, name, field_type))
    if field_type != "float":
        return values
    return _text(column(frame, name, "int")).fill_null(values)  # a column of floats would round wide whole numbers


def _text(values: pl.Series) -> pl.Series:
    import polars as pl

    if isinstance(values.dtype, pl.Datetime):
        return values.dt.timestamp("us").cast(pl.String)
    if not values.dtype.is_float():
        return values.cast(pl.String)
    number = pl.col("number")
    as_int = number.cast(pl.Int64, strict=False).cast(pl.String)
    is_whole = (number.abs() < _EXACT_AS_INT) & (number == number.floor())
    text = pl.when(is_whole).then(as_int).otherwise(number.cast(pl.Float64).cast(pl.String))
    return values.alias("number").to_frame().select(text).to_series()


def nulls(frame: pl.DataFrame, name: str) -> int:
    """How many rows have no value in a field."""
    import polars as pl

    if name not in frame.columns:
        return frame.height
    found = frame[name]
    if found.dtype == pl.Object:
        return sum(value is None or (isinstance(value, float) and value != value) for value in found)  # noqa: PLR0124
    return found.null_count() + (int(found.is_nan().sum()) if found.dtype.is_float() else 0)


def _from_objects(found: pl.Series, field_type: FieldType) -> pl.Series:
    """A column of mixed Python objects: those of the field's type."""
    import polars as pl

    take = _PLAIN[field_type]
    values = [None if value is None else take(value) for value in found]
    if field_type == "int":
        return pl.Series(found.name, values, pl.Int128)
    made = pl.Series(found.name, values, _dtype(field_type), strict=False)
    return made.fill_nan(None) if field_type == "float" else made


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _WIDE else None


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, float) else _int(value)


def _str(value: Any) -> str | None:
    """Polars has no lone surrogates."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else None


_PLAIN: dict[FieldType, Callable[[Any], Any]] = {
    "str": _str,
    "int": _int,
    "float": _float,
    "bool": lambda value: value if isinstance(value, bool) else None,
    "datetime": lambda value: in_utc(value) if isinstance(value, datetime) else None,
}


def _dtype(field_type: FieldType) -> pl.DataType:
    import polars as pl

    dtypes: dict[FieldType, pl.DataType] = {
        "str": pl.String(),
        "int": pl.Int64(),
        "float": pl.Float64(),
        "bool": pl.Boolean(),
        "datetime": pl.Datetime("us", "UTC"),
    }
    return dtypes[field_type]
