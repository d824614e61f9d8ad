"""Texts that say nearly the same as an earlier one of their batch."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StrictInt, StrictStr

from dq_gate.checks.base import CompiledFrame, Context, Options, check
from dq_gate.checks.columns import judged_fields, keys
from dq_gate.checks.distributions import COMPARED
from dq_gate.checks.sketches import Index, Sketcher, plain
from dq_gate.core.model import Finding
from dq_gate.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from dq_gate.checks.base import FieldType

_DIGEST_BYTES = 16


class NearUniqueOptions(Options):
    """What is compared, and how like is too like.

    Attributes:
        fields: The fields whose texts are put together; None for a rule of one field.
        threshold: Least similarity that fails.
        shingle: Characters in a run.
    """

    fields: Annotated[list[StrictStr], Field(min_length=1)] | None = None
    threshold: Annotated[float, Field(ge=0.3, le=1)] = 0.7
    shingle: Annotated[StrictInt, Field(ge=1, le=32)] = 4


_ANSWER = "You can return an order within thirty days of its delivery."


@check(
    "near_unique",
    NearUniqueOptions,
    accepts=("str",),
    subject="either",
    planes=("batch",),
    with_context=True,
    passes=(
        ({}, [_ANSWER, "You can change an address until the parcel has left.", "", ""]),
        ({"fields": ["name", "town"]}, [{"name": "Ada Byron", "town": "Ely"}, {"name": "Ada Byrne", "town": "Cork"}]),
    ),
    fails=(
        ({}, [_ANSWER, "You can return any order within thirty days of delivery"]),
        ({"fields": ["name", "town"]}, [{"name": "Ada Byron", "town": "Ely"}, {"name": "ada byron", "town": "Elly"}]),
    ),
)
def near_unique(options: NearUniqueOptions, context: Context) -> CompiledFrame:
    """No text, or combination of values, of a batch is nearly the same as an earlier one.

    Options:
        fields: the fields that are put together, in a rule that names no `field`.
        threshold: the least similarity that fails, from 0.3 to 1; default 0.7. Records of several short
            fields need about 0.5: a typing error changes much of a short text.
        shingle: how many characters make a run; default 4. Fewer forgive more typing errors in short texts.

    Similarity is Jaccard's: of all runs of a few characters in either text, the share that is in both. Case,
    punctuation, white space and compatibility forms make no difference. The first of several texts alike passes and
    the others fail, compared with those that passed: a chain of small changes is not one cluster. Blank texts and
    nulls are not compared.

    Texts alike are looked up by MinHash, in time linear in the batch: about 98 of 100 that are just as like as the
    threshold are found, and nearly all beyond. Long texts are compared by a sample, to about 0.03. Needs up to 2 KiB
    of memory for every text that passes. Words decide, not sense: a paraphrase is another text.
    """
    accepts = ("str",) if context.field is not None else COMPARED
    fields = judged_fields(context, options.fields, accepts)
    types = {name: context.fields[name] for name in fields}
    try:
        sketcher = Sketcher(options.shingle, options.threshold)
    except ImportError:
        raise MissingExtraError("near_unique", "text") from None
    return CompiledFrame(lambda: _NearRepeats(types, sketcher, options.threshold))


class _NearRepeats:
    def __init__(self, types: Mapping[str, FieldType], sketcher: Sketcher, threshold: float) -> None:
        self._types = types
        self._sketcher = sketcher
        self._threshold = threshold
        self._index = Index(sketcher)
        self._seen: set[bytes] = set()

    def look(self, frame: pl.DataFrame) -> Mapping[int, Finding]:
        found = {}
        for row, text in enumerate(_texts(frame, self._types)):
            similarity = self._similarity(plain(text)) if text else 0.0
            if similarity >= self._threshold:
                found[row] = Finding(f"nearly repeats an earlier row (similarity {similarity:.2f})")
        return found

    def end(self) -> Finding | None:
        return None

    def _similarity(self, text: str) -> float:
        """How like a text is to the likest that passed; it joins these if it passes, too."""
        if not text:
            return 0.0
        digest = blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest()
        if digest in self._seen:
            return 1.0
        self._seen.add(digest)
        sketch = self._sketcher.sketch(text)
        keys_ = self._sketcher.keys(sketch)
        similarity = self._index.most_like(sketch, keys_)
        if similarity < self._threshold:
            self._index.add(sketch, keys_)
        return similarity


def _texts(frame: pl.DataFrame, types: Mapping[str, FieldType]) -> pl.Series:
    """One text a row: the values of all fields, one behind the other."""
    import polars as pl

    columns = [keys(frame, name, field_type) for name, field_type in types.items()]
    parts = pl.DataFrame([values.alias(str(number)) for number, values in enumerate(columns)])
    return parts.select(pl.concat_str(pl.all(), separator=" ", ignore_nulls=True).alias("text")).to_series()
