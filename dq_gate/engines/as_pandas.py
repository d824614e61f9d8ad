"""Polars frames as pandas frames, for libraries that know nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    import polars as pl


def as_pandas(frame: pl.DataFrame, *, as_objects: Collection[str] = ()) -> Any:
    """The same rows in pandas, numbered from 0.

    Whole numbers with nulls among them stay whole: they get pandas' nullable types instead of floats, which would
    also lose digits.

    Args:
        frame: What to convert.
        as_objects: Columns that keep Python's own ints and bools, with None for null, when they have nulls.
    """
    import polars as pl

    converted = frame.to_pandas()
    for column in frame.iter_columns():
        if not column.null_count() or not (
            column.dtype == pl.Boolean or column.dtype in pl.datatypes.group.INTEGER_DTYPES
        ):
            continue
        converted[column.name] = _objects(column) if column.name in as_objects else _nullable(column)
    return converted


def _objects(column: pl.Series) -> Any:
    import pandas as pd

    return pd.Series(column.to_list(), dtype=object)


def _nullable(column: pl.Series) -> Any:
    import pandas as pd

    is_bool = str(column.dtype) == "Boolean"
    array = pd.arrays.BooleanArray if is_bool else pd.arrays.IntegerArray
    filled = column.fill_null(value=False) if is_bool else column.fill_null(0)
    return array(filled.to_numpy(writable=True), column.is_null().to_numpy(writable=True))
