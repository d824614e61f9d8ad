"""Which candidates become rules: as many as together refuse little of what is good."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq_gate.packs.profile.rules import Candidate, Kind

_BUDGET = 0.01
"""The share of good rows that all rules together may be expected to refuse."""
_SUPERFLUOUS: dict[Kind, frozenset[Kind]] = {
    "closed": frozenset({"shape", "characters", "words", "length", "bounds"}),
    "shape": frozenset({"characters", "length"}),
}
"""What a rule of one kind makes superfluous on the same field."""


def choose(candidates: list[Candidate], *, rows: int) -> list[Candidate]:
    """The rules to keep, in the order they came.

    Those that are expected to refuse least are taken first. Rules often refuse the same rows, such as the first of a
    new customer; each row counts once.
    """
    budget = max(1, int(_BUDGET * rows))
    spent: frozenset[int] = frozenset()
    kept: set[str] = set()
    for candidate in sorted(candidates, key=lambda each: len(each.refused)):
        if len(spent | candidate.refused) <= budget:
            spent |= candidate.refused
            kept.add(candidate.id)
    chosen = [candidate for candidate in candidates if candidate.id in kept]
    superfluous = {(each.field, kind) for each in chosen for kind in _SUPERFLUOUS.get(each.kind, ())}
    return [each for each in chosen if (each.field, each.kind) not in superfluous]
