"""Records as a frame: what the batch plane's rules see of input that comes one by one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dq_gate.packs.types import TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from dq_gate.checks.base import FieldType
    from dq_gate.packs.compile import CompiledPack


def table_of(pack: CompiledPack, records: Sequence[Mapping[Any, Any]]) -> pl.DataFrame:
    """The records as rows, under the pack's field names; fields that it does not name keep theirs.

    A value that is not of its field's type is null here: as such it fails a rule of its own. Lone surrogates become
    U+FFFD.
    """
    import polars as pl

    canonical = {name: field.name for field in pack.plan.fields for name in (*field.aliases, field.name)}
    rows = [
        {canonical.get(name, name): value for name, value in record.items() if isinstance(name, str)}
        for record in records
    ]
    names = dict.fromkeys(name for row in rows for name in row)
    types = {field.name: pack.specs[field.name].type for field in pack.plan.fields}
    return pl.DataFrame([_column(name, types.get(name, "any"), [row.get(name) for row in rows]) for name in names])


def _is_name(key: Any) -> bool:
    return isinstance(key, str)


def _column(name: str, kind: FieldType, values: list[Any]) -> pl.Series:
    import polars as pl

    dtypes: dict[FieldType, Any] = {
        "str": pl.String,
        "int": pl.Int64,
        "float": pl.Float64,
        "bool": pl.Boolean,
        "datetime": pl.Datetime("us", "UTC"),
        "list[str]": pl.List(pl.String),
        "vector": pl.List(pl.Float64),
    }
    if kind not in dtypes:
        return _inferred(name, values)
    fits = TYPES[kind][1]
    kept = [_plain(value) if value is not None and fits(value) else None for value in values]
    return pl.Series(name, kept, dtype=dtypes[kind], strict=False)


def _inferred(name: str, values: list[Any]) -> pl.Series:
    """A column of whatever type its values share; without one, of Python objects."""
    import polars as pl

    if any(isinstance(value, Mapping) for value in values):  # a struct has the keys of its first row only
        return pl.Series(name, values, dtype=pl.Object)
    try:
        return pl.Series(name, [_plain(value) for value in values])
    except Exception:  # noqa: BLE001 - polars has an error of its own for every way not to fit
        return pl.Series(name, values, dtype=pl.Object)


def _plain(value: Any) -> Any:
    """A value as polars takes it."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
