"""The durable local spool: entries that wait for the store, or are mirrored because it might lose them.

    <directory>/<target>-<random>.db      one process's SQLite file; every commit is synced
    <directory>/<target>-<random>.lock    locked (flock) by the spool's owner for as long as it lives

Whoever holds the lock owns the spool: process ids are used again, locks of the dead are not. The target names
the store and namespace that the entries are bound for, so that no entry is put in another. A file has one
connection: SQLite before 3.51.3 may corrupt a WAL that two connections write and checkpoint at once.
"""

from __future__ import annotations

import hashlib
import math
import os
import secrets
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from dq_gate.errors import UnreadableEntryError
from dq_gate.quarantine import spool_file
from dq_gate.quarantine.serial import entry_from_bytes, entry_to_bytes
from dq_gate.quarantine.spool_file import Kept, SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dq_gate.quarantine.entry import Entry

Kind = Literal["waiting", "mirrored"]
"""`waiting`: no store has it yet. `mirrored`: a store has it, but might lose it."""

SPOOL_ERRORS = (sqlite3.Error, OSError)
"""What a spool raises when its disk is full, read-only, gone or damaged."""

MAX_PAGE_BYTES = 1 << 20
"""A page ends with the row that fills it: a hundred large payloads would outlast the store's time-out."""

_guard = threading.RLock()
"""Held around every use of SQLite, by all spools of the process, and by whoever forks: a child whose parent was
within SQLite would find SQLite's own locks taken for ever."""
os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_guard.release)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry in a spool.

    Attributes:
        number: Its place; rises with every put.
        entry: None when this release cannot read it; the row stays for one that can.
        adopted: Another process left it behind.
    """

    number: int
    entry: Entry | None
    adopted: bool


class Spool:
    """One spool file and its lock. Makes them at first use, removes them when closed empty. Thread-safe.

    Every method but `close` and `abandon` raises one of `SPOOL_ERRORS` when the disk does not play along. A
    file that turns out damaged is renamed to `*.corrupt` before that; the next call starts a fresh one.

    Args:
        directory: Where the spools of all processes live; made with mode 0700.
        target: What `target_of` says about the store and namespace.
        max_bytes: How much all spools of the directory may hold together; beyond it a put raises `SpoolFullError`.

    Attributes:
        waiting: How many rows wait for the store, known without asking the disk.
    """

    def __init__(self, directory: Path, target: str, *, max_bytes: float = math.inf) -> None:
        self.waiting = 0
        self.directory = directory
        self.target = target
        self._max_bytes = max_bytes
        self._path: Path | None = None
        self._lock: int | None = None
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Make the file now, so that the first put costs no more than the others."""
        with _guard:
            self._opened()

    def put(self, entries: Iterable[Entry], kind: Kind = "waiting") -> None:
        """Keep entries, all or none; on return they are on the disk. A mirrored entry is kept once."""
        rows = [(kind, entry.id, entry.created_at, False, entry_to_bytes(entry)) for entry in entries]
        with _guard:
            with self._transaction() as db:
                self._check_room(db, sum(len(body) for *_, body in rows))
                _insert(db, rows)
            self.waiting += len(rows) if kind == "waiting" else 0

    def take(self, limit: int, *, after: int = 0, kind: Kind = "waiting") -> list[Row]:
        """The oldest rows past a number, at most `limit` and about `MAX_PAGE_BYTES`; they stay."""
        with self._transaction() as db:
            page = _page(
                db,
                "SELECT number, adopted, body FROM entries WHERE kind = ? AND number > ? ORDER BY number LIMIT ?",
                (kind, after, limit),
            )
        return [Row(number, _decoded(body), bool(adopted)) for number, adopted, body in page]

    def delete(self, numbers: Iterable[int]) -> None:
        """Forget rows. On a full disk, which takes no deletion either, a file without other rows goes as a whole."""
        numbers = list(numbers)
        try:
            self._delete(numbers)
        except sqlite3.Error as error:
            if not (spool_file.tells_full(error) and self._dropped(numbers)):
                raise
            return
        with self._transaction() as db:
            assert self._path is not None
            spool_file.give_back(self._path, db)

    def mirror(self, numbers: Iterable[int]) -> None:
        """Keep rows that waited, now that the store has them but might lose them."""
        with _guard:
            with self._transaction() as db:
                mirrored = db.executemany(
                    "UPDATE OR REPLACE entries SET kind = 'mirrored' WHERE number = ? AND kind = 'waiting'",
                    [(number,) for number in numbers],
                ).rowcount
            self.waiting -= mirrored

    def prune(self, before: float) -> None:
        """Forget mirrored entries created before a time (seconds since the epoch)."""
        with self._transaction() as db:
            db.execute("DELETE FROM entries WHERE kind = 'mirrored' AND created_at < ?", (before,))

    def count(self, kind: Kind = "waiting") -> int:
        """How many rows of a kind there are."""
        with self._transaction() as db:
            return _count(db, kind)

    def absorb(self, orphan: Spool) -> int:
        """Move every row of an adopted spool here, page by page; returns how many.

        A crash half-way leaves a page in both, which is harmless: a store keeps an id once.
        """
        moved = 0
        while page := orphan._page_of_any_kind():
            self._adopt([(kind, entry_id, created_at, body) for _, kind, entry_id, created_at, body in page])
            try:
                orphan.delete(number for number, *_ in page)
            except sqlite3.Error:
                orphan._verify()
                raise
            moved += len(page)
        return moved

    def orphans(self) -> Iterator[Spool]:
        """Spools that dead processes left here for the same target, each locked while out, then closed.

        One of a format that this release does not read is left to the release that wrote it.
        """
        for path in spool_file.files_in(self.directory, f"{self.target}-*"):
            lock = spool_file.lock(path)
            if lock is None:
                continue
            orphan = Spool(self.directory, self.target)
            orphan._path, orphan._lock = path, lock
            with closing(orphan):
                if not path.exists():
                    spool_file.unlink(path)
                elif not _is_unknown(path):
                    yield orphan

    def salvage(self) -> int:
        """Take over what can be read of files that were set aside as damaged; returns how many rows that were.

        What has gone to the store meanwhile may be among them, which is harmless: a store keeps an id once.
        """
        return sum(self._salvage(corrupt) for corrupt in self.directory.glob(f"{self.target}-*.db.corrupt"))

    def forget(self, forgotten: Mapping[str, float]) -> None:
        """Remove entries of subjects whose data was erased.

        Args:
            forgotten: Up to when, by subject: an entry that was created later is of data that came anew.
        """
        after, is_changed = 0, False
        while page := self._page_of_any_kind(after):
            numbers = [number for number, *_, body in page if _is_forgotten(body, forgotten)]
            if numbers:
                self.delete(numbers)
                is_changed = True
            after = page[-1][0]
        if is_changed:
            with self._transaction() as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log still has what the file has no more

    def close(self) -> None:
        """Give the spool up: its files are removed when it is empty, else left to be adopted."""
        with _guard:
            self._dropped(())
            self._release()

    def abandon(self) -> None:
        """In a forked child: let the parent's lock go without unlocking it, and touch nothing else."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _check_room(self, db: sqlite3.Connection, more: int) -> None:
        assert self._path is not None
        if math.isfinite(self._max_bytes) and spool_file.bytes_used(self._path, db) + more > self._max_bytes:
            raise SpoolFullError(f"it is full: the spools of this directory hold {self._max_bytes / 1e6:g} MB")

    def _delete(self, numbers: list[int]) -> None:
        places = [(number,) for number in numbers]
        with _guard:
            with self._transaction() as db:
                waited = db.executemany("DELETE FROM entries WHERE number = ? AND kind = 'waiting'", places).rowcount
                db.executemany("DELETE FROM entries WHERE number = ?", places)
            self.waiting -= waited

    def _adopt(self, rows: Sequence[Kept]) -> None:
        with _guard:
            with self._transaction() as db:
                _insert(db, [(kind, entry_id, created_at, True, body) for kind, entry_id, created_at, body in rows])
            self.waiting += sum(kind == "waiting" for kind, *_ in rows)

    def _salvage(self, corrupt: Path) -> int:
        path = corrupt.with_suffix("")
        lock = spool_file.lock(path)
        if lock is None:
            return 0
        try:
            moved = 0
            for rows in _salvageable(corrupt):
                self._adopt(rows)
                moved += len(rows)
            spool_file.rename(corrupt, path.with_suffix(".db.damaged"))
            spool_file.unlink(path)
            return moved
        finally:
            os.close(lock)

    def _page_of_any_kind(self, after: int = 0) -> list[tuple[Any, ...]]:
        with self._transaction() as db:
            return _page(
                db,
                "SELECT number, kind, id, created_at, body FROM entries WHERE number > ? ORDER BY number LIMIT 1000",
                (after,),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """The file's connection, for this thread alone; at the end all is written and synced, or nothing."""
        with _guard:
            try:
                with self._opened() as db:
                    yield db
            except sqlite3.Error as error:
                if spool_file.tells_damage(error):
                    self._set_aside()
                elif spool_file.tells_full(error):
                    self._dropped(())  # what fills the disk may be the log of what is here no more
                raise

    def _opened(self) -> sqlite3.Connection:
        path = self._path
        if path is None or not path.exists():
            path = self._made_anew()
        if self._db is None:
            self._db = spool_file.connect(path)
            self.waiting = _count(self._db, "waiting")
        return self._db

    def _made_anew(self) -> Path:
        self._start_over()  # if someone cleaned up under us, what is written from now on must be found
        for directory in (self.directory.parent, self.directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = None
        while lock is None:
            path = self.directory / f"{self.target}-{secrets.token_hex(8)}.db"
            lock = spool_file.lock(path)
        self._path, self._lock = path, lock
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return path

    def _has_only(self, numbers: Iterable[int]) -> bool:
        """Whether the file has no rows but these; no, when it cannot be read."""
        if self._db is None:
            return False
        try:
            return {number for (number,) in self._db.execute("SELECT number FROM entries")} <= set(numbers)
        except sqlite3.Error:
            return False

    def _dropped(self, numbers: Iterable[int]) -> bool:
        """Remove the file if it has no rows but these."""
        with _guard:
            is_all = self._has_only(numbers)
            if is_all:
                self._start_over()
            return is_all

    def _start_over(self) -> None:
        if self._path is not None:
            self._disconnect()
            spool_file.unlink(self._path)
        self._release()

    def _verify(self) -> None:
        """Set the file aside if it is damaged: SQLite may take garbage for a disk that is full."""
        with _guard:
            if self._db is not None and self._db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                self._set_aside()

    def _set_aside(self) -> None:
        assert self._path is not None
        path = self._path
        self._disconnect()
        spool_file.rename(path, path.with_suffix(".db.corrupt"))
        spool_file.unlink(path)
        self._release()

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _release(self) -> None:
        self._disconnect()
        self.waiting = 0
        lock, self._lock, self._path = self._lock, None, None
        if lock is not None:
            os.close(lock)


def waiting(directory: Path) -> int:
    """How many entries wait in all spools of a directory, living processes' included. Takes no lock."""
    return sum(spool_file.waiting_in(path) for path in spool_file.files_in(directory, "*") if path.exists())


def target_of(address: str, namespace: str) -> str:
    """Name a store and namespace for spools: 16 hexadecimal digits that no credential goes into."""
    parts = urlsplit(address)
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return hashlib.sha256(f"{place}\0{namespace}".encode()).hexdigest()[:16]


def _page(db: sqlite3.Connection, select: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The rows of a query whose last column is the body, until a page is full."""
    page, size = [], 0
    with closing(db.execute(select, parameters)) as rows:
        for row in rows:
            page.append(row)
            size += len(row[-1])
            if size >= MAX_PAGE_BYTES:
                break
    return page


def _decoded(body: bytes) -> Entry | None:
    try:
        return entry_from_bytes(body)
    except UnreadableEntryError:
        return None


def _insert(db: sqlite3.Connection, rows: Iterable[tuple[str, str, float, bool, bytes]]) -> None:
    db.executemany("INSERT OR IGNORE INTO entries (kind, id, created_at, adopted, body) VALUES (?, ?, ?, ?, ?)", rows)


def _is_unknown(path: Path) -> bool:
    with _guard:
        return spool_file.is_unknown(path)


def _salvageable(path: Path) -> Iterator[list[Kept]]:
    """The rows of a damaged file that are whole entries, some at a time."""
    pages = spool_file.readable(path)
    while True:
        with _guard:
            page = next(pages, None)
        if page is None:
            return
        yield [row for row in page if _decoded(row[-1]) is not None]


def _is_forgotten(body: bytes, forgotten: Mapping[str, float]) -> bool:
    if not any(subject.encode() in body for subject in forgotten):  # much cheaper than reading every entry
        return False
    entry = _decoded(body)
    return entry is not None and any(entry.created_at <= forgotten.get(each, -math.inf) for each in entry.subjects)


def _count(db: sqlite3.Connection, kind: Kind) -> int:
    count: int = db.execute("SELECT count(*) FROM entries WHERE kind = ?", (kind,)).fetchone()[0]
    return count
