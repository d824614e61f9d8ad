"""A writer on a real Redis and a real spool, and what the tests ask of them."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.entry import Filter
from dq_gate.quarantine.spool import Spool, target_of
from dq_gate.quarantine.writer import Writer
from tests.faults.promise import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Entry, Store

WAIT = 60.0
"""Seconds after which a test gives up on what is no matter of time."""
DEADLINE = 0.26
"""Seconds that a gate waits for an answer; the rest of what it promises is for waking up."""


def make_store(url: str, namespace: str, *, timeout: float = 0.2) -> Store:
    """The store as a gate opens it."""
    return open_store(url, namespace, max_open=100_000, timeout=timeout)


def make_writer(url: str, directory: Path, namespace: str, report: Callable[[Event], None]) -> Writer:
    """A writer as a gate makes it, but that looks for orphaned spools all the time."""
    return Writer(
        lambda: make_store(url, namespace),
        lambda: Spool(directory, target_of(url, namespace)),
        report,
        store_kind="redis",
        probe_after=0.05,
        round_every=0.05,
    )


def timed_put(writer: Writer, entry: Entry) -> tuple[str, Span]:
    """Put an entry as a gate does: where it went, and when that was."""
    began = time.monotonic()
    try:
        stored: str = writer.submit(entry).result(DEADLINE - (time.monotonic() - began)).stored
    except TimeoutError:
        stored = "unknown"
    return stored, Span(began, time.monotonic())


def kept_entries(url: str, namespace: str) -> Iterator[Entry]:
    """Every entry in the store, as a reviewer would find it."""
    store = make_store(url, namespace, timeout=5.0)
    after = None
    while True:
        page = store.find(Filter(), limit=100, after=after)
        yield from page.entries
        if (after := page.after) is None:
            break
    store.close()


def times_kept(url: str, namespace: str) -> Counter[str]:
    """How often each id is in the store; whatever is there more than once is an error."""
    return Counter(entry.id for entry in kept_entries(url, namespace))


def count_kept(url: str, namespace: str) -> int:
    """How many entries the store has."""
    store = make_store(url, namespace, timeout=5.0)
    try:
        return store.stats().by_state["pending"]
    finally:
        store.close()
