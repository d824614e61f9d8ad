"""The labelled sets as cases: a text, whether it must pass or be caught, and how to know that a repair is right."""

from __future__ import annotations

import csv
import json
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled text.

    Attributes:
        number: Its place in its set or class.
        kind: A part of the set to report on its own.
        is_original: Whether a repaired text is what the damaged one once was.
    """

    text: str
    number: int
    kind: str = ""
    is_original: Callable[[str], bool] = lambda _: False


def read_rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def texts(path: Path, column: str = "text") -> Iterator[Case]:
    """Every row that must pass; rows for review do not count."""
    for number, row in enumerate(read_rows(path)):
        if row.get("expect") != "review" and row.get(column):
            yield Case(row[column], number)


def labelled(path: Path, expect: str) -> Iterator[Case]:
    """Rows that are to pass, or to be quarantined."""
    rows = (row for row in read_rows(path) if row["expect"] == expect)
    return (Case(_text(row), number) for number, row in enumerate(rows))


def with_spans(path: Path, types: frozenset[str]) -> Iterator[Case]:
    """Rows that hold something of certain types."""
    rows = (row for row in read_rows(path) if types & set(row["types"]))
    return (Case(_text(row), number) for number, row in enumerate(rows))


def _text(row: Row) -> str:
    """A row's text, put together where it was split to keep scanners of repositories quiet."""
    return row["text"] if "text" in row else "".join(row["text_parts"])


def table_rows(path: Path) -> Iterator[Case]:
    """Rows of a table as documents are made of them: a line for each column that has a value."""
    with path.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            yield Case("\n".join(f"{name}: {cell}" for name, cell in row.items() if cell), number)


def attacks(path: Path) -> Iterator[Case]:
    """The rows of each attack class that must be caught, with the clean texts they were made from."""
    rows = read_rows(path)
    originals = {_number(row): original for row in rows if (original := _inside_html(row))}
    for row in rows:
        if row["expect"] == "quarantine":
            number, kind = _number(row), row["attack_class"]
            yield Case(row["text"], number, kind, _origin_test(row, originals.get(number)))


def _number(row: Row) -> int:
    return int(row["id"].rpartition("-")[2])


def _inside_html(row: Row) -> str | None:
    """The clean text: the HTML class wraps it and leaves it as it is; rows of one number come from one text."""
    before, after = '<div class="q"><p>', "</p><br/></div>"
    text = row["text"]
    if row["attack_class"] == "html_tags" and text.startswith(before) and text.endswith(after):
        return text[len(before) : -len(after)]
    return None


def _origin_test(row: Row, original: str | None) -> Callable[[str], bool]:
    times = {"mojibake_cp1252": 1, "mojibake_double": 2}.get(row["attack_class"])
    if times:
        return lambda repaired: _misread(repaired, times) == row["text"]
    return lambda repaired: repaired == original


def _misread(text: str, times: int) -> str:
    """The damage itself, to prove a repair by doing it again."""
    for _ in range(times):
        text = text.encode().decode("cp1252", errors="ignore")
    return text


def mojibake(path: Path, *, hard: bool) -> Iterator[Case]:
    """Mojibake found in the wild, with the text it should have been."""
    rows = (row for row in read_rows(path) if row["label"] == "mojibake" and row["hard"] is hard)
    for number, row in enumerate(rows):
        yield Case(row["text"], number, is_original=lambda text, fixed=row["fixed"]: _plain(text) == _plain(fixed))


def mojibake_lookalikes(path: Path) -> Iterator[Case]:
    """Odd but undamaged text."""
    rows = (row for row in read_rows(path) if row["label"] == "clean")
    return (Case(row["text"], number) for number, row in enumerate(rows))


def _plain(text: str) -> str:
    """Text with quotation marks, ligatures and widths made one."""
    from ftfy import fixes

    text = fixes.fix_character_width(fixes.fix_latin_ligatures(fixes.uncurl_quotes(text)))
    return unicodedata.normalize("NFC", text)
