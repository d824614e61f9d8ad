"""Where in a text something stands."""

from __future__ import annotations

from itertools import takewhile
from operator import eq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq_gate.core.model import Span


def changed_span(before: str, after: str) -> Span:
    """The stretch of `before` outside of which both texts are the same."""
    start = _agreement(before, after)
    same_end = _agreement(before[start:][::-1], after[start:][::-1])
    return start, len(before) - same_end


def _agreement(one: str, other: str) -> int:
    """For how many characters two texts are the same from the start."""
    return sum(takewhile(bool, map(eq, one, other)))
