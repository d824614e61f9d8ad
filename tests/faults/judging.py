"""What is left after a fault, held against what callers were told."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dq_gate.core.lifecycle import OPEN
from dq_gate.quarantine.entry import Filter
from dq_gate.quarantine.serial import body_to_bytes
from tests.faults.promise import PROMISED
from tests.faults.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq_gate.quarantine.entry import Entry, Store


def judge(
    fault: str,
    store: Store,
    acknowledged: Iterable[str],
    *,
    unknown: Iterable[str] = (),
    longest_wait_s: float | None = None,
) -> None:
    """Record what became of entries; check that each is there once and that all counters say so.

    Args:
        fault: The fault, in a few words.
        store: What is left; it answers.
        acknowledged: Ids whose callers were told that they are kept.
        unknown: Ids whose callers were told nothing, so that they may be there or not.
        longest_wait_s: Seconds that the caller who waited longest was held.
    """
    found = list(walk(store))
    kept, promised = Counter(entry.id for entry in found), set(acknowledged)
    lost = promised - kept.keys()
    duplicated = sum(times - 1 for times in kept.values()) + sum(entry.seen - 1 for entry in found)
    record(
        fault,
        acknowledged=len(promised),
        lost=len(lost),
        duplicated=duplicated,
        longest_wait_s=longest_wait_s,
    )
    assert lost == set()
    assert duplicated == 0
    assert kept.keys() <= promised | set(unknown)
    assert_counters_hold(store, found)
    assert longest_wait_s is None or longest_wait_s <= PROMISED


def kind_of(store: Store) -> str:
    """What a line of the table calls a kind of store."""
    return type(store).__name__.removesuffix("Store").replace("Sqlite", "SQLite")


def walk(store: Store) -> Iterator[Entry]:
    """Every entry in a store, as a reviewer finds it."""
    after = None
    while True:
        page = store.find(Filter(), limit=100, after=after)
        yield from page.entries
        if (after := page.after) is None:
            return


def assert_counters_hold(store: Store, found: list[Entry]) -> None:
    """Check that a store counts what a walk over its entries found."""
    stats, groups = store.stats(), store.groups(limit=100)
    still_open = [entry for entry in found if entry.state in OPEN]
    by_rule = Counter(rule for entry in still_open for rule in {violation.rule_id for violation in entry.violations})
    assert {state: n for state, n in stats.by_state.items() if n} == Counter(entry.state for entry in found)
    assert stats.open_by_rule == by_rule
    assert stats.open_by_source == Counter(entry.source for entry in still_open)
    assert stats.bytes == sum(len(body_to_bytes(entry)) for entry in found)
    by_group = Counter(entry.fingerprint for entry in still_open)
    assert {group.fingerprint: group.open for group in groups if group.open} == by_group
    assert sum(group.count - group.counted_only for group in groups) == len(found)
    assert sum(group.counted_only for group in groups) == stats.counted_only
