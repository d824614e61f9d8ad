"""Erasure of a subject's data: payloads with their edits are replaced, late copies refused, spools cleaned.

History keeps who did what and when. What lies on other machines, in backups, or in an append-only file that was not
rewritten yet is out of reach from here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from dq_gate.core.lifecycle import ERASE
from dq_gate.errors import UnreadableEntryError
from dq_gate.events import EntryErased
from dq_gate.quarantine.entry import Act, Filter, HistoryItem
from dq_gate.quarantine.payload import erased_entry
from dq_gate.quarantine.spool import Spool
from dq_gate.quarantine.vault import subject_digest
from dq_gate.review.patience import patiently
from dq_gate.review.sealing import ATTEMPTS, spooled
from dq_gate.review.selection import Selection, snapshot
from dq_gate.review.service import Outcome, batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Store
    from dq_gate.quarantine.vault import Vault
    from dq_gate.review.service import Result


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of a subject.

    Attributes:
        entry_ids: Entries in the store.
        spooled: Copies in the spools of the state directory.
    """

    entry_ids: tuple[str, ...]
    spooled: int


def digests_of(subject: str, namespace: str, vault: Vault) -> tuple[str, ...]:
    """Every digest that the data of a subject may be found by."""
    return vault.searches(subject_digest(namespace, subject))


def find(store: Store, digests: Sequence[str], spools: Path) -> Found:
    """What there is of a subject; changes nothing.

    Args:
        store: Where the entries are.
        digests: What `digests_of` says.
        spools: The directory of the spools.
    """
    ids = (entry_id for digest in digests for entry_id in snapshot(store, Selection(where=Filter(subject=digest))))
    return Found(tuple(dict.fromkeys(ids)), count_spooled(spools, digests))


def erase(
    store: Store,
    digests: Sequence[str],
    *,
    vault: Vault,
    who: str,
    reason: str,
    emit: Callable[[Event], object],
    clock: Callable[[], float] = time.time,
) -> Iterator[Outcome]:
    """Have the store refuse what is late of a subject's data, then erase what it has of it.

    Args:
        store: Where the entries are.
        digests: What `digests_of` says.
        vault: Makes the digest of what is left.
        who: Who erases, for history and events.
        reason: Why, for the history.
        emit: Takes the events, which do not name the subject.
        clock: Seconds since the epoch.

    Returns:
        What became of each entry, as it is dealt with; one that is `damaged` keeps back no other.
    """
    patiently(partial(store.forget, digests, clock()))
    done: list[str] = []
    try:
        for digest in digests:
            for entry_id in patiently(partial(snapshot, store, Selection(where=Filter(subject=digest)))):
                result = _erase_readable(store, vault, entry_id, HistoryItem(clock(), who, ERASE.name, reason))
                if result == "done":
                    done.append(entry_id)
                yield Outcome(entry_id, result)
    finally:
        for batch in batches(done):
            emit(EntryErased(tuple(batch), who))


def clean_spools(spools: Path, target: str, digests: Sequence[str], at: float) -> None:
    """Remove a subject's data from what dead processes spooled; living ones do it themselves, on their next round.

    Args:
        spools: The directory of the spools.
        target: What `spool.target_of` says about the store and namespace.
        digests: What `digests_of` says.
        at: Up to when, seconds since the epoch.

    Raises:
        SPOOL_ERRORS: a spool cannot be read or written.
    """
    for orphan in Spool(spools, target).orphans():
        orphan.forget(dict.fromkeys(digests, at))


def count_spooled(spools: Path, digests: Sequence[str]) -> int:
    """Copies of a subject's data in the spools of a directory, those of living processes included."""
    return sum(not set(digests).isdisjoint(entry.subjects) for entry in spooled(spools))


def _erase_readable(store: Store, vault: Vault, entry_id: str, note: HistoryItem) -> Result:
    try:
        return _erase(store, vault, entry_id, note)
    except UnreadableEntryError:
        return "damaged"


def _erase(store: Store, vault: Vault, entry_id: str, note: HistoryItem) -> Result:
    result: Result = "changed"
    for _ in range(ATTEMPTS):
        entry = patiently(partial(store.get, entry_id))
        if entry is None:
            return "not_found"
        act = Act(ERASE, note, rewrite=erased_entry(entry, vault))
        result = patiently(partial(store.act, [entry_id], act))[0]
        if result != "changed":
            return result
    return result
