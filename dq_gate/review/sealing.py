"""Rotation: every payload under the first sealing key, so that older keys can be removed.

Safe beside writers and reviewers, and safe to cut short and start anew: each entry is rewritten by itself, and only if
nobody else rewrote it meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from dq_gate.core.lifecycle import REWRAP
from dq_gate.errors import ReviewError, SealedPayloadError, UnreadableEntryError
from dq_gate.events import EntryRewrapped
from dq_gate.quarantine import spool_file
from dq_gate.quarantine.entry import MAX_BATCH, SCHEMA_VERSION, Act, ActResult, Filter, HistoryItem
from dq_gate.quarantine.payload import ERASED, subjects_of, with_subjects
from dq_gate.quarantine.serial import entry_from_bytes
from dq_gate.quarantine.vault import is_sealed, key_of
from dq_gate.review.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Entry, Store, Waiver
    from dq_gate.quarantine.vault import Vault

ATTEMPTS = 10
"""How often an entry is read anew that others rewrite meanwhile."""

Rotated = ActResult | Literal["kept", "key_missing", "damaged"]
"""`kept`: it was under the first key already, or was erased. `key_missing`: it is under a key that the vault lacks."""
UNSEALED = ""
"""Stands for the key of what is not sealed."""


def rotate(
    store: Store,
    vault: Vault,
    *,
    who: str,
    emit: Callable[[Event], object],
    clock: Callable[[], float] = time.time,
) -> Iterator[tuple[str, Rotated]]:
    """Wrap the data key of every entry under the vault's first key, and seal what was stored before there was one.

    Args:
        store: Where the entries are.
        vault: Its first key is the new one; the keys in use so far have to be among the others.
        who: Who rotates, for history and events.
        emit: Takes the events.
        clock: Seconds since the epoch.

    Returns:
        Id and result of each entry, as it is dealt with; `done` means that it is under the first key now.

    Raises:
        ReviewError: there is no key, or the namespace is kept in a schema that has no place for sealed payloads.
    """
    if vault.first is None:
        raise ReviewError("no sealing key is set: set sealing_keys or sealing_keys_file, the new key first")
    if store.schema() < SCHEMA_VERSION:
        raise ReviewError("this namespace has no place for sealed payloads yet; run: dq-gate quarantine upgrade")
    done: list[str] = []
    try:
        for entry_id, entry in _each(store):
            note = HistoryItem(clock(), who, REWRAP.name, f"key {vault.first}")
            result: Rotated = "damaged" if entry is None else _rewrap(store, vault, entry, note)
            if result == "done":
                done.append(entry_id)
            if len(done) == MAX_BATCH:
                batch, done = tuple(done), []
                emit(EntryRewrapped(batch, who, vault.first))
            yield entry_id, result
    finally:
        if done:
            emit(EntryRewrapped(tuple(done), who, vault.first))


def keys_in_store(store: Store) -> Counter[str]:
    """Entries by the key that they are sealed under: its id, or `UNSEALED`. What is erased or damaged is under none."""
    entries = (entry for _, entry in _each(store) if entry is not None and entry.payload != ERASED)
    return Counter(key_of(entry.payload) or UNSEALED for entry in entries)


def keys_in_spools(directory: Path) -> Counter[str]:
    """The same for what waits, or is mirrored, in the spools of a directory, those of living processes included."""
    return Counter(key_of(entry.payload) or UNSEALED for entry in spooled(directory))


def spooled(directory: Path) -> Iterator[Entry]:
    """Every entry in the spools of a directory, as far as this release can read them. Takes no lock."""
    for path in spool_file.files_in(directory, "*"):
        with suppress(sqlite3.Error):
            for rows in spool_file.readable(path) if path.exists() else ():
                for *_, body in rows:
                    with suppress(UnreadableEntryError):
                        yield entry_from_bytes(body)


def _each(store: Store) -> Iterator[tuple[str, Entry | None]]:
    """Id and entry of all there are, oldest first; None for one that is damaged."""
    after: str | None = None
    while True:
        try:
            page = patiently(partial(store.find, Filter(), limit=MAX_BATCH, after=after))
            yield from ((entry.id, entry) for entry in page.entries)
            after = page.after
        except UnreadableEntryError:  # one of them: look at each
            ids = patiently(partial(store.ids, Filter(), limit=MAX_BATCH, after=after))
            yield from ((entry_id, _get(store, entry_id)) for entry_id in ids.ids)
            after = ids.after
        if after is None:
            return


def _get(store: Store, entry_id: str) -> Entry | None:
    try:
        return patiently(partial(store.get, entry_id))
    except UnreadableEntryError:
        return None


def _rewrap(store: Store, vault: Vault, entry: Entry, note: HistoryItem) -> Rotated:
    now: Entry | None = entry
    for _ in range(ATTEMPTS):
        if now is None:
            return "not_found"
        try:
            rewrite = _rewrapped(now, vault)
            if rewrite is None:
                return "kept"
            act = Act(REWRAP, note, waivers=_waivers_for(rewrite, now), rewrite=rewrite)
            result = patiently(partial(store.act, [now.id], act))[0]
            if result != "changed":
                return result
            now = patiently(partial(store.get, now.id))
        except SealedPayloadError as error:
            return "key_missing" if error.problem in ("unknown_key", "wrong_key") else "damaged"
        except UnreadableEntryError:
            return "damaged"
    return "changed"


def _waivers_for(rewrite: Entry, before: Entry) -> tuple[Waiver, ...]:
    """The waivers that hold for an entry's payload, for what it becomes when it is sealed."""
    if rewrite.payload_digest == before.payload_digest:
        return ()
    standing = (waiver for waiver in before.waivers if waiver.payload_digest == before.payload_digest)
    return tuple(replace(waiver, payload_digest=rewrite.payload_digest) for waiver in standing)


def _rewrapped(entry: Entry, vault: Vault) -> Entry | None:
    """The entry under the vault's first key; None when it needs no change."""
    if entry.payload == ERASED or key_of(entry.payload) == vault.first:
        return None
    if vault.digest(entry.payload) != entry.payload_digest:
        raise UnreadableEntryError(f"entry {entry.id}: its payload is not what was stored")
    document = vault.open(entry.id, entry.payload)
    if is_sealed(entry.payload):
        bare, payload = subjects_of(document), vault.rewrap(entry.id, entry.payload)
        assert payload is not None  # it is under another key
    else:
        bare = entry.subjects
        payload = vault.seal(entry.id, with_subjects(document, bare) if bare else document)
    return replace(entry, payload=payload, payload_digest=vault.digest(payload), subjects=vault.subjects(bare))
