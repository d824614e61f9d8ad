"""What a schema or suite finds wrong with a batch, in words: of single rows, or of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 3


class Failures:
    """Gathers what fails in one pass over a batch."""

    def __init__(self) -> None:
        self._of_batch: list[str] = []

    def of_rows(self, failures: Iterable[tuple[str, list[int]]]) -> dict[int, Finding]:
        """Findings on rows.

        Args:
            failures: What failed, and in which rows; without rows, it is the batch that failed.
        """
        by_row: dict[int, list[str]] = {}
        for what, rows in failures:
            if not rows:
                self._of_batch.append(what)
            for row in rows:
                by_row.setdefault(row, []).append(what)
        return {row: Finding(_listed(failed)) for row, failed in by_row.items()}

    def of_batch(self) -> Finding | None:
        """The finding on the batch, once it was all seen."""
        return Finding(f"the batch fails: {_listed(self._of_batch)}") if self._of_batch else None


def _listed(failed: list[str]) -> str:
    """The first three, and how many more there are."""
    names = list(dict.fromkeys(failed))
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
