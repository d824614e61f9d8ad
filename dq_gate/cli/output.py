"""Printing: tables for people, stable JSON for programs. Nothing an input contains reaches the terminal raw."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

from dq_gate.cli.options import OutputFormat

PIPE_WIDTH = 200
"""Columns of a table that goes to no terminal."""


def safe(text: object) -> str:
    """Text that a terminal shows and does not obey: everything unprintable is escaped."""
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)


def when(seconds: float) -> str:
    """A time as RFC 3339 in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def dump(value: Any) -> str:
    """A value as one line of JSON."""
    import json

    import orjson

    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:
        return json.dumps(value, default=str)


def show(
    rows: Iterable[dict[str, Any]], format_: OutputFormat, columns: Sequence[str], *, empty: str, title: str = ""
) -> None:
    """Print rows: as a table of some columns, as a JSON array, or as JSON lines.

    Args:
        rows: Plain data, the same keys in each.
        format_: How.
        columns: Keys that the table shows.
        empty: What to say of no rows, on a table.
        title: Heading of the table.
    """
    match format_:
        case OutputFormat.JSONL:
            for row in rows:
                typer.echo(dump(row))
        case OutputFormat.JSON:
            typer.echo(dump(list(rows)))
        case OutputFormat.TABLE:
            _table(list(rows), columns, empty, title)


def show_one(record: dict[str, Any], format_: OutputFormat) -> None:
    """Print one object: as lines of name and value, or as JSON."""
    if format_ is not OutputFormat.TABLE:
        typer.echo(dump(record))
        return
    width = max(map(len, record), default=0)
    for name, value in record.items():
        typer.echo(f"{name:<{width}}  {_cell(value)}")


def note(text: str) -> None:
    """Say something beside the output, on stderr."""
    typer.echo(safe(text), err=True)


def _table(rows: list[dict[str, Any]], columns: Sequence[str], empty: str, title: str) -> None:
    if not rows:
        typer.echo(empty)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        is_number = isinstance(rows[0].get(column), (int, float))
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(row.get(column))) for column in columns))
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return safe(", ".join(value))
    if isinstance(value, (dict, list, tuple)):
        return safe(dump(value))
    return safe(value)
