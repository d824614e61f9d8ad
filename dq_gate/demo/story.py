"""The demo's story: queries through a guarded search, and what search would have said to the refused ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from dq_gate.errors import InputQuarantined
from dq_gate.gate.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dq_gate.core.model import Outcome
    from dq_gate.demo.index import Hit, Index, Results
    from dq_gate.demo.traffic import Message

PACK = "query"
TOLD = ("utf16_as_bytes", "homoglyphs", "html_leftovers")
"""Kinds of damage of which an example is told: a program's, a person's, a page's."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one query.

    Attributes:
        refusal: What the caller of the guarded search got, when it was quarantined.
    """

    message: Message
    outcome: Outcome
    refusal: InputQuarantined | None = None


@dataclass(frozen=True, slots=True)
class Contrast:
    """What search finds for a refused query without a gate, beside what its sender was looking for.

    Attributes:
        message: The query.
        refusal: Why the gate refused it.
        unguarded: What search finds for it as it came.
        error: The exception that search raises instead, by its type's name.
        meant: What search finds for it as it was meant.
    """

    message: Message
    refusal: InputQuarantined
    unguarded: tuple[Hit, ...]
    error: str | None
    meant: tuple[Hit, ...]

    @property
    def is_lost(self) -> bool:
        """Whether nothing that was looked for would have been found."""
        return not {hit.document_id for hit in self.unguarded} & {hit.document_id for hit in self.meant}


def send(messages: Iterable[Message], index: Index, **settings: Any) -> Iterator[Fate]:
    """Send queries to a guarded search, each feed through a gate of its own.

    Args:
        messages: In the order of arrival.
        index: What they search.
        settings: Settings of the gates, their source aside.
    """
    for source, arrivals in groupby(messages, key=attrgetter("source")):
        with Gate.load(PACK, source=source, **settings) as gate:
            yield from _serve(gate, index, arrivals)


def _serve(gate: Gate, index: Index, messages: Iterable[Message]) -> Iterator[Fate]:
    @gate.guard
    def search(query: str, top_k: int = 3) -> Results:
        return index.search(query, top_k)

    for message in messages:
        try:
            results = search(message.query)
        except InputQuarantined as refusal:
            yield Fate(message, "quarantined", refusal)
        else:
            yield Fate(message, "clean" if results.query == message.query else "repaired")


def contrast(message: Message, refusal: InputQuarantined, index: Index) -> Contrast:
    """Ask search itself, past the gate, for a query as it came and as it was meant."""
    meant = index.search(message.original).hits
    try:
        return Contrast(message, refusal, index.search(message.query).hits, None, meant)
    except Exception as error:  # noqa: BLE001 - whatever damage does to an unguarded search is the finding
        return Contrast(message, refusal, (), type(error).__name__, meant)


def telling(contrasts: Iterable[Contrast]) -> list[Contrast]:
    """One of each kind in `TOLD` for which search finds documents, and none of those that were meant."""
    told: dict[str | None, Contrast] = {}
    for each in contrasts:
        if each.is_lost and each.unguarded:
            told.setdefault(each.message.damage, each)
    return [told[kind] for kind in TOLD]


def outcomes(fates: Sequence[Fate], source: str | None = None) -> tuple[int, int, int]:
    """How many were clean, repaired and quarantined, of one feed or of all."""
    found = [fate.outcome for fate in fates if source in (None, fate.message.source)]
    return found.count("clean"), found.count("repaired"), found.count("quarantined")
