"""How far long work has come, on a terminal; without one, nothing is shown."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.progress import Progress, ProgressColumn

T = TypeVar("T")
_EVERY = 1000
"""Records between two looks at how far a file is read."""


def while_reading(stream: BinaryIO, items: Iterable[T]) -> Iterator[T]:
    """Give items on, showing how much of the stream they come from is read."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.progress import DownloadColumn, TimeRemainingColumn

    total = os.fstat(stream.fileno()).st_size or None
    with _bar(DownloadColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("", total=total)
        for count, item in enumerate(items):
            if count % _EVERY == 0 and stream.seekable():
                bar.update(task, completed=stream.tell())
            yield item


def while_counting(items: Iterable[T], total: int) -> Iterator[T]:
    """Give items on, showing how many of how many."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    with _bar(MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        yield from bar.track(items, total=total)


@contextmanager
def _bar(*columns: ProgressColumn) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress

    console = Console(stderr=True)
    # What goes to the same terminal meanwhile is printed above the bar; what goes elsewhere is let alone.
    with Progress(
        BarColumn(),
        *columns,
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=False,
    ) as bar:
        yield bar
