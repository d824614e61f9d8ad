"""How the SQLite store keeps new entries, and removes finished ones. Each function runs in its caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq_gate.core.lifecycle import CLOSED, STATES
from dq_gate.quarantine.contract import deciding_rules
from dq_gate.quarantine.entry import MAX_BATCH
from dq_gate.quarantine.serial import body_to_bytes, to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from dq_gate.quarantine.entry import ActResult, Entry, PutResult


@dataclass(frozen=True, slots=True)
class Caps:
    """What a namespace holds at most.

    Attributes:
        max_open: Open entries of a group.
        max_bytes: Size of all bodies, in bytes; 0 for any.
    """

    max_open: int
    max_bytes: int


def put(db: sqlite3.Connection, entry: Entry, caps: Caps, *, schema: int, now: float) -> PutResult:
    """Keep an entry, count it, or see it again."""
    if _was_seen(db, entry, now):
        return "seen"
    if _is_forgotten(db, entry):
        _count(db, entry, kept=False)
        return "erased"
    body = body_to_bytes(entry, schema)
    is_full = _is_full(db, entry, len(body), caps)
    if not is_full:
        _keep(db, entry, body)
    _count(db, entry, kept=not is_full)
    return "counted" if is_full else "created"


def purge(db: sqlite3.Connection, namespace: str, entry_ids: Sequence[str], until: float) -> list[ActResult]:
    """Put tombstones in the place of closed entries."""
    results: list[ActResult] = []
    groups = set()
    for entry_id in entry_ids:
        number, state, fingerprint = db.execute(
            "SELECT number, state, fingerprint FROM entries WHERE namespace = ? AND id = ?", (namespace, entry_id)
        ).fetchone() or (0, "purged", "")
        if state == "purged":
            results.append("not_found")
        elif state not in CLOSED:
            results.append("wrong_state")
        else:
            _bury(db, number, until)
            groups.add(fingerprint)
            results.append("done")
    for fingerprint in groups:
        _renew_sample(db, namespace, fingerprint)
    return results


def remove_old_tombstones(db: sqlite3.Connection, now: float) -> None:
    """Remove the tombstones, at most `MAX_BATCH`, whose time is over."""
    rows = db.execute(
        "SELECT number FROM entries WHERE state = 'purged' AND tombstone_until <= ? ORDER BY tombstone_until LIMIT ?",
        (now, MAX_BATCH),
    ).fetchall()
    for (number,) in rows:
        _remove(db, number)


def file_under_subjects(db: sqlite3.Connection, number: int, entry: Entry) -> None:
    """Have an entry found by its subjects and by no others."""
    db.execute("DELETE FROM subjects WHERE number = ?", (number,))
    db.executemany(
        "INSERT OR IGNORE INTO subjects SELECT namespace, ?, created_at, id, number, ? FROM entries WHERE number = ?",
        [(subject, place, number) for place, subject in enumerate(entry.subjects)],
    )


def _was_seen(db: sqlite3.Connection, entry: Entry, now: float) -> bool:
    row = db.execute(
        "SELECT number, tombstone_until FROM entries WHERE namespace = ? AND id = ?", (entry.namespace, entry.id)
    ).fetchone()
    if row is None:
        return False
    number, tombstone_until = row
    if tombstone_until is not None and tombstone_until <= now:
        _remove(db, number)
        return False
    # Of the same moment, it is the same sighting, put once more because the first answer did not arrive.
    db.execute("UPDATE entries SET seen = seen + 1 WHERE number = ? AND created_at <> ?", (number, entry.created_at))
    return True


def _is_forgotten(db: sqlite3.Connection, entry: Entry) -> bool:
    query = "SELECT 1 FROM forgotten WHERE namespace = ? AND subject = ? AND at >= ?"
    return any(db.execute(query, (entry.namespace, subject, entry.created_at)).fetchone() for subject in entry.subjects)


def _is_full(db: sqlite3.Connection, entry: Entry, size: int, caps: Caps) -> bool:
    group = db.execute(
        "SELECT open FROM groups WHERE namespace = ? AND fingerprint = ?", (entry.namespace, entry.fingerprint)
    ).fetchone()
    if group is not None and group[0] >= caps.max_open:
        return True
    return caps.max_bytes > 0 and bytes_kept(db, entry.namespace) + size > caps.max_bytes


def bytes_kept(db: sqlite3.Connection, namespace: str) -> int:
    """The size of all bodies of a namespace."""
    row = db.execute("SELECT bytes FROM totals WHERE namespace = ?", (namespace,)).fetchone()
    return int(row[0]) if row else 0


def _keep(db: sqlite3.Connection, entry: Entry, body: bytes) -> None:
    number = db.execute(
        "INSERT INTO entries (namespace, id, state, source, fingerprint, created_at, seen, attempts,"
        " waivers, history) VALUES (?, ?, 'pending', ?, ?, ?, 1, 0, '', '')",
        (entry.namespace, entry.id, entry.source, entry.fingerprint, entry.created_at),
    ).lastrowid
    db.execute("INSERT INTO bodies VALUES (?, ?)", (number, body))
    db.executemany(
        "INSERT INTO reasons VALUES (?, 'pending', ?, ?, ?, ?)",
        [(entry.namespace, rule, entry.created_at, entry.id, number) for rule in deciding_rules(entry)],
    )
    if entry.subjects and number is not None:
        file_under_subjects(db, number, entry)


def _count(db: sqlite3.Connection, entry: Entry, *, kept: bool) -> None:
    db.execute(
        "INSERT INTO groups VALUES (:namespace, :fingerprint, :source, :pack, :rules, 1, :kept, 1 - :kept,"
        " :at, :at, CASE WHEN :kept THEN :id ELSE '' END, CASE WHEN :kept THEN :at END)"
        " ON CONFLICT DO UPDATE SET count = count + 1, open = open + excluded.open,"
        " counted_only = counted_only + excluded.counted_only,"
        " first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen),"
        " sample = CASE WHEN excluded.sample_at >= ifnull(sample_at, :at) THEN :id ELSE sample END,"
        " sample_at = CASE WHEN excluded.sample_at >= ifnull(sample_at, :at) THEN :at ELSE sample_at END",
        {
            "namespace": entry.namespace,
            "fingerprint": entry.fingerprint,
            "source": entry.source,
            "pack": entry.pack,
            "rules": to_json(deciding_rules(entry)),
            "kept": kept,
            "at": entry.created_at,
            "id": entry.id,
        },
    )


def _bury(db: sqlite3.Connection, number: int, until: float) -> None:
    db.execute(
        "UPDATE entries SET state = 'purged', tombstone_until = ?, source = '', fingerprint = '', verdict = NULL,"
        " waivers = '', history = '' WHERE number = ?",
        (until, number),
    )
    db.execute("UPDATE bodies SET body = x'' WHERE number = ?", (number,))
    db.execute("DELETE FROM reasons WHERE number = ?", (number,))
    db.execute("DELETE FROM subjects WHERE number = ?", (number,))


def _remove(db: sqlite3.Connection, number: int) -> None:
    """Remove a tombstone: all that is left of an entry."""
    db.execute("DELETE FROM bodies WHERE number = ?", (number,))
    db.execute("DELETE FROM entries WHERE number = ?", (number,))


def _renew_sample(db: sqlite3.Connection, namespace: str, fingerprint: str) -> None:
    """Name the newest entry that is left, when a group's sample was purged."""
    place = (namespace, fingerprint)
    is_there = db.execute(
        "SELECT 1 FROM groups JOIN entries ON entries.namespace = groups.namespace AND entries.id = sample"
        " WHERE groups.namespace = ? AND groups.fingerprint = ? AND state <> 'purged'",
        place,
    ).fetchone()
    if not is_there:
        newest_at, newest = max(_newest(db, place), default=(None, ""))
        db.execute(
            "UPDATE groups SET sample = ?, sample_at = ? WHERE namespace = ? AND fingerprint = ?",
            (newest, newest_at, *place),
        )


def _newest(db: sqlite3.Connection, place: tuple[str, str]) -> Iterable[tuple[float, str]]:
    """Time and id of the newest entry of a group in each state."""
    for state in STATES:
        yield from db.execute(
            "SELECT created_at, id FROM entries WHERE namespace = ? AND fingerprint = ? AND state = ?"
            " ORDER BY created_at DESC, id DESC LIMIT 1",
            (*place, state),
        )
