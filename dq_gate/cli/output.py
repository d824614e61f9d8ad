"""Printing: tables for people, stable JSON for programs. Nothing an input contains reaches the terminal raw."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from dq_gate.cli.options import OutputFormat
from dq_gate.cli.progress import clear
from dq_gate.core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from _typeshed import ReadableBuffer
    from rich.table import Table

PIPE_WIDTH = 200
"""Columns of a table that goes to no terminal."""
FOLDED = 16
"""Least width of a column whose words may be broken."""
_GAP = 3
"""Columns between two cells of a table."""


def safe(text: object) -> str:
    """Text that a terminal shows and does not obey: everything unprintable is escaped, as JSON does it."""
    return printable(str(text))


def dump(value: Any) -> str:
    """A value as one line of JSON, itself safe on a terminal."""
    import orjson

    try:
        return safe(orjson.dumps(value, default=str).decode())
    except TypeError:  # a lone surrogate or a huge number
        return safe(json.dumps(value, default=str))


def when(seconds: float) -> str:
    """A time as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def age(seconds: float, now: float) -> str:
    """How long ago something was, in one unit: 40s, 5m, 3h, 12d."""
    ago = max(0.0, now - seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if ago >= size:
            return f"{int(ago / size)}{unit}"
    return f"{int(ago)}s"


def say(line: str) -> None:
    """Print a line at once."""
    clear()
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Say something beside the output, on stderr."""
    clear()
    typer.echo(safe(text), err=True)


def ask(question: str, *, default: bool) -> bool:
    """Ask for yes or no on the terminal. Ctrl-C and the end of input are no answer: they end the command."""
    clear()
    try:
        return typer.confirm(safe(question), default=default, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None


def records_output() -> BinaryIO:
    """Standard output for records: as they are, but on a terminal made safe for it."""
    return _Terminal() if sys.stdout.isatty() else sys.stdout.buffer


class _Terminal(io.BytesIO):
    """Standard output where it is a terminal. Takes whole lines."""

    def write(self, data: ReadableBuffer, /) -> int:
        text = bytes(data).decode("utf-8", "backslashreplace")
        end = "\n" if text.endswith("\n") else ""
        clear()
        for line in text.removesuffix("\n").split("\n"):
            sys.stdout.write(safe(line.removesuffix("\r")) + end)
        return len(text)


def show(
    rows: Iterable[dict[str, Any]],
    format_: OutputFormat,
    columns: Sequence[str],
    *,
    empty: str,
    spare: Sequence[str] = (),
    folding: Sequence[str] = (),
) -> None:
    """Print rows: as a table of some columns, as a JSON array, or as JSON lines.

    Args:
        rows: Plain data, the same keys in each.
        format_: How.
        columns: Keys that the table shows.
        empty: What to say of no rows, in place of a table.
        spare: More keys, which the table shows where there is room for them, the first first.
        folding: Columns whose words may be broken where the table is too wide.
    """
    match format_:
        case OutputFormat.JSONL:
            for row in rows:
                typer.echo(dump(row))
        case OutputFormat.JSON:
            typer.echo(dump(list(rows)))
        case OutputFormat.TABLE:
            _show_table(list(rows), columns, spare, frozenset(folding), empty)


def show_one(record: dict[str, Any], format_: OutputFormat) -> None:
    """Print one object: as lines of name and value, or as JSON."""
    if format_ is not OutputFormat.TABLE:
        typer.echo(dump(record))
        return
    width = max(map(len, record), default=0)
    for name, value in record.items():
        for line, text in enumerate(_lines(value)):
            typer.echo(f"{'' if line else name:<{width}}  {text}")


def _show_table(
    rows: list[dict[str, Any]], columns: Sequence[str], spare: Sequence[str], folding: frozenset[str], empty: str
) -> None:
    """Print a table; where a terminal is too narrow to keep every word whole, one block a row."""
    from rich.console import Console

    if not rows:
        typer.echo(safe(empty))
        return
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    shown = list(columns)
    for column in spare:
        if _least_width(rows, [*shown, column], frozenset()) <= console.width:
            shown.append(column)
    if console.width >= _least_width(rows, shown, folding):
        console.print(_table(rows, shown, folding))
        return
    for number, row in enumerate(rows):
        if number:
            typer.echo()
        show_one({column: row[column] for column in shown}, OutputFormat.TABLE)


def _table(rows: list[dict[str, Any]], columns: Sequence[str], folding: frozenset[str]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        least = None if column in folding else _column_width(rows, column)
        is_number = isinstance(rows[0][column], (int, float))
        table.add_column(column, justify="right" if is_number else "left", overflow="fold", min_width=least)
    for row in rows:
        table.add_row(*(Text(_cell(row[column])) for column in columns))
    return table


def _least_width(rows: list[dict[str, Any]], columns: Sequence[str], folding: frozenset[str]) -> int:
    """Columns of a terminal that a table takes when its cells are broken between words only, or folded."""
    widths = [_column_width(rows, column) for column in columns]
    least = [min(FOLDED, width) if column in folding else width for column, width in zip(columns, widths, strict=True)]
    return sum(width + _GAP for width in least) - _GAP


def _column_width(rows: list[dict[str, Any]], column: str) -> int:
    """Width of a column's longest word."""
    return max(len(word) for row in rows for word in (column, *_cell(row[column]).split()))


def _lines(value: Any) -> list[str]:
    """A value as text: an item of a list on each line."""
    return [_cell(item) for item in value] if isinstance(value, list) and value else [_cell(value)]


def _cell(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return safe(", ".join(value))
    return safe(value) if isinstance(value, str) else dump(value)
