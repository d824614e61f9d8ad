"""Parquet files, read and written in pieces: a file may be larger than memory."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from dq_gate.errors import MissingExtraError, UnreadableInputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import pyarrow as pa

PIECE_ROWS = 65_536
PIECE_BYTES = 64 * 1024 * 1024
"""A piece holds about so much, however long its rows are."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A Parquet file.

    Attributes:
        schema: Its columns.
        rows: How many rows it has.
        tables: Its rows, as pyarrow tables, in order. To be read once.
    """

    schema: pa.Schema
    rows: int
    tables: Iterator[pa.Table]


def read_parquet(stream: BinaryIO, name: str, *, whole: bool = False) -> Pieces:
    """Open a Parquet file.

    Args:
        stream: Opened for reading, and able to seek.
        name: For errors.
        whole: Give all rows as one table, whatever memory that takes.

    Raises:
        UnreadableInputError: it is no Parquet file, or a pipe.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("Parquet", extra="batch") from None
    if not stream.seekable():
        raise UnreadableInputError(f"{name}: Parquet cannot be read from a pipe; name a file")
    try:
        file = pq.ParquetFile(stream)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableInputError(f"{name}: is no Parquet file that can be read: {_one_line(error)}") from None
    size = max(1, file.metadata.num_rows) if whole else _rows_of_a_piece(file.metadata)
    return Pieces(file.schema_arrow, file.metadata.num_rows, _tables(file, size, name))


def _tables(file: Any, size: int, name: str) -> Iterator[pa.Table]:
    import pyarrow as pa

    try:
        for batch in file.iter_batches(batch_size=size):
            yield pa.Table.from_batches([batch], schema=file.schema_arrow)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableInputError(f"{name}: is damaged: {_one_line(error)}") from None


def _rows_of_a_piece(metadata: Any) -> int:
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    size: int = sum(group.total_byte_size for group in groups)
    average = max(1, size // max(1, int(metadata.num_rows)))
    return max(1, min(PIECE_ROWS, PIECE_BYTES // average))


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


class ParquetWriter:
    """Writes tables of one schema into a Parquet file. Leaving it finishes the file.

    Args:
        stream: Where to.
        schema: The columns.
    """

    def __init__(self, stream: BinaryIO, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._schema = schema
        self._writer = pq.ParquetWriter(stream, schema)

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self._writer.write_table(table.cast(self._schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError) if error is not None else nullcontext():  # what went wrong first is what counts
            self._writer.close()
