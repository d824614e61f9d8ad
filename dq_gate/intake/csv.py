"""CSV to records. A row that does not read costs itself, never the rows after it."""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from dq_gate.errors import UnreadableInputError
from dq_gate.intake.lines import MAX_LINE_BYTES, Line, read_lines
from dq_gate.intake.records import Broken, Item, Row, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINES_PER_ROW = 200
"""How many lines a quoted cell may span before its opening quote counts as stray."""

csv.field_size_limit(64 * 1024 * 1024)


def read_csv(stream: BinaryIO, shape: Shape, *, delimiter: str = ",") -> Iterator[Item]:
    """Every row under the header as a record.

    Raises:
        UnreadableInputError: the header is no UTF-8 or names a column twice.
    """
    lines = _Lines(read_lines(stream))
    header_lines = lines.next_row()
    if header_lines is None:
        return
    header = _header(header_lines, delimiter)
    while (row_lines := lines.next_row()) is not None:
        if row_lines[0].data.strip():
            yield _item(row_lines, header, shape, delimiter, lines)


class _Lines:
    """Physical lines, with those handed back read first."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._handed_back: deque[Line] = deque()

    def next_row(self) -> list[Line] | None:
        """The lines of one row: more than one while a quote stands open."""
        row: list[Line] = []
        is_open = False
        while len(row) < MAX_LINES_PER_ROW and sum(line.size for line in row) < MAX_LINE_BYTES:
            line = self._handed_back.popleft() if self._handed_back else next(self._lines, None)
            if line is None:
                break
            row.append(line)
            is_open ^= line.data.count(b'"') % 2 == 1
            if not is_open:
                return row
        return row or None

    def hand_back(self, lines: list[Line]) -> None:
        """Have these lines read again, as rows of their own."""
        self._handed_back.extendleft(reversed(lines))


def _header(lines: list[Line], delimiter: str) -> list[str]:
    data = b"\n".join(line.data for line in lines)
    try:
        names = _cells(data.decode("utf-8-sig"), delimiter)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableInputError(f"the header is no UTF-8 CSV row: {type(error).__name__}") from None
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UnreadableInputError(f"the header names the column {twice[:64]!r} twice; give each column its own name")
    return names


def _item(lines: list[Line], header: list[str], shape: Shape, delimiter: str, source: _Lines) -> Item:
    first = lines[0]
    try:
        cells = _cells("\n".join(line.data.decode("utf-8") for line in lines), delimiter)
    except UnicodeDecodeError as error:
        reason = f"not UTF-8 at byte {error.start}"
    except csv.Error as error:
        reason = f"not CSV: {error}"
    else:
        if len(cells) == len(header) and not any(line.is_cut for line in lines):
            by_name = dict(zip(header, cells, strict=True))
            return Row(first.number, shape.from_cells(by_name), by_name)
        reason = f"{len(cells)} cells where the header has {len(header)}"
    if len(lines) > 1:
        source.hand_back(lines[1:])
        reason = "a quote is never closed"
    return Broken(first.number, first.data, reason)


def _cells(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter, strict=True), [])
