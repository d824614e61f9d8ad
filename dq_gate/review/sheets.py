"""Exports for sheets and analyses: rows of flat columns, as CSV that no spreadsheet calculates, or as Parquet."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, BinaryIO

from dq_gate.core.printable import printable
from dq_gate.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa

COLUMNS = (
    "id", "state", "created_at", "source", "pack", "rules", "reasons", "group", "attempts", "seen", "replayable",
    "verdict", "waived", "last_action", "last_who", "last_at", "payload", "problem",
)  # fmt: skip
MAX_CELL = 32_767
"""Characters that a cell of Excel holds."""
ROWS_AT_ONCE = 1_000
_CALCULATED = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula, full-width forms included."""
_LISTS = frozenset({"rules", "reasons", "waived"})
_NUMBERS = frozenset({"attempts", "seen"})


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `transfer.exported` as columns: plain values and lists of text."""
    deciding = (v["rule_id"] for v in row["violations"] if v["on_fail"] == "quarantine")
    last = row["history"][-1] if row["history"] else {"action": None, "who": None, "at": None}
    return {name: row[name] for name in COLUMNS if name in row} | {
        "rules": list(dict.fromkeys(deciding)),
        "reasons": [f"{v['rule_id']}: {v['message']}" for v in row["violations"]],
        "waived": [waiver["rule_id"] for waiver in row["waivers"]],
        "last_action": last["action"],
        "last_who": last["who"],
        "last_at": last["at"],
        "payload": None if row["payload"] is None else json.dumps(row["payload"], ensure_ascii=False),
    }


def write_csv(stream: BinaryIO, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as CSV that Excel and its like open as it is meant: UTF-8 with a mark, CRLF, every cell quoted.

    A cell that would be calculated gets a ' before it; an unprintable character is written as JSON writes it; a cell
    longer than Excel takes is cut and ends in an ellipsis.

    Returns:
        How many rows there were.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=True)
    try:
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        count = 0
        for row in rows:
            cells = flat(row)
            writer.writerow([cell(cells[name]) for name in COLUMNS])
            count += 1
        return count
    finally:
        text.detach()  # the stream is the caller's


def cell(value: Any) -> str:
    """A value as a cell of a sheet that shows it and does not calculate it."""
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        value = "; ".join(map(str, value))
    text = printable(str(value))
    if str(value).lstrip(" ").startswith(_CALCULATED):
        text = f"'{text}"
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}\u2026"


def write_parquet(stream: BinaryIO, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as Parquet, some at a time: text, lists of text, whole numbers, times in UTC.

    Returns:
        How many rows there were.

    Raises:
        MissingExtraError: the extra `batch` is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("Parquet", "batch") from None
    schema = _schema(pa)
    count = 0
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for part in _parts(rows):
            writer.write_table(pa.Table.from_pylist(part, schema=schema))
            count += len(part)
    return count


def _schema(pa: Any) -> pa.Schema:
    kinds = dict.fromkeys(_LISTS, pa.list_(pa.string())) | dict.fromkeys(_NUMBERS, pa.int64())
    kinds |= {"created_at": pa.timestamp("us", "UTC"), "last_at": pa.timestamp("us", "UTC"), "replayable": pa.bool_()}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])


def _parts(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    from datetime import datetime

    part: list[dict[str, Any]] = []
    for row in rows:
        cells = flat(row)
        for name in ("created_at", "last_at"):
            cells[name] = None if cells[name] is None else datetime.fromisoformat(cells[name])
        part.append({name: _encodable(value) for name, value in cells.items()})
        if len(part) == ROWS_AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _encodable(value: Any) -> Any:
    """Text without lone surrogates, which Arrow refuses."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
