"""Where in a text something stands."""

from __future__ import annotations

from os.path import commonprefix
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq_gate.core.model import Span


def changed_span(before: str, after: str) -> Span:
    """The stretch of `before` outside of which both texts are the same."""
    start = len(commonprefix([before, after]))
    same_end = len(commonprefix([before[start:][::-1], after[start:][::-1]]))
    return start, len(before) - same_end
