"""First looks at a text column that read its memory as plain bytes, in one pass, instead of row by row.

polars keeps a column of text as views: per row its length, and either the text itself (12 bytes at most) or where in
a few large buffers it lies. Those buffers can be searched as if all texts were one; what is found is traced back to
its row. Short texts are never searched: they are listed, for the caller to look at.

Two searches go this way. One byte comparison shows which rows are more than printable ASCII: it takes a sixth of the
time of one regular expression, and spares all rules that pass printable ASCII their pass over these rows. Hyperscan
finds many expressions at once, at half the time; it is optional, and without it polars does the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import polars as pl

_INLINE = 12
"""Longest text, in bytes, that stands in its view."""
_BLOCK = 256 * 1024
"""Bytes looked at in one go: what stays in the processor's cache."""
_SPACE, _PRINTABLE = 0x20, 0x7E - 0x20
_FEW = 8
"""A scan is given up, as no gain, when it finds more than one place in so many rows."""


def not_printable_ascii(column: pl.Series) -> pl.Series | None:
    """Numbers of all rows that have a character outside printable ASCII, and of all short ones.

    Args:
        column: Text, nulls included.

    Returns:
        Row numbers in ascending order, or None where the column is not laid out row after row, so that it is better
        searched in another way, or where the libraries that show its memory are not installed.
    """
    return _rows_with(column, _odd_bytes)


def byte_scanner(expressions: Sequence[str], *, ignore_case: bool) -> Callable[[pl.Series], pl.Series | None] | None:
    """A search for rows of ASCII text that one of several expressions may match.

    Args:
        expressions: As `dialect.to_scan` writes them.
        ignore_case: Letters match in either case.

    Returns:
        As `not_printable_ascii`, for rows in which a match ends; None where Hyperscan is not installed or does not
        take the expressions.
    """
    try:
        import hyperscan
    except ImportError:
        return None
    flags = hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_CASELESS if ignore_case else 0)
    database: Any = hyperscan.Database()
    try:
        database.compile(expressions=[text.encode() for text in expressions], flags=[flags] * len(expressions))
    except hyperscan.error:
        return None

    def scan(column: pl.Series) -> pl.Series | None:
        most = len(column) // _FEW
        found: list[int] = []

        def note(_id: int, _start: int, end: int, _flags: int, _context: Any) -> bool:
            found.append(end - 1)
            return len(found) > most

        def ends(text: np.ndarray) -> np.ndarray:
            import numpy as np

            found.clear()
            database.scan(text, note, scratch=hyperscan.Scratch(database))  # a scratch serves one thread at a time
            return np.array(found, np.int64)

        try:
            return _rows_with(column, ends)
        except hyperscan.ScanTerminated:
            return None

    return scan


def _rows_with(column: pl.Series, find: Callable[[np.ndarray], np.ndarray]) -> pl.Series | None:
    """Numbers of the rows in which something is found, and of all short ones."""
    try:
        import numpy as np
        import polars as pl
        import pyarrow as pa  # noqa: F401 - polars needs it to hand out its memory
    except ImportError:
        return None
    found = [np.empty(0, np.int64)]
    first = 0
    for chunk in column.get_chunks():
        rows = _rows_of_chunk(chunk, find)
        if rows is None:
            return None
        found.append(rows + first)
        first += chunk.len()
    return pl.Series(np.concatenate(found), dtype=pl.UInt32)


def _rows_of_chunk(chunk: pl.Series, find: Callable[[np.ndarray], np.ndarray]) -> np.ndarray | None:
    import numpy as np
    import polars as pl

    array: Any = chunk.to_arrow(compat_level=pl.CompatLevel.newest())
    _, view_buffer, *buffers = array.buffers()
    view = np.dtype([("length", "<i4"), ("prefix", "<u4"), ("buffer", "<i4"), ("offset", "<i4")])
    views = np.frombuffer(view_buffer, view)[array.offset : array.offset + len(array)]
    is_short = views["length"] <= _INLINE
    long_rows = np.flatnonzero(~is_short)
    bases = np.cumsum([0, *(buffer.size for buffer in buffers)])
    starts = bases[views["buffer"][long_rows]] + views["offset"][long_rows]
    ends = starts + views["length"][long_rows]
    if (starts[1:] < ends[:-1]).any() or 2 * (ends - starts).sum() < bases[-1]:
        return None
    if not len(long_rows):
        return np.flatnonzero(is_short)
    found = [find(np.frombuffer(buffer, np.uint8)) + base for buffer, base in zip(buffers, bases, strict=False)]
    places = np.concatenate(found)
    nearest = np.searchsorted(starts, places, side="right") - 1
    is_inside = (nearest >= 0) & (places < ends[nearest])
    return np.union1d(np.flatnonzero(is_short), long_rows[nearest[is_inside]])


def _odd_bytes(text: np.ndarray) -> np.ndarray:
    """Where in a buffer the bytes are that are no printable ASCII."""
    import numpy as np

    found = [np.empty(0, np.int64)]
    shifted, is_odd = np.empty(_BLOCK, np.uint8), np.empty(_BLOCK, bool)
    for start in range(0, len(text), _BLOCK):
        block = text[start : start + _BLOCK]
        size = len(block)
        np.subtract(block, _SPACE, out=shifted[:size])  # what lies below wraps around
        np.greater(shifted[:size], _PRINTABLE, out=is_odd[:size])
        if is_odd[:size].any():
            found.append(np.flatnonzero(is_odd[:size]) + start)
    return np.concatenate(found)
