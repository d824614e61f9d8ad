"""What a gate says of records and frames, to be compared across threads and processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq_gate import Gate
from dq_gate.packs.table import table_of
from tests import every_check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from threading import Barrier

    import polars as pl

    from dq_gate.gate.frame_report import FrameReport

SHIPPED = {"query": "query", "document": "text"}
"""The shipped packs, and the field that takes the text."""


def load(pack: str | Path, state_dir: Path) -> Gate:
    """A gate that trusts the tests."""
    return Gate.load(pack, state_dir=state_dir, trusted_packages=("tests",))


def records_for(pack: str | Path) -> list[dict[str, Any]]:
    """Every third of those records: the workers that compare have few processors between them."""
    records = every_check.records()[::3]
    if pack not in SHIPPED:
        return records
    return [{SHIPPED[str(pack)]: record["name"], "top_k": number} for number, record in enumerate(records)]


def of_records(gate: Gate, records: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each record: outcome, value, violations, shadow hits, crashes."""
    return [repr(gate.check(record)) for record in records]


def of_frame(gate: Gate, frame: pl.DataFrame) -> tuple[list[str], FrameReport]:
    """A line for each row, those that passed first, and the report."""
    result = gate.check_frame(frame)
    return [*map(repr, result.clean.to_dicts()), *map(repr, result.quarantined.to_dicts())], result.report


def of_both(gate: Gate, records: Sequence[dict[str, Any]]) -> tuple[list[str], list[str], FrameReport]:
    """What both planes say."""
    return of_records(gate, records), *of_frame(gate, table_of(gate.pack, records))


_start: Callable[[], object] | None = None


def meet(barrier: Barrier) -> None:
    """Have each process of a pool wait for the others before each piece of work, so that none does that of two."""
    global _start  # noqa: PLW0603 - a pool's initializer has no other place to leave things
    _start = barrier.wait


def in_own_process(pack: str | Path, state_dir: Path) -> tuple[list[str], list[str], FrameReport]:
    """What both planes of a gate that is made here say."""
    assert _start is not None
    _start()
    return of_both(load(pack, state_dir), records_for(pack))
