"""Values that a batch may have only once."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StrictStr

from dq_gate.checks.base import CompiledFrame, Context, Options, check
from dq_gate.checks.columns import judged_fields, keys
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from dq_gate.checks.base import FieldType

_ACCEPTS: tuple[FieldType, ...] = ("str", "int", "float", "bool", "datetime")
_DIGEST_BYTES = 16
_KEY = "dq_key"
_FINDING = Finding("repeats the value of an earlier row")
_COMBINATION = Finding("repeats the values of an earlier row")


class UniqueOptions(Options):
    """What is compared.

    Attributes:
        fields: The fields whose combination counts; None for a rule of one field.
    """

    fields: Annotated[list[StrictStr], Field(min_length=1)] | None = None


@check(
    "unique",
    UniqueOptions,
    accepts=_ACCEPTS,
    subject="either",
    planes=("batch",),
    with_context=True,
    passes=(
        ({}, ["a", "b", "A", None, None]),
        ({"fields": ["doc", "page"]}, [{"doc": "a", "page": 1}, {"doc": "a", "page": 2}]),
    ),
    fails=(
        ({}, ["a", "b", "a"]),
        ({"fields": ["doc", "page"]}, [{"doc": "a", "page": 1}, {"doc": "b", "page": 1}, {"doc": "a", "page": 1}]),
    ),
)
def unique(options: UniqueOptions, context: Context) -> CompiledFrame:
    """No value, or combination of values, comes twice in a batch.

    Options:
        fields: the fields whose combination is to be unique, in a rule that names no `field`.

    The first row with a value passes; every later one fails. Nulls are not compared, nor is a combination with a
    null in it. Comparison is exact: case and white space count; numbers compare by value (`1` is `1.0`), moments as
    moments, those without a time zone as UTC. A batch that comes in several frames is remembered by digests of 128
    bits, about 100 bytes a row.
    """
    fields = judged_fields(context, options.fields, _ACCEPTS)
    types = {name: context.fields[name] for name in fields}
    return CompiledFrame(lambda: _Repeats(types))


class _Repeats:
    """One batch. The first frame is only digested when a second one comes: most batches are one frame."""

    def __init__(self, types: Mapping[str, FieldType]) -> None:
        self._types = types
        self._finding = _FINDING if len(types) == 1 else _COMBINATION
        self._undigested: pl.Series | None = None
        self._seen: set[bytes] = set()

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        key = _combined_key(frame, self._types)
        is_first = key.is_first_distinct()
        repeated = (~is_first & key.is_not_null()).arg_true().to_list()
        fresh = is_first & key.is_not_null()
        if self._undigested is None and not self._seen:
            self._undigested = key.filter(fresh)
            return dict.fromkeys(repeated, self._finding)
        if self._undigested is not None:
            self._seen.update(map(_digest, self._undigested))
            self._undigested = None
        return dict.fromkeys(sorted(repeated + self._known(key, fresh)), self._finding)

    def end(self) -> Finding | None:
        return None

    def _known(self, key: pl.Series, fresh: pl.Series) -> list[int]:
        """Rows whose key an earlier frame had; the keys of the others are remembered."""
        known = []
        for row, text in zip(fresh.arg_true().to_list(), key.filter(fresh), strict=True):
            digest = _digest(text)
            if digest in self._seen:
                known.append(row)
            else:
                self._seen.add(digest)
        return known


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()


def _combined_key(frame: pl.DataFrame, types: Mapping[str, FieldType]) -> pl.Series:
    """One text a row that tells combinations apart: each value behind its length. Null if one value is."""
    import polars as pl

    columns = [keys(frame, name, field_type) for name, field_type in types.items()]
    if len(columns) == 1:
        return columns[0].alias(_KEY)
    parts = pl.DataFrame([values.alias(str(number)) for number, values in enumerate(columns)])
    behind_length = [part for name in parts.columns for part in (pl.col(name).str.len_bytes(), pl.col(name))]
    return parts.select(pl.concat_str(behind_length, separator=":").alias(_KEY)).to_series()
