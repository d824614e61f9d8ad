"""CSV to records. A row that does not read costs itself, never the rows after it."""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from dq_gate.errors import UnreadableInputError
from dq_gate.intake.lines import MAX_LINE_BYTES, Line, read_lines
from dq_gate.intake.records import Broken, ClashingNamesError, Item, Records, Row, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINES_PER_ROW = 200
"""How many lines a quoted cell may span before its opening quote counts as stray."""

csv.field_size_limit(64 * 1024 * 1024)


def read_csv(stream: BinaryIO, shape: Shape) -> Records:
    """Every row under the header as a record; empty lines are passed over.

    Raises:
        UnreadableInputError: the header is no UTF-8, names a column twice, or two columns for one field.
    """
    lines = _Lines(read_lines(stream))
    header = lines.next_row()
    if header is None:
        return Records(b"", iter(()))
    return Records(_raw(header), _items(lines, _names(header, shape), shape))


def _items(lines: _Lines, names: list[str], shape: Shape) -> Iterator[Item]:
    while (row := lines.next_row()) is not None:
        yield _item(row, names, shape, lines)


class _Lines:
    """Physical lines, with those handed back read first."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._handed_back: deque[Line] = deque()

    def next_row(self) -> list[Line] | None:
        """The lines of one row: more than one while a quote stands open; empty lines between rows are no rows."""
        row: list[Line] = []
        is_open = False
        while len(row) < MAX_LINES_PER_ROW and sum(line.size for line in row) < MAX_LINE_BYTES:
            line = self._handed_back.popleft() if self._handed_back else next(self._lines, None)
            if line is None:
                break
            if not row and not line.data:
                continue
            row.append(line)
            is_open ^= line.data.count(b'"') % 2 == 1
            if not is_open:
                return row
        return row or None

    def hand_back(self, lines: list[Line]) -> None:
        """Have these lines read again, as rows of their own."""
        self._handed_back.extendleft(reversed(lines))


def _names(lines: list[Line], shape: Shape) -> list[str]:
    """The header's names."""
    try:
        names = _cells(_raw(lines).decode("utf-8-sig"))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableInputError(f"the header is no UTF-8 CSV row: {type(error).__name__}") from None
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UnreadableInputError(f"the header names the column {twice[:64]!r} twice; give each column its own name")
    try:
        shape.from_cells(dict.fromkeys(names, ""))
    except ClashingNamesError as error:
        raise UnreadableInputError(f"the header {error}") from None
    return names


def _item(lines: list[Line], names: list[str], shape: Shape, source: _Lines) -> Item:
    number, raw = lines[0].number, _raw(lines)
    try:
        cells = _cells_of(lines, raw)
    except csv.Error as error:
        if len(lines) == 1:
            return Broken(number, lines[0].data, _reason(error))
        source.hand_back(lines[1:])  # the quote that held them together was a stray one
        return _item(lines[:1], names, shape, source)
    data = raw.removesuffix(lines[-1].end)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return Broken(number, data, f"not UTF-8 at byte {error.start}")
    if len(cells) != len(names):
        return Broken(number, data, f"{len(cells)} cells where the header has {len(names)}")
    by_name = dict(zip(names, cells, strict=True))
    return Row(number, shape.from_cells(by_name), raw, by_name)


def _raw(lines: list[Line]) -> bytes:
    return b"".join(line.data + line.end for line in lines)


def _cells_of(lines: list[Line], raw: bytes) -> list[str]:
    """The cells of a row; bytes that are no UTF-8 show as surrogates, so that they do not hide its structure."""
    if any(line.is_cut for line in lines):
        raise csv.Error(f"{lines[0].size} bytes are too long for a line")
    return _cells(raw.decode("utf-8", "surrogateescape"))


def _cells(text: str) -> list[str]:
    return next(csv.reader([text], strict=True), [])


def _reason(error: csv.Error) -> str:
    return {"unexpected end of data": "a quote is never closed"}.get(str(error), str(error))
