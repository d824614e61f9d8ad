"""How far long work has come: one line at the foot of a terminal. Without a terminal, nothing is shown.

Whatever prints to the terminal meanwhile calls `clear` first; the line comes back by itself.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, BinaryIO, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
_EVERY_S = 0.2
_MEGABYTE = 1_000_000
_is_shown = False


def while_reading(stream: BinaryIO, items: Iterable[T]) -> Iterator[T]:
    """Give items on, showing how much of the stream they come from is read."""
    size = os.fstat(stream.fileno()).st_size if stream.seekable() else 0

    def state(count: int) -> str:
        read = f"{stream.tell() / _MEGABYTE:.1f} of {size / _MEGABYTE:.1f} MB, " if size else ""
        return f"{read}{count} records"

    return _telling(items, state)


def while_counting(items: Iterable[T], total: int | None = None) -> Iterator[T]:
    """Give items on, showing how many there were, and of how many when that is known."""
    return _telling(items, lambda count: f"{count}" if total is None else f"{count} of {total}")


def clear() -> None:
    """Take the line away, if it is there."""
    global _is_shown  # noqa: PLW0603 - a terminal has one last line
    if _is_shown:
        _is_shown = False
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


@contextlib.contextmanager
def counting(total: int) -> Iterator[Callable[[], None]]:
    """As `while_counting`, for work that goes through no iterator: gives what to call at each item."""
    with ticking(lambda count: f"{count} of {total}") as tick:
        yield tick


def _telling(items: Iterable[T], state: Callable[[int], str]) -> Iterator[T]:
    with ticking(state) as tick:
        for item in items:
            tick()
            yield item


@contextlib.contextmanager
def ticking(state: Callable[[int], str]) -> Iterator[Callable[[], None]]:
    """Gives what to call at each item, and shows now and then what `state` says of their number."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda: None
        return
    count, due = 0, time.monotonic() + _EVERY_S

    def tick() -> None:
        nonlocal count, due
        count += 1
        if time.monotonic() >= due:
            _show(state(count))
            due = time.monotonic() + _EVERY_S

    try:
        yield tick
    finally:
        clear()


def _show(text: str) -> None:
    global _is_shown  # noqa: PLW0603 - a terminal has one last line
    _is_shown = True
    sys.stderr.write(f"\r\x1b[2K{text}")
    sys.stderr.flush()
