"""Columns that are no longer those of a reference."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import StrictStr

from dq_gate.checks.base import CompiledFrame, Context, Options, check
from dq_gate.checks.schemas import ColumnCounts, Schema, parse_schema
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import polars as pl

_MOST = 0.5
"""The share of values that have to be as the reference has them."""
_NAMED = 8
"""Columns that a finding names; the others are counted."""
_SHORTEST_PREFIX = 3


class SchemaDriftOptions(Options):
    """What the columns are held against.

    Attributes:
        reference: A file beside the pack, or what would stand in it; None for the pack's own fields.
    """

    reference: StrictStr | dict[str, Any] | None = None


_SAMPLE = {"id": "int", "seen": "str"}


@check(
    "schema_drift",
    SchemaDriftOptions,
    accepts=(),
    subject="record",
    planes=("batch",),
    with_context=True,
    passes=(({"reference": _SAMPLE}, [{"id": 1, "seen": "today"}, {"id": 2, "seen": None}]),),
    fails=(
        ({"reference": _SAMPLE}, [{"id": 1}]),
        ({"reference": _SAMPLE}, [{"id": "1", "seen": "today"}]),
        ({"reference": _SAMPLE}, [{"id": 1, "seen": "today", "by": "me"}]),
    ),
)
def schema_drift(options: SchemaDriftOptions, context: Context) -> CompiledFrame:
    """A batch has the columns of a reference, of the same types and written alike.

    Options:
        reference: a JSON file beside the pack, or its content: `{column: type}`, or what `rules profile` writes.
            Default: the fields of the pack.

    What fails is the batch, not a row of it: for columns that are missing, new, mostly of another type, or, in a
    reference that was profiled, mostly written in another form, such as dates in another order. The finding names the
    reference's columns. New ones are named by the input, so they are counted, with a digest that tells one set of
    names from another; a missing column for which one came of a similar name is marked. A column without values is of
    any type; whole numbers are of type float too.

    To follow a source from file to file, profile each file that was accepted into the same reference: the pack's
    digest changes with it, and a reload takes it up.
    """
    given = options.reference
    if given is None:
        schema = parse_schema(dict(context.fields))
    else:
        schema = parse_schema(context.read(given) if isinstance(given, str) else given)
    return CompiledFrame(lambda: _Comparison(schema))


class _Comparison:
    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._seen: dict[str, ColumnCounts] = {}
        self._looked = False

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        self._looked = True
        for name in frame.columns:
            counts = self._seen.setdefault(name, ColumnCounts())
            if name in self._schema.columns:
                counts.add(frame[name])
        return {}

    def end(self) -> Finding | None:
        changes = list(self._changes()) if self._looked else []
        return Finding(f"the columns have changed: {'; '.join(changes)}") if changes else None

    def _changes(self) -> Iterator[str]:
        expected = self._schema.columns
        new = sorted(self._seen.keys() - expected.keys())
        missing = [name for name in expected if name not in self._seen]
        if missing:
            marked = [f"{name} (renamed?)" if any(_alike(name, other) for other in new) else name for name in missing]
            yield f"missing: {_some(marked)}"
        if new:
            yield f"new: {len(new)} (names {_digest(new)})"
        found = {name: counts for name, counts in self._seen.items() if name in expected}
        retyped = [name for name, counts in found.items() if counts.share_of_type(expected[name].type) < _MOST]
        if retyped:
            yield "of another type: " + _some([f"{name} ({found[name].type()})" for name in retyped])
        rewritten = [
            name
            for name, counts in found.items()
            if name not in retyped and counts.share_of_form(expected[name].form) < _MOST
        ]
        if rewritten:
            yield f"written in another form: {_some(rewritten)}"


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _digest(names: Iterable[str]) -> str:
    return sha256("\0".join(names).encode(errors="surrogatepass")).hexdigest()[:8]


def _alike(one: str, other: str) -> bool:
    """Whether two names differ in case, punctuation or an abbreviation only: `Province/State`, `province_state`."""
    short, long = sorted(("".join(filter(str.isalnum, name.casefold())) for name in (one, other)), key=len)
    return short == long or (len(short) >= _SHORTEST_PREFIX and long.startswith(short))
