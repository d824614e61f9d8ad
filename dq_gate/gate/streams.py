"""A file's items through a pass of rules: one by one, or in chunks where rules about batches need many at once."""

from __future__ import annotations

from itertools import islice
from time import perf_counter_ns
from typing import TYPE_CHECKING

from dq_gate.intake.records import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq_gate.core.model import Decision
    from dq_gate.intake.records import Item
    from dq_gate.packs.batch import RecordPass

CHUNK = 10_000
"""Records that rules about batches look at in one go."""


def judged(items: Iterable[Item], records: RecordPass) -> Iterator[tuple[Item, Decision | None, int]]:
    """Every item with its decision, and the nanoseconds that it took.

    Args:
        items: Rows, and lines that are none.
        records: The pass that they are part of. Where one of its rules needs the whole batch, all items are held.

    Yields:
        Item, decision, nanoseconds; no decision about an item that is no record.
    """
    rest = iter(items)
    size = None if records.rules.needs_whole else CHUNK if records.rules else 1
    while chunk := list(islice(rest, size)):
        values = [item.value for item in chunk if isinstance(item, Row)]
        started = perf_counter_ns()
        decisions = iter(records.judge(values))
        each_ns = (perf_counter_ns() - started) // max(1, len(values))
        for item in chunk:
            yield item, next(decisions) if isinstance(item, Row) else None, each_ns
