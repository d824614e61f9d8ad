"""Rules for whole batches: keys, shares of nulls, distributions, and the columns themselves."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from dq_gate.checks.distributions import COMPARED, reference_of
from dq_gate.checks.schemas import schema_of
from dq_gate.errors import MissingExtraError
from dq_gate.packs.profile.rules import Attachment, Candidate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import polars as pl

    from dq_gate.packs.profile.sample import Column

_FEWEST = 20
_FEWEST_COMPARED = 200
"""What the check `distribution` takes for too few by default."""
_MOST_DISTINCT = 0.3
"""Whole numbers with a larger share of distinct values are ids: later ones differ, and nothing is wrong with them."""
_DEVIATIONS = 4
_ROOM = 0.05
_EXPECTED_REPEATS = 3
"""Repeats that would be expected of numbers thrown at random, for their absence to mean anything."""
_has_space = re.compile(r"\s").search


def batch_rules(columns: Sequence[Column]) -> Iterator[Candidate]:
    """What holds of a batch; only repeated keys condemn rows of it."""
    for column in columns:
        if column.present >= _FEWEST and column.is_unique and _is_key(column):
            yield _unique(column)
        if 0 < column.nulls < len(column.values) and len(column.values) >= _FEWEST:
            yield _null_ratio(column)
    frame = _frame(columns)
    for column in columns:
        if _has_distribution(column):
            yield _distribution(column, frame[column.name])
    yield _schema(columns, frame)


def _is_key(column: Column) -> bool:
    """Whether it is no accident that nothing repeats: dense whole numbers, or text that is one word."""
    if column.type == "int":
        room = max(column.counts) - min(column.counts) + 1
        return column.present**2 >= _EXPECTED_REPEATS * 2 * int(room)
    return column.type == "str" and not any(map(_has_space, column.counts))


def _unique(column: Column) -> Candidate:
    first, second = sorted(column.counts)[:2]
    return Candidate(
        id=f"{column.slug}.value.unique",
        kind="batch",
        field=column.name,
        check="unique",
        options={},
        why=f"No value comes twice in {column.present} rows; it is a key.",
        passing=([first, second],),
        failing=([first, first],),
    )


def _null_ratio(column: Column) -> Candidate:
    rows = len(column.values)
    share = column.nulls / rows
    most = share + _DEVIATIONS * math.sqrt(share * (1 - share) / rows) + _ROOM
    limit = min(0.99, math.ceil(100 * most) / 100)
    return Candidate(
        id=f"{column.slug}.nulls.share",
        kind="batch",
        field=column.name,
        check="null_ratio",
        options={"max": limit},
        why=f"{column.nulls} of {rows} rows have no value.",
        passing=([],),
        failing=([None, None],),
        warns=True,
    )


def _has_distribution(column: Column) -> bool:
    if (
        column.type not in COMPARED
        or column.counts.total() < _FEWEST_COMPARED
        or column.is_unique
        or len(column.counts) == 1
    ):
        return False
    return column.type != "int" or len(column.counts) <= _MOST_DISTINCT * column.present


def _distribution(column: Column, values: pl.Series) -> Candidate:
    reference = reference_of(values, column.type)
    return Candidate(
        id=f"{column.slug}.values.drift",
        kind="batch",
        field=column.name,
        check="distribution",
        options={},
        why=f"How {column.present} values were spread; a batch that differs much comes from elsewhere, or went wrong.",
        passing=([],),
        attachment=Attachment("reference", f"{column.slug}.json", _json(reference), {"reference": reference}),
        warns=True,
    )


def _schema(columns: Sequence[Column], frame: pl.DataFrame) -> Candidate:
    schema = schema_of(frame)
    return Candidate(
        id="batch.columns.drift",
        kind="batch",
        field=None,
        check="schema_drift",
        options={},
        why=f"The {len(columns)} columns of the sample; one that is new, missing or of another type is a change at "
        "the source.",
        passing=([{column.name: None for column in columns}],),
        failing=([{f"{columns[0].name}_": 1}],),
        attachment=Attachment("reference", "batch.columns.json", _json(schema), {"reference": schema}),
        warns=True,
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _frame(columns: Sequence[Column]) -> pl.DataFrame:
    try:
        import polars as pl
    except ImportError:
        raise MissingExtraError("rules profile", "batch") from None
    return pl.DataFrame([_series(column) for column in columns])


def _series(column: Column) -> pl.Series:
    import polars as pl

    dtypes: dict[str, Any] = {
        "str": pl.String,
        "float": pl.Float64,
        "bool": pl.Boolean,
        "list[str]": pl.List(pl.String),
        "vector": pl.List(pl.Float64),
    }
    values = [_encodable(value) for value in column.values]
    try:
        if column.type in ("datetime", "int"):
            return pl.Series(column.name, values, strict=False)
        return pl.Series(column.name, values, dtype=dtypes.get(column.type, pl.Object), strict=False)
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        return pl.Series(column.name, values, dtype=pl.Object)


def _encodable(value: Any) -> Any:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
