"""What a column's values are like, as counts that can be stored and compared: the references of drift rules.

A reference is plain JSON, made by `reference_of`:

    {"version": 1, "type": "float", "rows": 5000, "nulls": 12,
     "histograms": {"value": {"edges": [0.0, 4.5, 6.0], "counts": [7, 1203, 2410, 1368]}}}

A histogram has either `edges` (bin i holds what is above edge i - 1 and at most edge i; the last bin all above the last
edge) or `labels` (bin i holds the values that are label i; the last bin all others). Which there are depends on the
type: `value` of numbers, booleans and text of few different values; `length` of text, in code points; `hour` and
`weekday` (1 is Monday) of moments, in UTC. Text that repeats little is known by its lengths alone, so no reference
holds a single customer's words.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    NonNegativeInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from dq_gate.checks.columns import column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    import polars as pl

    from dq_gate.checks.base import FieldType

COMPARED: tuple[FieldType, ...] = ("str", "int", "float", "bool", "datetime")
"""Field types that have a distribution."""
_BINS = 20
_MAX_LABELS = 50
_LEAST_LABEL_SHARE = 0.002
"""A rarer value is one of the others."""
_LEAST_LABELLED = 0.8
"""Text whose frequent values cover less than this is known by its lengths alone."""
_PSEUDO_COUNT = 0.5
"""Added to every bin, so that an empty one has a logarithm."""
_SIGNIFICANCE = 4.0
"""Standard deviations of chance: about one in 30,000 comparisons of like data is beyond."""


class Histogram(BaseModel):
    """Counts by bin: one more than there are edges or labels.

    Attributes:
        edges: Upper ends of the bins, ascending.
        labels: The values counted one by one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    edges: tuple[FiniteFloat, ...] | None = None
    labels: tuple[StrictStr, ...] | None = None
    counts: tuple[Annotated[NonNegativeInt, Field(strict=True)], ...]

    @model_validator(mode="after")
    def _counts_fit(self) -> Self:
        if (self.edges is None) == (self.labels is None):
            raise ValueError("a histogram has either edges or labels")
        marks: Sequence[Any] = self.edges if self.edges is not None else self.labels or ()
        if len(self.counts) != len(marks) + 1:
            raise ValueError("a histogram has one count more than edges or labels")
        if len(set(marks)) < len(marks) or (self.edges is not None and list(marks) != sorted(marks)):
            raise ValueError("edges ascend, and labels differ from each other")
        return self

    def tally(self, values: pl.Series) -> list[int]:
        """Counts of other values, none of them null, in the same bins."""
        import polars as pl

        if self.edges is not None:
            bins = pl.Series(self.edges, dtype=pl.Float64).search_sorted(values.cast(pl.Float64), side="left")
        else:
            labels = list(self.labels or ())
            places = list(range(len(labels)))
            bins = values.cast(pl.String).replace_strict(labels, places, default=len(labels), return_dtype=pl.UInt32)
        counts = [0] * len(self.counts)
        for place, count in bins.value_counts().iter_rows():
            counts[place] = count
        return counts


class Reference(BaseModel):
    """What a field's values were like. See the module's docstring.

    Attributes:
        version: Of this format.
        type: The field's.
        rows: How many rows it was made of.
        nulls: How many of these had no value.
        histograms: By what is counted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1]
    type: Literal["str", "int", "float", "bool", "datetime"]
    rows: NonNegativeInt
    nulls: NonNegativeInt
    histograms: dict[Literal["value", "length", "hour", "weekday"], Histogram]


def reference_of(values: pl.Series, field_type: FieldType) -> dict[str, Any]:
    """Sum up a column, to hold later batches against.

    Args:
        values: The column as its frame has it; values of another type are left out.
        field_type: One of `COMPARED`.

    Returns:
        A reference, fit for JSON and the option `reference` of the check `distribution`.
    """
    typed = column(values.alias("v").to_frame(), "v", field_type)
    present = typed.drop_nulls()
    histograms = {
        name: _histogram(name, view, field_type) for name, view in views(present, field_type).items() if len(view)
    }
    return {
        "version": 1,
        "type": field_type,
        "rows": len(typed),
        "nulls": typed.null_count(),
        "histograms": {name: made for name, made in histograms.items() if made is not None},
    }


def parse_reference(content: bytes | Mapping[str, Any], field_type: FieldType) -> Reference:
    """A reference as it was stored.

    Raises:
        ValueError: it is none, or one of a field of another type.
    """
    try:
        reference = Reference.model_validate(json.loads(content) if isinstance(content, bytes) else content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise ValueError(f"reference: {place}: {problem['msg']}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"reference: no JSON: {error}") from None
    if reference.type != field_type:
        raise ValueError(f"the reference is of a field of type {reference.type}, not {field_type}")
    return reference


def views(present: pl.Series, field_type: FieldType) -> dict[str, pl.Series]:
    """What is counted of a field's values, by name; none of them null."""
    if field_type == "datetime":
        return {"hour": present.dt.hour(), "weekday": present.dt.weekday()}
    if field_type == "str":
        return {"value": present, "length": present.str.len_chars()}
    return {"value": present}


@dataclass(frozen=True, slots=True)
class Differences:
    """How far two histograms are apart.

    Attributes:
        psi: Population stability index.
        js: Jensen-Shannon distance, from 0 to 1.
        ks: Kolmogorov-Smirnov statistic over the bins; None where they have no order.
        is_chance: Whether two samples of like data may well differ as much.
    """

    psi: float
    js: float
    ks: float | None
    is_chance: bool


def compare(reference: Sequence[int], batch: Sequence[int], *, ordered: bool) -> Differences:
    """Compare counts in the same bins. Neither may be empty.

    The bins that both leave empty count for nothing; the others are smoothed by half an observation each.
    """
    pairs = [(a, b) for a, b in zip(reference, batch, strict=True) if a or b]
    p, q = _shares([a for a, _ in pairs]), _shares([b for _, b in pairs])
    return Differences(
        psi=sum((b - a) * math.log(b / a) for a, b in zip(p, q, strict=True)),
        js=_jensen_shannon(p, q),
        ks=_kolmogorov_smirnov(reference, batch) if ordered else None,
        is_chance=_chi_square_deviation(pairs) < _SIGNIFICANCE,
    )


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) + _PSEUDO_COUNT * len(counts)
    return [(count + _PSEUDO_COUNT) / total for count in counts]


def _jensen_shannon(p: Sequence[float], q: Sequence[float]) -> float:
    middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
    divergence = sum((a * math.log2(a / m) + b * math.log2(b / m)) / 2 for a, b, m in zip(p, q, middle, strict=True))
    return math.sqrt(max(0.0, divergence))


def _kolmogorov_smirnov(reference: Sequence[int], batch: Sequence[int]) -> float:
    total_a, total_b = sum(reference), sum(batch)
    gap = widest = 0.0
    for a, b in zip(reference, batch, strict=True):
        gap += a / total_a - b / total_b
        widest = max(widest, abs(gap))
    return widest


def _chi_square_deviation(pairs: Sequence[tuple[int, int]]) -> float:
    """How many standard deviations Pearson's statistic of two samples lies beyond chance (Wilson and Hilferty)."""
    freedom = len(pairs) - 1
    if freedom < 1:
        return 0.0
    total_a, total_b = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    share_a = total_a / (total_a + total_b)
    expected = [((a + b) * share_a, (a + b) * (1 - share_a)) for a, b in pairs]
    statistic = sum((a - ea) ** 2 / ea + (b - eb) ** 2 / eb for (a, b), (ea, eb) in zip(pairs, expected, strict=True))
    spread = 2 / (9 * freedom)
    return float(((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread))


def _histogram(name: str, values: pl.Series, field_type: FieldType) -> dict[str, Any] | None:
    """The bins that suit some values, with their counts; None for text that repeats too little."""
    marks: dict[str, list[Any]] | None
    if name == "hour":
        marks = {"edges": list(range(23))}
    elif name == "weekday":
        marks = {"edges": list(range(1, 7))}
    elif name == "value" and field_type == "bool":
        marks = {"labels": ["false", "true"]}
    elif name == "value" and field_type == "str":
        marks = _labels(values)
    else:
        marks = {"edges": _edges(values)}
    if marks is None:
        return None
    empty = Histogram.model_validate(marks | {"counts": [0] * (len(*marks.values()) + 1)})
    return marks | {"counts": empty.tally(values)}


def _labels(values: pl.Series) -> dict[str, list[Any]] | None:
    """The frequent values, if these are most of the text."""
    counts = values.alias("v").value_counts(sort=True, name="n").sort(["n", "v"], descending=[True, False])
    frequent = counts.filter(counts["n"] >= max(2, _LEAST_LABEL_SHARE * len(values))).head(_MAX_LABELS)
    if int(frequent["n"].sum()) < _LEAST_LABELLED * len(values):
        return None
    return {"labels": frequent["v"].to_list()}


def _edges(values: pl.Series) -> list[float]:
    """The end of what is below all values, then every value if these are few, else quantiles.

    There are fewer quantiles where one value makes up much of the column.
    """
    import polars as pl

    finite = values.cast(pl.Float64)
    finite = finite.filter(finite.is_finite())
    distinct = finite.unique().sort()
    if not len(distinct):
        return []
    least = distinct[0]
    below = least - 1 if values.dtype.is_integer() else math.nextafter(least, -math.inf)
    if len(distinct) <= _BINS:
        return [below, *distinct]
    quantiles = [finite.quantile(i / _BINS, interpolation="lower") for i in range(1, _BINS)]
    return sorted({below, *(float(edge) for edge in quantiles if edge is not None)})
