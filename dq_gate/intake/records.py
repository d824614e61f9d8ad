"""What reading a file gives: rows, and lines that are no rows; and how text becomes a field's type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dq_gate.core.decide import RECORD
from dq_gate.core.model import Violation
from dq_gate.errors import UnreadableInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SYNTAX_RULE = "record.syntax"
_INT = re.compile(r"[-+]?[0-9]{1,4000}\Z")
_FLOAT = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,4})?\Z")
_BOOLS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Row:
    """A record of the file.

    Attributes:
        number: The line it begins on, from 1.
        value: The record to judge: usually a mapping; a JSON line may hold anything.
        source: The row as it stands in the file, with its end.
        cells: A CSV row's cells by column name.
    """

    number: int
    value: Any
    source: bytes
    cells: dict[str, str] | None = None

    @property
    def end(self) -> bytes:
        """What ends it: CRLF where the file has that, else LF."""
        return b"\r\n" if self.source.endswith(b"\r\n") else b"\n"


@dataclass(frozen=True, slots=True)
class Broken:
    """A line, or a CSV row of several, that is no record.

    Attributes:
        number: The line it begins on, from 1.
        data: Its bytes.
        reason: Why, without its content.
    """

    number: int
    data: bytes
    reason: str

    @property
    def record(self) -> dict[str, Any]:
        """What the quarantine keeps of it."""
        return {"line": self.number, "bytes": self.data}

    @property
    def violation(self) -> Violation:
        """What the quarantine says of it."""
        message = f"line {self.number} is no record: {self.reason}"
        return Violation(SYNTAX_RULE, RECORD, "syntax", "quarantine", message)


Item = Row | Broken


@dataclass(frozen=True, slots=True)
class Records:
    """What a file holds.

    Attributes:
        header: What stands above the rows: a CSV file's header with its end; empty for JSON Lines.
        items: The rows, and the lines that are none. To be read once.
    """

    header: bytes
    items: Iterator[Item]


class ClashingNamesError(ValueError):
    """Two of a record's names stand for the same field of the pack."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file's rows become records.

    Attributes:
        types: The pack's field types by name.
        renames: The file's names to the pack's.
        only_field: The field that a bare string stands for, when there is exactly one required.
    """

    types: Mapping[str, str]
    renames: Mapping[str, str]
    only_field: str | None

    def from_json(self, value: Any) -> Any:
        """A record from a JSON value."""
        if isinstance(value, str) and self.only_field is not None:
            return {self.only_field: value}
        if not isinstance(value, dict):
            return value
        return {name: self._datetime(name, item) for name, item in self._renamed(value).items()}

    def from_cells(self, cells: dict[str, str]) -> dict[str, Any]:
        """A record from a row of text cells: an empty cell is null, the others are parsed by declared type."""
        return {name: parse_cell(cell, self.types.get(name, "str")) for name, cell in self._renamed(cells).items()}

    def names(self, theirs: Sequence[str]) -> list[str]:
        """The pack's names for a table's columns.

        Raises:
            UnreadableInputError: two columns stand for one field.
        """
        names = [self.renames.get(name, name) for name in theirs]
        for name in names:
            if names.count(name) > 1:
                raise UnreadableInputError(f"two columns stand for the field {name!r}; map one of them elsewhere")
        return names

    def back(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record under the file's own names."""
        names = {ours: theirs for theirs, ours in self.renames.items()}
        return {names.get(name, name): value for name, value in record.items()}

    def _renamed(self, record: dict[str, Any]) -> dict[str, Any]:
        if not self.renames:
            return record
        renamed = {self.renames.get(name, name): value for name, value in record.items()}
        if len(renamed) < len(record):
            names = [self.renames.get(name, name) for name in record]
            twice = next(name for name in self.renames.values() if names.count(name) > 1)
            raise ClashingNamesError(f"has two names that stand for the field {twice!r}; map one of them elsewhere")
        return renamed

    def _datetime(self, name: str, value: Any) -> Any:
        return _parse_datetime(value) if isinstance(value, str) and self.types.get(name) == "datetime" else value


def parse_cell(cell: str, type_: str) -> Any:
    """A cell as its declared type; text that does not parse stays text, and fails the type."""
    if cell == "":
        return None
    match type_:
        case "int":
            return int(cell) if _INT.match(cell) else cell
        case "float":
            return float(cell) if _FLOAT.match(cell) else cell
        case "bool":
            return _BOOLS.get(cell.lower(), cell)
        case "datetime":
            return _parse_datetime(cell)
        case "list[str]" | "vector" | "object":
            return _parse_json(cell)
        case _:
            return cell


def _parse_datetime(text: str) -> Any:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _parse_json(text: str) -> Any:
    import orjson

    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
