"""What each frame library has to be able to do: polars, pandas, pyarrow."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from dq_gate.errors import MissingExtraError

if TYPE_CHECKING:
    import polars as pl

REASONS = "dq_violations"
"""Column of the quarantined frame: a list of rule_id, field and message for each row."""


class FrameKind(Protocol):
    """What one frame library has to be able to do. Frames that came in stay as they are."""

    def to_polars(self, frame: Any) -> pl.DataFrame:
        """The frame as it is judged."""

    def without(self, frame: Any, rows: list[int]) -> Any:
        """All other rows."""

    def with_cells(self, frame: Any, name: str, cells: dict[int, Any]) -> Any:
        """The frame with other cells in one column, by row number."""

    def take(self, frame: Any, rows: list[int], reasons: pl.Series) -> Any:
        """These rows, with their reasons in a column of its own."""


def kind_of(frame: Any) -> FrameKind:
    """How to deal with a frame.

    Raises:
        MissingExtraError: polars is not installed.
        TypeError: it is of no kind that can be judged.
    """
    try:
        import polars as pl
    except ImportError:
        raise MissingExtraError("judging frames", "batch") from None
    if isinstance(frame, pl.DataFrame):
        return _Polars()
    if _is_instance(frame, "pandas", "DataFrame"):
        return _Pandas()
    if _is_instance(frame, "pyarrow", "Table"):
        return _Arrow()
    raise TypeError(
        f"a polars or pandas DataFrame or a pyarrow Table is expected, not {type(frame).__qualname__}; "
        "collect a LazyFrame first"
    )


def _is_instance(frame: Any, library: str, name: str) -> bool:
    """Whether a frame is of a library's class, without importing a library that nobody has used."""
    module = sys.modules.get(library)
    return module is not None and isinstance(frame, getattr(module, name))


class _Polars:
    """polars in, polars out."""

    def to_polars(self, frame: pl.DataFrame) -> pl.DataFrame:
        return frame

    def without(self, frame: pl.DataFrame, rows: list[int]) -> pl.DataFrame:
        return frame.filter(_all_but(rows, frame.height))

    def with_cells(self, frame: pl.DataFrame, name: str, cells: dict[int, Any]) -> pl.DataFrame:
        return frame.with_columns(_with_cells(frame[name], cells))

    def take(self, frame: pl.DataFrame, rows: list[int], reasons: pl.Series) -> pl.DataFrame:
        return frame[rows].with_columns(reasons.alias(REASONS))


def _all_but(rows: list[int], height: int) -> pl.Series:
    import polars as pl

    return pl.Series([True], dtype=pl.Boolean).new_from_index(0, height).scatter(rows, values=False)


def _with_cells(column: pl.Series, cells: dict[int, Any]) -> pl.Series:
    """A copy with some cells changed; of a wider type where the column's own cannot hold or take them."""
    import polars as pl

    try:
        return column.clone().scatter(list(cells), pl.Series(list(cells.values()), dtype=column.dtype))
    except (TypeError, pl.exceptions.PolarsError):
        values = column.to_list()
        for row, cell in cells.items():
            values[row] = cell
        return pl.Series(column.name, values, pl.Object if column.dtype == pl.Object else None, strict=False)


class _Arrow:
    """pyarrow in, pyarrow out; judged by way of polars, which shares its memory."""

    def to_polars(self, frame: Any) -> pl.DataFrame:
        import polars as pl

        table = pl.from_arrow(frame)
        assert isinstance(table, pl.DataFrame)
        return table

    def without(self, frame: Any, rows: list[int]) -> Any:
        return frame.filter(_all_but(rows, frame.num_rows).to_arrow())

    def with_cells(self, frame: Any, name: str, cells: dict[int, Any]) -> Any:
        import polars as pl

        place = frame.schema.get_field_index(name)
        before = pl.Series(name, pl.from_arrow(frame.column(place)))
        after = _with_cells(before, cells)
        column = after.to_arrow()
        if after.dtype == before.dtype:
            column = column.cast(frame.schema.field(place).type)
        return frame.set_column(place, frame.schema.field(place).with_type(column.type), column)

    def take(self, frame: Any, rows: list[int], reasons: pl.Series) -> Any:
        import pyarrow as pa

        reason = pa.list_(pa.struct({"rule_id": pa.string(), "field": pa.string(), "message": pa.string()}))
        taken = frame.take(pa.array(rows, pa.int64()))
        if REASONS in taken.column_names:
            taken = taken.drop_columns([REASONS])
        return taken.append_column(REASONS, reasons.to_arrow().cast(reason))


class _Pandas:
    """pandas in, pandas out; the index stays. Columns of mixed types are judged value by value."""

    def to_polars(self, frame: Any) -> pl.DataFrame:
        import polars as pl

        return pl.DataFrame([self._series(str(name), frame.iloc[:, i]) for i, name in enumerate(frame.columns)])

    def without(self, frame: Any, rows: list[int]) -> Any:
        return frame[_all_but(rows, len(frame)).to_numpy()]

    def with_cells(self, frame: Any, name: str, cells: dict[int, Any]) -> Any:
        place = [str(column) for column in frame.columns].index(name)
        changed = frame.copy()
        changed.isetitem(place, self._with_cells(frame.iloc[:, place], cells))
        return changed

    def take(self, frame: Any, rows: list[int], reasons: pl.Series) -> Any:
        import pandas as pd

        taken = frame.iloc[rows].copy()
        taken[REASONS] = pd.Series(reasons.to_list(), index=taken.index, dtype=object)
        return taken

    @staticmethod
    def _with_cells(column: Any, cells: dict[int, Any]) -> Any:
        """A copy with some cells changed; of type object where the column's own cannot hold them."""
        for changed in (column.copy(), column.astype(object)):
            try:
                for row, cell in cells.items():
                    changed.iat[row] = cell  # noqa: PD009 - `iloc` would spread a list over cells
            except (TypeError, ValueError):
                continue
            return changed
        raise AssertionError("a column of objects takes any cell")

    @staticmethod
    def _series(name: str, column: Any) -> pl.Series:
        """A column as polars has it, exactly: one whose types polars would make alike stays a column of objects."""
        import pandas as pd
        import polars as pl

        if column.dtype != object or pd.api.types.infer_dtype(column, skipna=True) in _ONE_KIND:
            with suppress(Exception):  # each version refuses foreign types and lone surrogates in its own way
                return pl.Series(name, pl.from_pandas(column, nan_to_null=True))
        cells = zip(column.tolist(), column.isna().tolist(), strict=True)
        return pl.Series(name, [None if is_null else _plain(cell) for cell, is_null in cells], dtype=pl.Object)


def _plain(cell: Any) -> Any:
    """A cell as a record would hold it: Parquet readers make arrays of lists of text."""
    kind = getattr(getattr(cell, "dtype", None), "kind", None)
    return cell.tolist() if kind in ("O", "U") else cell


_ONE_KIND = frozenset({"string", "boolean", "integer", "floating", "datetime", "datetime64", "empty"})
"""What pandas calls columns of objects that all are of one kind, nulls aside."""
