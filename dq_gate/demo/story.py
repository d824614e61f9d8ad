"""The demo's run: queries through a guarded search, and what search would have said to the refused ones."""

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
    """What search returns without a gate, beside what the sender was looking for.

    Attributes:
        fate: The refused query.
        without_gate: What search finds for the query as it came.
        error: The exception that search raises instead, by its type's name.
        meant: What search finds for the query as it was meant.
    """

    fate: Fate
    without_gate: tuple[Hit, ...]
    error: str | None
    meant: tuple[Hit, ...]

    @property
    def is_lost(self) -> bool:
        """Whether nothing that was looked for would have been found."""
        return not {hit.document_id for hit in self.without_gate} & {hit.document_id for hit in self.meant}


def send(messages: Iterable[Message], index: Index, **settings: Any) -> Iterator[Fate]:
    """Send queries through the gate, each feed through one of its own.

    Args:
        messages: In the order of arrival.
        index: What they search.
        settings: Settings of the gates, their source aside.
    """
    for source, arrivals in groupby(messages, key=attrgetter("source")):
        with Gate.load("query", source=source, **settings) as gate:
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


def contrast(fate: Fate, index: Index) -> Contrast:
    """Ask search itself, past the gate, for a query as it came and as it was meant."""
    meant = index.search(fate.message.original).hits
    try:
        return Contrast(fate, index.search(fate.message.query).hits, None, meant)
    except Exception as error:  # noqa: BLE001 - whatever damage does to an unguarded search is the finding
        return Contrast(fate, (), type(error).__name__, meant)


def most_telling(contrasts: Sequence[Contrast], count: int) -> list[Contrast]:
    """Some whose search would have returned wrong documents in good faith, each refused by other rules."""
    told: dict[frozenset[str], Contrast] = {}
    for each in contrasts:
        if each.is_lost and each.without_gate and each.fate.refusal is not None:
            rules = frozenset(violation.rule_id for violation in each.fate.refusal.decision.violations)
            told.setdefault(rules, each)
    return list(told.values())[:count]
