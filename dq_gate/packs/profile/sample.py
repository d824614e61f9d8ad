"""A sample of records as typed columns."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dq_gate.packs.types import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dq_gate.checks.base import FieldType

FEWEST = 2
"""One record shows nothing that holds of others."""
_MAX_FIELD_BYTES = 64
_CODE_DIGITS = 5
"""Whole numbers that all have so many digits, or more, are codes: 35233 is not one more than 35232."""
_FEWEST_CODES = 20
_FEWEST_BLOCKS = 5
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)?(\.[0-9]+)?([eE][-+]?[0-9]{1,3})?\Z")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[-+][0-9]{2}:[0-9]{2})?)?\Z"
)
_BOOLS = {"true": True, "false": False}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Sample:
    """Records that are all taken to be good.

    Attributes:
        rows: Evenly spread over the file.
        total: How many records there were.
        has_cells: Whether values are text cells whose types are to be found out, as in CSV.
    """

    rows: Sequence[Mapping[str, Any]]
    total: int
    has_cells: bool


def take_sample(records: Iterable[Mapping[str, Any]], *, at_most: int, has_cells: bool) -> Sample:
    """Keep every record, or every second, fourth, … so that no more than a number remain."""
    kept: list[Mapping[str, Any]] = []
    step, total = 1, 0
    for record in records:
        if total % step == 0:
            kept.append(record)
        total += 1
        if len(kept) > at_most:
            kept, step = kept[::2], step * 2
    return Sample(kept, total, has_cells)


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the sample.

    Attributes:
        name: The pack's name for it.
        source: The file's name for it.
        slug: Stands for it in rule ids and file names.
        values: One for each row, of the field's type or None.
        counts: Of the values that are there; empty where they cannot be counted or written down, such as lists.
    """

    name: str
    source: str
    slug: str
    type: FieldType
    values: tuple[Any, ...]
    counts: Counter[Any] = field(default_factory=Counter)

    @property
    def nulls(self) -> int:
        """Rows without a value."""
        return sum(value is None for value in self.values)

    @property
    def present(self) -> int:
        """Rows with a value."""
        return len(self.values) - self.nulls

    @property
    def is_unique(self) -> bool:
        """Whether no value comes twice."""
        return bool(self.counts) and len(self.counts) == self.counts.total()

    @property
    def comes_in_blocks(self) -> bool:
        """Whether equal values stand together, as in a file that is sorted by them."""
        blocks = sum(one != other for one, other in pairwise(self.values)) + 1
        return len(self.counts) >= _FEWEST_BLOCKS and blocks <= 2 * len(self.counts)

    def rows_where(self, is_novel: Callable[[Any], bool]) -> frozenset[int]:
        """Numbers of the rows that have a value of which something holds."""
        return frozenset(row for row, value in enumerate(self.values) if value is not None and is_novel(value))


def columns_of(sample: Sample) -> tuple[Column, ...]:
    """The columns of a sample, in the order they first come.

    Raises:
        ValueError: it holds too little to learn from.
    """
    if len(sample.rows) < FEWEST:
        raise ValueError(f"holds {'one record' if sample.rows else 'no record'}; a profile needs many")
    names = [name for name in dict.fromkeys(name for row in sample.rows for name in row) if _is_encodable(name)]
    if not names:
        raise ValueError("its records have no fields")
    slugs = _slugs(names)
    field_names = _field_names(names, slugs)
    return tuple(
        _column(field_names[name], name, slugs[name], [row.get(name) for row in sample.rows], sample.has_cells)
        for name in names
    )


def _column(name: str, source: str, slug: str, raw: list[Any], has_cells: bool) -> Column:  # noqa: FBT001 - private
    values = [None if _is_null(value) else value for value in raw]
    present = [value for value in values if value is not None]
    if has_cells:
        field_type, parse = _type_of_cells(present)
        values = [None if value is None else parse(value) for value in values]
    else:
        field_type = _type_of_values(present)
    counted = [value for value in values if value is not None]
    is_countable = field_type in _COUNTABLE and all(map(_is_encodable, counted))
    return Column(name, source, slug, field_type, tuple(values), Counter(counted if is_countable else ()))


def _is_encodable(value: Any) -> bool:
    """Whether a value can stand in a file: text with half a surrogate pair cannot."""
    try:
        return not isinstance(value, str) or value.encode() is not None
    except UnicodeEncodeError:
        return False


_COUNTABLE: frozenset[FieldType] = frozenset({"str", "int", "float", "bool", "datetime"})


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _type_of_cells(cells: list[str]) -> tuple[FieldType, Callable[[str], Any]]:
    """The narrowest type that all cells of a column have."""
    if not cells:
        return "str", str
    if all(map(_INT.match, cells)):
        return ("str", str) if _are_codes(cells) else ("int", int)
    if all(map(_is_float, cells)):
        return "float", float
    if all(cell.lower() in _BOOLS for cell in cells):
        return "bool", lambda cell: _BOOLS[cell.lower()]
    if all(map(_is_moment, cells)):
        return "datetime", datetime.fromisoformat
    return "str", str


def _are_codes(cells: list[str]) -> bool:
    return len(cells) >= _FEWEST_CODES and len(set(map(len, cells))) == 1 and len(cells[0]) >= _CODE_DIGITS


def _is_float(cell: str) -> bool:
    return bool(_FLOAT.match(cell)) and cell not in ("", "-") and math.isfinite(float(cell))


def _is_moment(cell: str) -> bool:
    if not _MOMENT.match(cell):
        return False
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return True


def _type_of_values(values: list[Any]) -> FieldType:
    """The first type of the pack language that all values have."""
    if not values:
        return "any"
    types = (name for name in _IN_ORDER if all(map(TYPES[name][1], values)))
    return next(types, "any")


_IN_ORDER: tuple[FieldType, ...] = ("str", "bool", "int", "float", "datetime", "vector", "list[str]", "object")


def _slugs(names: list[str]) -> dict[str, str]:
    """For each name one of lower-case ASCII letters, digits and _, all different."""
    slugs: dict[str, str] = {}
    for number, name in enumerate(names, start=1):
        ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        parted = _CAMEL.sub("_", ascii_name).lower()
        slug = re.sub(r"[^a-z0-9]+", "_", parted).strip("_")[:40]
        if not slug or not slug[0].isalpha():
            slug = f"column_{number}"
        slugs[name] = slug if slug not in slugs.values() else f"{slug}_{number}"
    return slugs


def _field_names(names: list[str], slugs: Mapping[str, str]) -> dict[str, str]:
    """The names themselves where a pack can have them."""
    is_legal = {
        name: bool(name.strip()) and len(name.encode()) <= _MAX_FIELD_BYTES and not _CONTROL.search(name)
        for name in names
    }
    taken = {name for name in names if is_legal[name]}
    return {
        name: name if is_legal[name] else slugs[name] if slugs[name] not in taken else f"{slugs[name]}_"
        for name in names
    }
