"""`rules profile`: from a clean sample to a pack that a data engineer would be glad to edit.

The sample becomes columns with types (`sample`), the columns become candidates for rules (`text`, `numbers`, `batches`,
`dependencies`), some of which are chosen (`choose`) and written down (`write`).

Every candidate that could refuse good input is measured the same way, by leaving one out: which rows of the sample
would it refuse, had it been made without them? A value that the sample has once is such a row. Their share estimates
how much good input the rule will refuse (Good and Turing's missing mass), whatever kind of rule it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.packs.profile.batches import batch_rules
from dq_gate.packs.profile.choose import choose
from dq_gate.packs.profile.dependencies import dependency_rules
from dq_gate.packs.profile.numbers import number_rules
from dq_gate.packs.profile.sample import Sample, columns_of, take_sample
from dq_gate.packs.profile.text import text_rules
from dq_gate.packs.profile.write import PackText, write_pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.packs.profile.rules import Candidate
    from dq_gate.packs.profile.sample import Column

__all__ = ["PackText", "Sample", "profile", "take_sample"]


def profile(sample: Sample, *, name: str, source: str, folder: str | None) -> PackText:
    """Write a pack for more of what a sample holds.

    Args:
        sample: Clean records.
        name: The pack's name.
        source: What the sample was, for the pack's head.
        folder: Where files beside the pack go, relative to it; None to have everything in the pack itself.

    Raises:
        ValueError: the sample holds too little to learn from.
        MissingExtraError: polars is not installed.
    """
    columns = columns_of(sample)
    rules = choose(list(_candidates(columns)), rows=len(sample.rows))
    return write_pack(sample, columns, rules, name=name, source=source, folder=folder)


def _candidates(columns: tuple[Column, ...]) -> Iterator[Candidate]:
    for column in columns:
        yield from text_rules(column)
        yield from number_rules(column)
    yield from dependency_rules(columns)
    yield from batch_rules(columns)
