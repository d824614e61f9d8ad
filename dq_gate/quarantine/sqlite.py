"""The quarantine in a SQLite file: what a machine without a server uses. The same semantics as Redis."""

from __future__ import annotations

import functools
import os
import pwd
import sqlite3
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from dq_gate.core.lifecycle import EXPIRE, OPEN
from dq_gate.quarantine import sqlite_deliver, sqlite_find, sqlite_put, sqlite_schema
from dq_gate.quarantine.contract import Cursor, check_act, check_batch, check_limit, check_new, lapse_at, storable
from dq_gate.quarantine.entry import MAX_BATCH, MAX_IDS, Act, Filter, Health, IdPage, Page
from dq_gate.quarantine.sqlite_act import act_on
from dq_gate.quarantine.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dq_gate.quarantine.entry import ActResult, Delivery, Depth, Entry, Group, HistoryItem, PutResult, Stats


class SqliteStore:
    """A `Store` in a SQLite file that several processes of a machine may share.

    Args:
        path: The file; made at first use.
        namespace: Keeps the quarantines of several applications apart.
        max_open: Open entries a group keeps; beyond it inputs are only counted.
        max_bytes: Bytes of all bodies it keeps; beyond it inputs are only counted. 0 for any.
        timeout: Seconds to wait for another thread or process that holds the file.
    """

    def __init__(
        self, path: Path, namespace: str, *, max_open: int = 100_000, max_bytes: int = 0, timeout: float = 0.2
    ) -> None:
        self._file = SqliteFile(path, timeout=timeout)
        self._namespace = namespace
        self._caps = sqlite_put.Caps(max_open, max_bytes)

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        """See `Store.put`."""
        check_new(entries, self._namespace)
        if not entries:
            return []
        with self._file.write() as db:
            now = time.time()
            sqlite_put.remove_old_tombstones(db, now)
            schema = sqlite_schema.read_format(db)
            return [sqlite_put.put(db, entry, self._caps, schema=schema, now=now) for entry in entries]

    def get(self, entry_id: str) -> Entry | None:
        """See `Store.get`."""
        with self._file.read() as db:
            row = db.execute(
                "SELECT number FROM entries WHERE namespace = ? AND id = ? AND state <> 'purged'",
                (self._namespace, storable(entry_id)),
            ).fetchone()
            return sqlite_find.read(db, *row) if row else None

    def known(self, entry_ids: Sequence[str]) -> list[bool]:
        """See `Store.known`."""
        check_batch(entry_ids)
        query = "SELECT 1 FROM entries WHERE namespace = ? AND id = ? AND ifnull(tombstone_until > ?, TRUE)"
        with self._file.read() as db:
            now = time.time()
            rows = (db.execute(query, (self._namespace, storable(entry_id), now)).fetchone() for entry_id in entry_ids)
            return [row is not None for row in rows]

    def find(self, where: Filter, *, limit: int = 50, after: str | None = None) -> Page:
        """See `Store.find`."""
        check_limit(limit)
        with self._file.read() as db:
            found, cursor = self._page(db, where, limit, after)
            return Page(tuple(sqlite_find.read(db, number) for _, _, number in found), cursor)

    def ids(self, where: Filter, *, limit: int = MAX_IDS, after: str | None = None) -> IdPage:
        """See `Store.ids`."""
        check_limit(limit, MAX_IDS)
        with self._file.read() as db:
            found, cursor = self._page(db, where, limit, after)
        return IdPage(tuple(entry_id for _, entry_id, _ in found), cursor)

    def groups(self, *, limit: int = 50) -> list[Group]:
        """See `Store.groups`."""
        check_limit(limit)
        with self._file.read() as db:
            return sqlite_find.largest_groups(db, self._namespace, limit)

    def group(self, fingerprint: str) -> Group | None:
        """See `Store.group`."""
        with self._file.read() as db:
            return sqlite_find.group(db, self._namespace, storable(fingerprint))

    def stats(self) -> Stats:
        """See `Store.stats`."""
        with self._file.read() as db:
            return sqlite_find.count_all(db, self._namespace)

    def depth(self) -> Depth:
        """See `Store.depth`."""
        with self._file.read() as db:
            return sqlite_find.depth(db, self._namespace)

    def act(self, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        """See `Store.act`."""
        check_act(entry_ids, act)
        if not entry_ids:
            return []
        with self._file.write() as db:
            return self._act(db, [storable(entry_id) for entry_id in entry_ids], act)

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
            due = sqlite_find.walk(db, self._namespace, Filter(before=before), MAX_BATCH, states=sorted(OPEN))
            return self._carry_out(db, [entry_id for _, entry_id, _ in due], Act(EXPIRE, note))

    def purge(self, entry_ids: Sequence[str], until: float) -> list[ActResult]:
        """See `Store.purge`."""
        check_batch(entry_ids)
        if not entry_ids:
            return []
        with self._file.write() as db:
            results = sqlite_put.purge(db, self._namespace, [storable(entry_id) for entry_id in entry_ids], until)
            sqlite_put.remove_old_tombstones(db, time.time())
            return results

    def deliver(self, consumer: str, *, limit: int, idle_s: float) -> list[Delivery]:
        """See `Store.deliver`. What cannot be redriven yet, by lease or `not_before`, is held back."""
        check_limit(limit)
        with self._file.write() as db:
            return sqlite_deliver.deliver(
                db, self._namespace, storable(consumer), limit=limit, idle_s=idle_s, now=time.time()
            )

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See `Store.acknowledge`."""
        check_batch(deliveries)
        messages = [(delivery.message,) for delivery in deliveries if delivery.message]
        if messages:
            with self._file.write() as db:
                db.executemany("DELETE FROM released WHERE message = ?", messages)

    def forget(self, subjects: Sequence[str], at: float) -> None:
        """See `Store.forget`."""
        check_batch(subjects)
        with self._file.write() as db:
            db.executemany(
                "INSERT INTO forgotten VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
                [(self._namespace, storable(subject), at) for subject in subjects],
            )

    def forgotten(self) -> dict[str, float]:
        """See `Store.forgotten`."""
        with self._file.read() as db:
            rows = db.execute("SELECT subject, at FROM forgotten WHERE namespace = ?", (self._namespace,))
            return dict(rows.fetchall())

    def schema(self) -> int:
        """See `Store.schema`. All namespaces of a file have one; a file of the release before has 1 though empty."""
        with self._file.read() as db:
            return sqlite_schema.read_format(db)

    def upgrade(self) -> int:
        """See `Store.upgrade`. All namespaces of the file are upgraded."""
        with self._file.write() as db:
            before = sqlite_schema.read_format(db)
            sqlite_schema.write_format(db)
            return before

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

    def _page(
        self, db: sqlite3.Connection, where: Filter, limit: int, after: str | None
    ) -> tuple[list[tuple[float, str, int]], str | None]:
        """Time, id and number of entries, and the cursor of the page that follows."""
        start = Cursor.parse(after) if after else None
        # One more than asked for tells whether there is a next page.
        found = sqlite_find.walk(db, self._namespace, where, limit + 1, after=start)
        cursor = str(Cursor(*found[limit - 1][:2])) if len(found) > limit else None
        return found[:limit], cursor

    def _act(self, db: sqlite3.Connection, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        act = replace(act, note=replace(act.note, account=_account(os.geteuid())))
        schema = sqlite_schema.read_format(db)
        return [act_on(db, self._namespace, entry_id, act, schema=schema) for entry_id in entry_ids]

    def _carry_out(self, db: sqlite3.Connection, ids: Sequence[str], act: Act) -> list[str]:
        return [entry_id for entry_id, result in zip(ids, self._act(db, ids, act), strict=True) if result == "done"]


@functools.cache
def _account(user: int) -> str:
    """The system's name for a user, or its number when it has none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
