"""The state of an alert pack in a SQLite file, for evaluators of one machine.

The lease is a lock (flock) on `<path>.lock`, so that the kernel frees it when its holder dies. Who holds it is the only
one that writes; others read the history. Every commit is on the disk when it returns.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.alerts.state.contract import Delivery, GivenUp, Saved, Transition
from dq_gate.alerts.state.serial import (
    KEEP_DAYS,
    KEEP_NOTES,
    note_from_json,
    note_to_json,
    saved_from_json,
    to_json,
)
from dq_gate.errors import AlertStateError, BackendUnavailableError
from dq_gate.events import AlertFired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from threading import Event

APPLICATION_ID = 0x64716161
"""Marks a file as ours: `dqaa`."""
FORMAT = 1
STANDBY_SECONDS = 0.25
"""How often a standby tries for the lease."""

_SCHEMA = f"""
BEGIN;
CREATE TABLE pack (name TEXT NOT NULL);
CREATE TABLE watch (one INTEGER PRIMARY KEY CHECK (one = 1), positions BLOB NOT NULL, engine BLOB);
CREATE TABLE history (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    noted_at REAL NOT NULL,
    at INTEGER NOT NULL,
    alert TEXT NOT NULL,
    note BLOB NOT NULL
);
CREATE INDEX by_noting ON history (noted_at);
-- A firing that was delivered stays as `standing` until its resolution is delivered or given up.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    notifier TEXT NOT NULL,
    id TEXT NOT NULL,
    is_firing INTEGER NOT NULL,
    is_standing INTEGER NOT NULL DEFAULT 0,
    alert BLOB NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at REAL NOT NULL,
    created_at REAL NOT NULL,
    error TEXT
);
CREATE INDEX by_alert ON outbox (notifier, is_standing, id, number);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
"""
_DUE = """
SELECT number, notifier, alert, attempts, due_at, created_at FROM outbox AS one
WHERE notifier = ? AND is_standing = 0 AND (attempts = 0 OR due_at <= ?) AND NOT EXISTS (
    SELECT 1 FROM outbox AS other
    WHERE other.notifier = one.notifier AND other.is_standing = 0 AND other.id = one.id AND other.number < one.number
)
ORDER BY number LIMIT ?
"""
_STANDING = """
SELECT number, notifier, alert, attempts, due_at, created_at FROM outbox
WHERE notifier = ? AND is_standing = 1 ORDER BY number
"""
_TIMEOUT = 5.0
_WAL_BYTES = 4 << 20
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REASONS = {
    sqlite3.SQLITE_FULL: "its disk is full; free some space",
    sqlite3.SQLITE_IOERR: "its disk is full or fails; free some space",
    sqlite3.SQLITE_READONLY: "it cannot be written; make file and directory writable",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; make file and directory writable",
}


class SQLiteState:
    """A `StateStore` in a file.

    Args:
        path: The file; its directory is made with mode 0700, itself with 0600.
        pack: The alert pack's name.
    """

    def __init__(self, path: Path, pack: str) -> None:
        self._path = path.absolute()
        self._pack = pack
        self._guard = threading.RLock()
        self._lock: int | None = None
        self._db: sqlite3.Connection | None = None

    @property
    def way_out(self) -> str:
        """See `StateStore`."""
        return f"move {self._path} away to start afresh: what fires then is told once more"

    def acquire(self, stop: Event, on_standby: Callable[[str], None]) -> bool:
        """See `StateStore`."""
        with self._failures_told():
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self._lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        is_first = True
        while not _try_lock(lock):
            if is_first:
                on_standby(_holder(lock))
                is_first = False
            if stop.wait(STANDBY_SECONDS):
                return False
        with suppress(OSError):  # a full disk: the lock holds, and a standby names no number
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        with self._failures_told():
            self._db = self._opened()
        return True

    def load(self) -> Saved:
        """See `StateStore`."""
        with self._reading() as db:
            found = db.execute("SELECT positions, engine FROM watch").fetchone()
            return saved_from_json(*found) if found is not None else Saved()

    def commit(
        self, saved: Saved, transitions: Sequence[Transition], deliveries: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> None:
        """See `StateStore`."""
        now = time.time()
        engine = None if saved.engine is None else to_json(saved.engine)
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO watch VALUES (1, ?, ?)", (to_json(saved.positions), engine))
            if transitions:
                self._note(db, now, transitions)
            db.executemany(
                "INSERT INTO outbox (notifier, id, is_firing, alert, due_at, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (notifier, alert["id"], alert["event"] == AlertFired.name, to_json(alert), now, now)
                    for notifier, alert in deliveries
                ],
            )

    def due(self, notifier: str, now: float, limit: int) -> list[Delivery]:
        """See `Outbox`."""
        with self._reading() as db:
            return [_delivery(row) for row in db.execute(_DUE, (notifier, now, limit))]

    def standing(self, notifier: str) -> list[Delivery]:
        """See `Outbox`."""
        with self._reading() as db:
            return [_delivery(row) for row in db.execute(_STANDING, (notifier,))]

    def waiting(self) -> dict[str, int]:
        """See `Outbox`."""
        with self._reading() as db:
            return dict(
                db.execute("SELECT notifier, count(*) FROM outbox WHERE is_standing = 0 GROUP BY notifier").fetchall()
            )

    def settle(self, number: int) -> None:
        """See `Outbox`."""
        with self._writing() as db:
            db.execute("UPDATE outbox SET is_standing = 1 WHERE number = ? AND is_firing", (number,))
            self._end(db, number)

    def postpone(self, number: int, due_at: float, error: str) -> None:
        """See `Outbox`."""
        with self._writing() as db:
            db.execute(
                "UPDATE outbox SET attempts = attempts + 1, due_at = ?, error = ? WHERE number = ?",
                (due_at, error, number),
            )

    def give_up(self, number: int, error: str) -> None:
        """See `Outbox`."""
        now = time.time()
        with self._writing() as db:
            found = db.execute("SELECT notifier, alert FROM outbox WHERE number = ?", (number,)).fetchone()
            if found is not None:
                alert = orjson.loads(found[1])
                given_up = GivenUp(int(now * 1000), alert["alert"], alert["group"], alert["id"], found[0], error)
                self._note(db, now, [given_up])
            self._end(db, number)

    def history(self, *, since: int | None = None, alert: str | None = None) -> Iterator[Transition | GivenUp]:
        """See `StateStore`."""
        with self._failures_told():
            if not self._path.exists():
                return
        select = "SELECT note FROM history WHERE at >= ? AND (? IS NULL OR alert = ?) ORDER BY number"
        with self._failures_told(), closing(self._reader()) as db:
            for (note,) in db.execute(select, (since or 0, alert, alert)):
                yield note_from_json(note)

    def close(self) -> None:
        """See `StateStore`."""
        with self._guard:
            if self._db is not None:
                self._db.close()
                self._db = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def _note(self, db: sqlite3.Connection, now: float, notes: Sequence[Transition | GivenUp]) -> None:
        db.executemany(
            "INSERT INTO history (noted_at, at, alert, note) VALUES (?, ?, ?, ?)",
            [(now, note.at, note.alert, note_to_json(note)) for note in notes],
        )
        db.execute("DELETE FROM history WHERE noted_at < ?", (now - KEEP_DAYS * 86_400,))
        db.execute("DELETE FROM history WHERE number <= (SELECT max(number) FROM history) - ?", (KEEP_NOTES,))

    def _end(self, db: sqlite3.Connection, number: int) -> None:
        """Remove what is over, and with a resolution the firing it resolves; a standing one stays."""
        db.execute(
            "DELETE FROM outbox WHERE is_standing AND (notifier, id) IN "
            "(SELECT notifier, id FROM outbox WHERE number = ? AND NOT is_firing)",
            (number,),
        )
        db.execute("DELETE FROM outbox WHERE number = ? AND NOT is_standing", (number,))

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's turn with the connection of the lease's holder."""
        with self._guard, self._failures_told():
            if self._db is None:
                raise BackendUnavailableError(f"the alert state {self._path} is not open")
            yield self._db

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _DAMAGED:
                raise self._unreadable("is damaged") from None
            reason = _REASONS.get(code, f"SQLite says {getattr(error, 'sqlite_errorname', 'no')}")
            raise BackendUnavailableError(f"the alert state {self._path} cannot be used: {reason}") from None
        except (KeyError, TypeError, ValueError):
            raise self._unreadable("is damaged") from None
        except OSError as error:
            reason = f"{error.strerror}; make its directory writable"
            raise BackendUnavailableError(f"the alert state {self._path} cannot be used: {reason}") from None

    def _unreadable(self, reason: str) -> AlertStateError:
        return AlertStateError(f"the alert state {reason}; {self.way_out}")

    def _opened(self) -> sqlite3.Connection:
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        db = sqlite3.connect(self._path, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            if not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                db.executescript(_SCHEMA)
                db.execute("INSERT INTO pack VALUES (?)", (self._pack,))
                db.execute("COMMIT")
            self._check(db)
        except BaseException:
            db.close()
            raise
        return db

    def _reader(self) -> sqlite3.Connection:
        db = sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT)
        try:
            self._check(db)
        except BaseException:
            db.close()
            raise
        return db

    def _check(self, db: sqlite3.Connection) -> None:
        """Refuse what is not this pack's state, in this release's format."""
        (application,), (version,) = (
            db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        if application != APPLICATION_ID:
            raise AlertStateError(f"{self._path} is another program's database; name another place with --state")
        if version != FORMAT:
            raise AlertStateError(
                f"the alert state has format {version}, this release reads {FORMAT}; use the release that made it, or "
                f"{self.way_out}"
            )
        found = db.execute("SELECT name FROM pack").fetchone()
        if found is None or found[0] != self._pack:
            owner = "no alert pack" if found is None else f"the alert pack {found[0]!r}"
            raise AlertStateError(
                f"{self._path} holds the state of {owner}, not of {self._pack!r}; name another place with --state"
            )


def _delivery(row: tuple[int, str, bytes, int, float, float]) -> Delivery:
    number, notifier, alert, attempts, due_at, created_at = row
    return Delivery(number, notifier, orjson.loads(alert), attempts, due_at, created_at)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> str:
    """Who wrote its number into the lock file."""
    number = os.pread(lock, 20, 0).decode("ascii", "replace")
    return f"process {number}" if number.isdecimal() else "another process"
