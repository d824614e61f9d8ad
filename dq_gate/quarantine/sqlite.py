"""The quarantine in a SQLite file: what a machine without a server uses. The same semantics as Redis."""

from __future__ import annotations

import heapq
import math
import os
import sqlite3
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from dq_gate.core.lifecycle import EXPIRE, OPEN, STATES
from dq_gate.quarantine.contract import (
    Cursor,
    check_act,
    check_limit,
    check_new,
    deciding_rules,
    lapse_at,
    lease_rule,
    storable,
)
from dq_gate.quarantine.entry import MAX_BATCH, Act, Filter, Group, Health, Lease, Page, Stats
from dq_gate.quarantine.serial import (
    Life,
    body_to_json,
    entry_from_body,
    history_from_json,
    to_json,
    waivers_from_json,
)
from dq_gate.quarantine.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import ActResult, Entry, HistoryItem, PutResult, Waiver

FORMAT = 1

_SCHEMA = """
-- What actions change about an entry, and what they look at.
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at REAL NOT NULL,
    seen INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    lease_token TEXT,
    lease_owner TEXT,
    lease_until REAL,
    verdict TEXT,
    waivers TEXT NOT NULL,
    history TEXT NOT NULL,
    UNIQUE (namespace, id)
);
CREATE INDEX by_state ON entries (namespace, state, created_at, id);
CREATE INDEX by_source ON entries (namespace, state, source, created_at, id);
CREATE INDEX by_group ON entries (namespace, state, fingerprint, created_at, id);
CREATE INDEX by_lease ON entries (namespace, lease_until, id) WHERE state = 'leased';

-- What never changes: apart, so that an action does not rewrite it.
CREATE TABLE bodies (number INTEGER PRIMARY KEY, body BLOB NOT NULL);

CREATE TABLE reasons (
    namespace TEXT NOT NULL,
    state TEXT NOT NULL,
    rule TEXT NOT NULL,
    created_at REAL NOT NULL,
    id TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (namespace, state, rule, created_at, id)
) WITHOUT ROWID;
CREATE INDEX reasons_of_entry ON reasons (number);

CREATE TABLE groups (
    namespace TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    source TEXT NOT NULL,
    pack TEXT NOT NULL,
    rules TEXT NOT NULL,
    count INTEGER NOT NULL,
    open INTEGER NOT NULL,
    counted_only INTEGER NOT NULL,
    first_seen REAL NOT NULL,
    last_seen REAL NOT NULL,
    sample TEXT NOT NULL,
    sample_at REAL,
    PRIMARY KEY (namespace, fingerprint)
) WITHOUT ROWID;
CREATE INDEX largest ON groups (namespace, open, count, fingerprint)
"""

_START = Cursor(-math.inf, "")


class SqliteStore:
    """A `Store` in a SQLite file that several processes of a machine may share.

    Args:
        path: The file; made at first use.
        namespace: Keeps the quarantines of several applications apart.
        max_open: Open entries a group keeps; beyond it inputs are only counted.
        timeout: Seconds to wait for another thread or process that holds the file.
    """

    def __init__(self, path: Path, namespace: str, *, max_open: int = 100_000, timeout: float = 0.2) -> None:
        self._file = SqliteFile(path, _SCHEMA, FORMAT, timeout=timeout)
        self._namespace = namespace
        self._max_open = max_open

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        """See `Store.put`."""
        check_new(entries, self._namespace)
        with self._file.write() as db:
            return [self._put(db, entry) for entry in entries]

    def get(self, entry_id: str) -> Entry | None:
        """See `Store.get`."""
        with self._file.read() as db:
            row = db.execute(
                "SELECT number FROM entries WHERE namespace = ? AND id = ?",
                (self._namespace, storable(entry_id)),
            ).fetchone()
            return _read(db, *row) if row else None

    def find(self, where: Filter, *, limit: int = 50, after: str | None = None) -> Page:
        """See `Store.find`."""
        check_limit(limit)
        start = Cursor.parse(after) if after else _START
        states = [where.state] if where.state else STATES
        with self._file.read() as db:
            # One more than asked for tells whether there is a next page.
            found = self._walk(db, states, where, limit + 1, after=start)
            entries = tuple(_read(db, number) for _, _, number in found[:limit])
        is_last = len(found) <= limit
        return Page(entries, None if is_last else str(Cursor(entries[-1].created_at, entries[-1].id)))

    def groups(self, *, limit: int = 50) -> list[Group]:
        """See `Store.groups`."""
        check_limit(limit)
        with self._file.read() as db:
            rows = db.execute(
                "SELECT fingerprint, source, pack, rules, count, open, counted_only, first_seen, last_seen, sample"
                " FROM groups WHERE namespace = ? ORDER BY open DESC, count DESC, fingerprint DESC LIMIT ?",
                (self._namespace, limit),
            ).fetchall()
        return [
            Group(fingerprint, source, pack, tuple(orjson.loads(rules)), *counts)
            for fingerprint, source, pack, rules, *counts in rows
        ]

    def stats(self) -> Stats:
        """See `Store.stats`."""
        with self._file.read() as db:
            by_state = {state: self._count_of(db, state) for state in STATES}
            by_rule = self._open_counts(
                db, "SELECT rule, count(*) FROM reasons WHERE namespace = ? AND state = ? GROUP BY rule"
            )
            by_source = self._open_counts(
                db, "SELECT source, count(*) FROM entries WHERE namespace = ? AND state = ? GROUP BY source"
            )
            (groups,) = db.execute("SELECT count(*) FROM groups WHERE namespace = ?", (self._namespace,)).fetchone()
        return Stats(by_state, by_rule, by_source, groups)

    def act(self, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        """See `Store.act`."""
        check_act(entry_ids, act)
        if not entry_ids:
            return []
        with self._file.write() as db:
            return [self._act(db, storable(entry_id), act) for entry_id in entry_ids]

    def lapse(self, now: float) -> list[str]:
        """See `Store.lapse`."""
        with self._file.write() as db:
            due = db.execute(
                "SELECT id FROM entries WHERE namespace = ? AND state = 'leased' AND lease_until <= ?"
                " ORDER BY lease_until, id LIMIT ?",
                (self._namespace, now, MAX_BATCH),
            ).fetchall()
            return self._carry_out(db, [entry_id for (entry_id,) in due], lapse_at(now))

    def expire(self, before: float, note: HistoryItem) -> list[str]:
        """See `Store.expire`."""
        with self._file.write() as db:
            due = self._walk(db, sorted(OPEN), Filter(), MAX_BATCH, before=before)
            return self._carry_out(db, [entry_id for _, entry_id, _ in due], Act(EXPIRE, note))

    def ping(self) -> None:
        """See `Store.ping`."""
        with self._file.write():
            pass

    def health(self) -> Health:
        """See `Store.health`."""
        path = self._file.path
        with self._file.read() as db:
            ((journal,),) = db.execute("PRAGMA journal_mode")
        unsafe = []
        if journal != "wal":
            unsafe.append(f"the file system of {path.parent} cannot keep a write-ahead log; use a local disk")
        unsafe += [
            f"{place} is not writable; new entries wait in the spool until it is"
            for place in (path.parent, path)
            if not os.access(place, os.W_OK)
        ]
        detail = {"kind": "sqlite", "address": f"sqlite:///{path}", "version": sqlite3.sqlite_version}
        return Health(tuple(unsafe), detail)

    def settled(self) -> bool:
        """See `Store.settled`: every commit is synced before it is acknowledged."""
        return True

    def close(self) -> None:
        """See `Store.close`."""
        self._file.close()

    def _put(self, db: sqlite3.Connection, entry: Entry) -> PutResult:
        known = db.execute(
            "UPDATE entries SET seen = seen + 1 WHERE namespace = ? AND id = ?", (self._namespace, entry.id)
        )
        if known.rowcount:
            return "seen"
        group = db.execute(
            "SELECT open FROM groups WHERE namespace = ? AND fingerprint = ?",
            (self._namespace, entry.fingerprint),
        ).fetchone()
        is_full = (group[0] if group else 0) >= self._max_open
        if not is_full:
            self._keep(db, entry)
        self._count(db, entry, kept=not is_full)
        return "counted" if is_full else "created"

    def _keep(self, db: sqlite3.Connection, entry: Entry) -> None:
        number = db.execute(
            "INSERT INTO entries (namespace, id, state, source, fingerprint, created_at, seen, attempts,"
            " waivers, history) VALUES (?, ?, 'pending', ?, ?, ?, 1, 0, '', '')",
            (self._namespace, entry.id, entry.source, entry.fingerprint, entry.created_at),
        ).lastrowid
        db.execute("INSERT INTO bodies VALUES (?, ?)", (number, body_to_json(entry)))
        db.executemany(
            "INSERT INTO reasons VALUES (?, 'pending', ?, ?, ?, ?)",
            [(self._namespace, rule, entry.created_at, entry.id, number) for rule in deciding_rules(entry)],
        )

    def _count(self, db: sqlite3.Connection, entry: Entry, *, kept: bool) -> None:
        db.execute(
            "INSERT INTO groups VALUES (:namespace, :fingerprint, :source, :pack, :rules, 1, :kept, 1 - :kept,"
            " :at, :at, CASE WHEN :kept THEN :id ELSE '' END, CASE WHEN :kept THEN :at END)"
            " ON CONFLICT DO UPDATE SET count = count + 1, open = open + excluded.open,"
            " counted_only = counted_only + excluded.counted_only,"
            " first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen),"
            " sample = CASE WHEN excluded.sample_at >= ifnull(sample_at, :at) THEN :id ELSE sample END,"
            " sample_at = CASE WHEN excluded.sample_at >= ifnull(sample_at, :at) THEN :at ELSE sample_at END",
            {
                "namespace": self._namespace,
                "fingerprint": entry.fingerprint,
                "source": entry.source,
                "pack": entry.pack,
                "rules": to_json(deciding_rules(entry)),
                "kept": kept,
                "at": entry.created_at,
                "id": entry.id,
            },
        )

    def _act(self, db: sqlite3.Connection, entry_id: str, act: Act) -> ActResult:
        row = db.execute(
            "SELECT number, state, fingerprint, lease_token, lease_until FROM entries WHERE namespace = ? AND id = ?",
            (self._namespace, entry_id),
        ).fetchone()
        if row is None:
            return "not_found"
        number, state, fingerprint, token, until = row
        if state not in act.action.sources:
            return "wrong_state"
        if not _holds(act, token, until):
            return "lease_lost"
        self._write_life(db, number, act)
        if act.action.target not in OPEN:
            db.execute(
                "UPDATE groups SET open = open - 1 WHERE namespace = ? AND fingerprint = ?",
                (self._namespace, fingerprint),
            )
        return "done"

    def _write_life(self, db: sqlite3.Connection, number: int, act: Act) -> None:
        lease = act.lease if act.action.takes_lease else None
        db.execute(
            "UPDATE entries SET state = ?, attempts = attempts + ?, lease_token = ?, lease_owner = ?,"
            " lease_until = ?, verdict = ifnull(?, verdict), waivers = waivers || ?, history = history || ?"
            " WHERE number = ?",
            (
                act.action.target,
                act.action.counts_attempt,
                storable(lease.token) if lease else None,
                storable(lease.owner) if lease else None,
                lease.until if lease else None,
                act.verdict,
                _lines(act.waivers),
                _lines([act.note]),
                number,
            ),
        )
        db.execute("UPDATE reasons SET state = ? WHERE number = ?", (act.action.target, number))

    def _carry_out(self, db: sqlite3.Connection, ids: Sequence[str], act: Act) -> list[str]:
        return [entry_id for entry_id in ids if self._act(db, entry_id, act) == "done"]

    def _walk(
        self,
        db: sqlite3.Connection,
        states: Sequence[State],
        where: Filter,
        wanted: int,
        *,
        after: Cursor = _START,
        before: float = math.inf,
    ) -> list[tuple[float, str, int]]:
        """Time, id and number of entries in order: one walk along an index per state, merged."""
        query, values = _walk_query(where)
        place = (after.created_at, after.entry_id, before, *values, wanted)
        walks = (db.execute(query, (self._namespace, state, *place)) for state in states)
        return list(islice(heapq.merge(*walks), wanted))

    def _count_of(self, db: sqlite3.Connection, state: State) -> int:
        count = db.execute("SELECT count(*) FROM entries WHERE namespace = ? AND state = ?", (self._namespace, state))
        return int(count.fetchone()[0])

    def _open_counts(self, db: sqlite3.Connection, query: str) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for state in OPEN:
            counts.update(dict(db.execute(query, (self._namespace, state)).fetchall()))
        return dict(counts)


def _walk_query(where: Filter) -> tuple[str, list[str]]:
    """The walk along the narrowest index, and the values of its conditions."""
    walked, entry = ("entries AS walked", "walked")
    conditions = {"walked.rule": where.rule}
    if where.rule is not None:
        # Crossed, so that the order of the index stands: SQLite would sort what a join of its own gives.
        walked, entry = ("reasons AS walked CROSS JOIN entries ON entries.number = walked.number", "entries")
    conditions |= {f"{entry}.source": where.source, f"{entry}.fingerprint": where.group}
    given = {column: storable(value) for column, value in conditions.items() if value is not None}
    query = (
        f"SELECT walked.created_at, walked.id, walked.number FROM {walked}"  # noqa: S608 - our own names only
        " WHERE walked.namespace = ? AND walked.state = ?"
        " AND (walked.created_at, walked.id) > (?, ?) AND walked.created_at < ?"
        f"{''.join(f' AND {column} = ?' for column in given)}"
        " ORDER BY walked.created_at, walked.id LIMIT ?"
    )
    return query, list(given.values())


def _read(db: sqlite3.Connection, number: int) -> Entry:
    body, state, attempts, seen, token, owner, until, verdict, waivers, history = db.execute(
        "SELECT body, state, attempts, seen, lease_token, lease_owner, lease_until, verdict, waivers, history"
        " FROM entries JOIN bodies USING (number) WHERE number = ?",
        (number,),
    ).fetchone()
    life = Life(
        state=state,
        attempts=attempts,
        seen=seen,
        lease=None if token is None else Lease(token, owner, until),
        verdict=verdict,
        waivers=waivers_from_json(waivers.split("\n")[:-1]),
        history=history_from_json(history.split("\n")[:-1]),
    )
    return entry_from_body(body, life)


def _lines(documents: Sequence[HistoryItem | Waiver]) -> str:
    """One JSON object a line; JSON escapes the line breaks in texts."""
    return "".join(f"{to_json(document).decode()}\n" for document in documents)


def _holds(act: Act, token: str | None, until: float | None) -> bool:
    """Whether an entry's lease lets an act go ahead."""
    runs = until is not None and until > act.note.at
    match lease_rule(act.action):
        case "takes":
            return not runs or (act.lease is not None and token == storable(act.lease.token))
        case "needs":
            return runs and act.token is not None and token == storable(act.token)
        case "lapsed":
            return not runs
        case "":
            return True
