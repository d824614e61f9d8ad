"""A rule that the pack may get, and what speaks for it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Kind = Literal["closed", "shape", "characters", "words", "length", "bounds", "dependency", "batch"]


_MAX_LISTED = 100
"""A longer set stands in a file of its own."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Options that are long enough to stand in a file beside the pack.

    Attributes:
        option: The option that names the file.
        name: The file's.
        content: The file's.
        inline: The options that say the same within the pack; None where they would be too long to read.
    """

    option: str
    name: str
    content: str
    inline: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that the pack may get.

    Attributes:
        kind: What it holds its field to; `choose` leaves out what a stricter one makes superfluous.
        field: None for a rule about the batch.
        why: With the evidence.
        refused: Rows of the sample that it would refuse, had it been made without them.
        warns: Whether a failure only warns: what is odd about a batch as a whole condemns none of its rows.
    """

    id: str
    kind: Kind
    field: str | None
    check: str
    options: dict[str, Any]
    why: str
    passing: tuple[Any, ...] = ()
    failing: tuple[Any, ...] = ()
    refused: frozenset[int] = frozenset()
    attachment: Attachment | None = None
    warns: bool = False


def expected(refused: frozenset[int], rows: int) -> str:
    """How often good input is refused, in words: what was measured, or the rule of three where nothing was."""
    if refused:
        return f"about {_percent(len(refused) / rows)} of rows"
    return f"fewer than {_percent(3 / rows)} of rows" if rows >= 10 else "few rows"  # noqa: PLR2004


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as a CSV file beside the pack."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def listed(name: str, slug: str, values: Sequence[Any]) -> tuple[str, dict[str, Any], Attachment | None]:
    """How a closed set of a field is checked: as a list in the pack, or, where that is too long, in a file.

    Returns:
        The check, its options, and the file.
    """
    if len(values) <= _MAX_LISTED:
        return "one_of", {"allow": list(values)}, None
    content = csv_text([[name], *([str(value)] for value in values)])
    return "foreign_key", {"column": name}, Attachment("file", f"{slug}.csv", content, None)
