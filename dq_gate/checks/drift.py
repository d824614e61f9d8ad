"""Values that are no longer like those of a stored reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, StrictInt, StrictStr

from dq_gate.checks.base import CompiledFrame, Context, Options, check
from dq_gate.checks.columns import column, judged_field
from dq_gate.checks.distributions import COMPARED, Reference, compare, parse_reference, views
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl

_COUNTS = {"labels": ["card", "cash"], "counts": [300, 100, 0]}
_SAMPLE = {"version": 1, "type": "str", "rows": 400, "nulls": 0, "histograms": {"value": _COUNTS}}
Limit = Annotated[float, Field(gt=0)]


class DistributionOptions(Options):
    """What is compared, and how far apart is too far.

    Attributes:
        reference: A file beside the pack, or what would stand in it.
        max_psi: Greatest population stability index that passes.
        max_js: Greatest Jensen-Shannon distance that passes.
        max_ks: Greatest Kolmogorov-Smirnov statistic that passes.
        min_rows: Fewer values than this are not judged.
    """

    reference: StrictStr | dict[str, Any]
    max_psi: Limit = 0.2
    max_js: Limit = 0.1
    max_ks: Limit = 0.1
    min_rows: Annotated[StrictInt, Field(ge=1)] = 200


@check(
    "distribution",
    DistributionOptions,
    accepts=COMPARED,
    planes=("batch",),
    with_context=True,
    passes=(
        ({"reference": _SAMPLE, "min_rows": 8}, ["card", "cash", "card", "card"] * 2),
        ({"reference": _SAMPLE}, ["cash"] * 8),
    ),
    fails=(
        ({"reference": _SAMPLE, "min_rows": 8}, ["cash"] * 8),
        ({"reference": _SAMPLE, "min_rows": 8}, ["card", "cash", None, None] * 2),
    ),
)
def distribution(options: DistributionOptions, context: Context) -> CompiledFrame:
    """The values of a batch are spread as those of a stored reference.

    Options:
        reference: a JSON file beside the pack, or its content; required. `rules profile` writes it.
        max_psi: the greatest population stability index that passes; default 0.2.
        max_js: the greatest Jensen-Shannon distance that passes, from 0 to 1; default 0.1.
        max_ks: the greatest Kolmogorov-Smirnov statistic that passes, from 0 to 1; default 0.1. It is taken over the
            reference's bins, of what has an order: numbers, lengths, hours.
        min_rows: a batch of fewer values is not judged; default 200.

    Compared are the share of nulls and, by type: numbers in bins of the reference's quantiles; booleans; the frequent
    values of text, all others together, and its lengths; a moment's hour and day of the week in UTC, but not its date,
    which moves on by itself. Text that repeats little is compared by length alone. A difference counts if it exceeds
    a limit *and* chance would hardly bring it about (chi-square, 4 standard deviations), so that small batches of like
    data pass. What fails is the batch, not a row of it. Needs memory for the bins only.
    """
    name = judged_field(context)
    given = options.reference
    reference = parse_reference(context.read(given) if isinstance(given, str) else given, context.fields[name])
    if reference.rows < options.min_rows:
        raise ValueError(f"the reference has {reference.rows} rows, below min_rows: it would never be compared")
    return CompiledFrame(lambda: _Comparison(name, reference, options))


class _Comparison:
    def __init__(self, name: str, reference: Reference, options: DistributionOptions) -> None:
        self._name = name
        self._reference = reference
        self._options = options
        self._rows = self._nulls = 0
        self._counts = {name: [0] * len(histogram.counts) for name, histogram in reference.histograms.items()}

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        values = column(frame, self._name, self._reference.type)
        present = values.drop_nulls()
        self._rows += len(values)
        self._nulls += len(values) - len(present)
        counted = views(present, self._reference.type)
        for name, histogram in self._reference.histograms.items():
            more = histogram.tally(counted[name])
            self._counts[name] = [a + b for a, b in zip(self._counts[name], more, strict=True)]
        return {}

    def end(self) -> Finding | None:
        excesses = [excess for pair in self._pairs() for excess in self._excesses(pair)]
        if not excesses:
            return None
        return Finding(f"{self._rows} rows differ from the reference: {', '.join(excesses)}")

    def _pairs(self) -> Iterator[_Pair]:
        reference = self._reference
        present = self._rows - self._nulls
        yield _Pair("nulls", (reference.rows - reference.nulls, reference.nulls), (present, self._nulls), ordered=True)
        for name, histogram in reference.histograms.items():
            yield _Pair(name, histogram.counts, self._counts[name], ordered=histogram.edges is not None)

    def _excesses(self, pair: _Pair) -> Iterator[str]:
        """The measures that are beyond their limits."""
        limits = self._options
        if min(sum(pair.reference), sum(pair.batch)) < limits.min_rows:
            return
        found = compare(pair.reference, pair.batch, ordered=pair.ordered)
        if found.is_chance:
            return
        measures = {
            "PSI": (found.psi, limits.max_psi),
            "JS": (found.js, limits.max_js),
            "KS": (found.ks, limits.max_ks),
        }
        for measure, (value, limit) in measures.items():
            if value is not None and value > limit:
                yield f"{pair.name} {measure} {value:.3f} (limit {limit:g})"


@dataclass(frozen=True, slots=True)
class _Pair:
    """Counts to compare, in the same bins.

    Attributes:
        ordered: Whether the bins have an order.
    """

    name: str
    reference: Sequence[int]
    batch: Sequence[int]
    ordered: bool
