"""The durable local spool: entries that wait for the store, or are mirrored because it might lose them.

    <directory>/<target>-<random>.db      one process's SQLite file; every commit is synced
    <directory>/<target>-<random>.lock    locked (flock) by the spool's owner for as long as it lives

Whoever holds the lock owns the spool: process ids are used again, locks of the dead are not. The target names
the store and namespace that the entries are bound for, so that no entry is put in another. A file has one
connection: SQLite before 3.51.3 may corrupt a WAL that two connections write and checkpoint at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from dq_gate.errors import UnreadableEntryError
from dq_gate.quarantine.serial import entry_from_json, entry_to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from dq_gate.quarantine.entry import Entry

Kind = Literal["waiting", "mirrored"]
"""`waiting`: no store has it yet. `mirrored`: a store has it, but might lose it."""

SPOOL_ERRORS = (sqlite3.Error, OSError)
"""What a spool raises when its disk is full, read-only, gone or damaged."""

FORMAT = 1
MAX_PAGE_BYTES = 1 << 20
"""A page ends with the row that fills it: a hundred large payloads would outlast the store's time-out."""

_SCHEMA = f"""
BEGIN;
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used again: a reader's cursor relies on it
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    created_at REAL NOT NULL,
    adopted INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX by_kind ON entries (kind);
CREATE UNIQUE INDEX mirrored_once ON entries (id) WHERE kind = 'mirrored';
PRAGMA user_version = {FORMAT};
COMMIT;
"""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

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
    """

    def __init__(self, directory: Path, target: str) -> None:
        self.directory = directory
        self.target = target
        self._path: Path | None = None
        self._lock: int | None = None
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Make the file now, so that the first put costs no more than the others."""
        with _guard:
            self._opened()

    def put(self, entries: Iterable[Entry], kind: Kind = "waiting") -> None:
        """Keep entries; on return they are on the disk. A mirrored entry is kept once."""
        self._insert([(kind, entry.id, entry.created_at, False, entry_to_json(entry)) for entry in entries])

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
        """Forget rows."""
        with self._transaction() as db:
            db.executemany("DELETE FROM entries WHERE number = ?", ((number,) for number in numbers))

    def mirror(self, numbers: Iterable[int]) -> None:
        """Keep rows that waited, now that the store has them but might lose them."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE OR REPLACE entries SET kind = 'mirrored' WHERE number = ?",
                ((number,) for number in numbers),
            )

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
            self._insert([(kind, entry_id, created_at, True, body) for _, kind, entry_id, created_at, body in page])
            orphan.delete(number for number, *_ in page)
            moved += len(page)
        return moved

    def orphans(self) -> Iterator[Spool]:
        """Spools that dead processes left here for the same target, each locked while out, then closed."""
        for path in _spools(self.directory, f"{self.target}-*"):
            lock = _lock(path)
            if lock is None:
                continue
            orphan = Spool(self.directory, self.target)
            orphan._path, orphan._lock = path, lock
            with closing(orphan):
                if path.exists():
                    yield orphan
                else:
                    _unlink(path)

    def close(self) -> None:
        """Give the spool up: its files are removed when it is empty, else left to be adopted."""
        with _guard:
            if self._path is not None and self._is_empty():
                self._disconnect()
                _unlink(self._path)
            self._release()

    def abandon(self) -> None:
        """In a forked child: let the parent's lock go without unlocking it, and touch nothing else."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _insert(self, rows: Sequence[tuple[str, str, float, bool, bytes]]) -> None:
        with self._transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO entries (kind, id, created_at, adopted, body) VALUES (?, ?, ?, ?, ?)",
                rows,
            )

    def _page_of_any_kind(self) -> list[tuple[Any, ...]]:
        with self._transaction() as db:
            return _page(db, "SELECT number, kind, id, created_at, body FROM entries ORDER BY number LIMIT 1000")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """The file's connection, for this thread alone; at the end all is written and synced, or nothing."""
        with _guard:
            try:
                with self._opened() as db:
                    yield db
            except sqlite3.Error as error:
                if _tells_damage(error):
                    self._set_aside()
                raise

    def _opened(self) -> sqlite3.Connection:
        path = self._path
        if path is None or not path.exists():
            path = self._made_anew()
        if self._db is None:
            self._db = _connect(path)
        return self._db

    def _made_anew(self) -> Path:
        if self._path is not None:  # someone cleaned up under us: what is written from now on must be found
            self._disconnect()
            _unlink(self._path)
            self._release()
        for directory in (self.directory.parent, self.directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = None
        while lock is None:
            path = self.directory / f"{self.target}-{secrets.token_hex(8)}.db"
            lock = _lock(path)
        self._path, self._lock = path, lock
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return path

    def _is_empty(self) -> bool:
        if self._db is None:
            return False
        try:
            return not self._db.execute("SELECT EXISTS (SELECT 1 FROM entries)").fetchone()[0]
        except sqlite3.Error:
            return False

    def _set_aside(self) -> None:
        assert self._path is not None
        path = self._path
        self._disconnect()
        for name in (path.name, f"{path.name}-wal"):
            with suppress(FileNotFoundError):
                path.with_name(name).rename(path.with_name(f"{name}.corrupt"))
        _unlink(path)
        self._release()

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _release(self) -> None:
        self._disconnect()
        lock, self._lock, self._path = self._lock, None, None
        if lock is not None:
            os.close(lock)


def waiting(directory: Path) -> int:
    """How many entries wait in all spools of a directory, living processes' included. Takes no lock."""
    return sum(_waiting_in(path) for path in _spools(directory, "*") if path.exists())


def target_of(address: str, namespace: str) -> str:
    """Name a store and namespace for spools: 16 hexadecimal digits that no credential goes into."""
    parts = urlsplit(address)
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return hashlib.sha256(f"{place}\0{namespace}".encode()).hexdigest()[:16]


def _spools(directory: Path, pattern: str) -> list[Path]:
    """Spool files by name, also those of which only the lock is left."""
    files = (path for end in (".db", ".lock") for path in directory.glob(pattern + end))
    return sorted({path.with_suffix(".db") for path in files})


def _lock(path: Path) -> int | None:
    """Lock a spool; the open lock file, or None when another owner holds it or has just removed it."""
    lock_path = path.with_suffix(".lock")
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), lock_path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _unlink(path: Path) -> None:
    """Remove a spool's files, its lock last: until then nobody else can own it."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", path.with_suffix(".lock").name):
        path.with_name(name).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.executescript(_SCHEMA)
        elif version != FORMAT:
            raise sqlite3.NotSupportedError(f"spool format {version} is not one this release reads")
    except sqlite3.Error:
        db.close()
        raise
    return db


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
        return entry_from_json(body)
    except UnreadableEntryError:
        return None


def _count(db: sqlite3.Connection, kind: Kind) -> int:
    count: int = db.execute("SELECT count(*) FROM entries WHERE kind = ?", (kind,)).fetchone()[0]
    return count


def _waiting_in(path: Path) -> int:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return _count(db, "waiting")
    except sqlite3.Error:
        return 0


def _tells_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
