"""Asking a store again that is away for a moment: long work should not end because others are busy with it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from dq_gate.errors import BackendUnavailableError, UnreadableEntryError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
WAITS_S = (0.05, 0.2, 1.0, 3.0)
"""Seconds between one question and the next."""


def patiently(ask: Callable[[], T], *, pause: Callable[[float], None] = time.sleep) -> T:
    """What a store answers, in the end.

    Args:
        ask: A call of the store that can be repeated.
        pause: Waits so many seconds.

    Raises:
        BackendUnavailableError: it did not answer the last time either.
        UnreadableEntryError: what it holds cannot be read, which no waiting mends.
    """
    for wait_s in WAITS_S:
        try:
            return ask()
        except UnreadableEntryError:
            raise
        except BackendUnavailableError:
            pause(wait_s)
    return ask()
