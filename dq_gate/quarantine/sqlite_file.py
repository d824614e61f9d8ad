"""The SQLite file that the processes of a machine share: opened late, written by one at a time.

SQLite before 3.51.3 can lose commits when two connections write and checkpoint a write-ahead log at once. So
opening and every write, with the checkpoint that may follow, happen under a lock on `<path>.lock`. Closing
needs none: SQLite checkpoints then only when no other connection is left.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine import sqlite_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPLICATION_ID = 0x64716774
"""Marks a file as ours: `dqgt`."""

_POLL = 0.002
_ELSEWHERE = "or name another place with --quarantine or DQ_GATE_QUARANTINE"
_REASONS = {
    sqlite3.SQLITE_FULL: "its disk is full; free some space",
    sqlite3.SQLITE_READONLY: f"it cannot be written; make file and directory writable, {_ELSEWHERE}",
    sqlite3.SQLITE_CANTOPEN: f"it cannot be opened; make file and directory writable, {_ELSEWHERE}",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore it, or move it away and a new one is made",
    sqlite3.SQLITE_NOTADB: "it is no SQLite file; restore it, or move it away and a new one is made",
}
_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
"""Errors after which the connection is as good as before."""


class SqliteFile:
    """A SQLite database in WAL mode that syncs every commit. Safe to use from several threads.

    Args:
        path: The file; its directory is made with mode 0700, itself with 0600.
        timeout: Seconds to wait for another thread or process.
    """

    def __init__(self, path: Path, *, timeout: float) -> None:
        self.path = path.absolute()
        self._timeout = timeout
        self._guard = threading.RLock()
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        _files.add(self)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The file as of one moment.

        Raises:
            BackendUnavailableError: it cannot be opened or read.
        """
        with self._held() as deadline:
            if self._connection is None:
                with self._locked(deadline):
                    self._connection = self._opened()
            with _transaction(self._connection, "BEGIN"):
                yield self._connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is on the disk once this ends, or undone when it raises.

        Raises:
            BackendUnavailableError: it cannot be opened or written, or another process holds it too long.
        """
        with self._held() as deadline, self._locked(deadline):
            if self._connection is None:
                self._connection = self._opened()
            with _transaction(self._connection, "BEGIN IMMEDIATE"):
                yield self._connection

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._guard:
            self._disconnect()
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def hold_for_fork(self) -> None:
        """Wait until no thread is within SQLite, and close the file; parent and child each open it again.

        SQLite remembers for its whole process which locks it holds on a file. A child that inherits this holds none
        of them: the parent's closing would remove the write-ahead log that the child still commits to.
        """
        self._guard.acquire()
        if self._connection is not None and not self._connection.in_transaction:
            with suppress(BackendUnavailableError, OSError), self._locked(time.monotonic() + self._timeout):
                self._disconnect()

    def release_after_fork(self) -> None:
        """In the parent: go on."""
        self._guard.release()

    def leave_to_parent(self) -> None:
        """In a forked child: let go of what is the parent's without touching it."""
        if self._connection is not None:
            import ctypes

            # Even closing would write: SQLite undoes the parent's open transaction in the memory both share.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self._guard = threading.RLock()

    @contextmanager
    def _held(self) -> Iterator[float]:
        """This thread's turn; gives the time until which to wait for other processes."""
        deadline = time.monotonic() + self._timeout
        if not self._guard.acquire(timeout=self._timeout):
            raise self._unavailable(f"it was busy for {self._timeout:g} s; try again")
        try:
            yield deadline
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code not in _PASSING:
                # The file may be repaired or replaced by the next use.
                self._disconnect()
            busy = f"another program held it for {self._timeout:g} s; try again"
            reason = busy if code in _PASSING else f"SQLite says {getattr(error, 'sqlite_errorname', 'no')}"
            raise self._unavailable(_REASONS.get(code, reason)) from None
        except OSError as error:
            raise self._unavailable(f"{error.strerror}; make its directory writable, {_ELSEWHERE}") from None
        finally:
            self._guard.release()

    @contextmanager
    def _locked(self, deadline: float) -> Iterator[None]:
        """No other process writes, checkpoints or opens the file meanwhile."""
        if self._lock is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        while not _try_lock(self._lock):
            if time.monotonic() > deadline:
                raise self._unavailable(f"another process held it for {self._timeout:g} s; try again")
            time.sleep(_POLL)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _opened(self) -> sqlite3.Connection:
        self._create()
        connection = sqlite3.connect(self.path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _create(self) -> None:
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # What is purged or erased is overwritten, not only unlinked.
        connection.execute("PRAGMA secure_delete = ON")
        if not tables:
            with _transaction(connection, "BEGIN IMMEDIATE"):
                sqlite_schema.create(connection)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        elif application != APPLICATION_ID:
            raise self._unavailable(f"it is another program's database; leave it, {_ELSEWHERE}")
        else:
            self._adopt(connection)

    def _adopt(self, connection: sqlite3.Connection) -> None:
        """Take over a file that was there, also one that only the release before has used."""
        version = sqlite_schema.read_format(connection)
        if version not in sqlite_schema.READABLE:
            formats = " and ".join(map(str, sqlite_schema.READABLE))
            raise self._unavailable(
                f"it has format {version}, this release reads {formats}; use the release that made it"
            )
        if sqlite_schema.lacks_additions(connection):
            with _transaction(connection, "BEGIN IMMEDIATE"):
                sqlite_schema.add(connection)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _unavailable(self, reason: str) -> BackendUnavailableError:
        return BackendUnavailableError(f"the quarantine {self.path} cannot be used: {reason}")


_files: weakref.WeakSet[SqliteFile] = weakref.WeakSet()
_forking = threading.Lock()
_held: list[SqliteFile] = []
"""Files whose guards the forking thread holds."""


def _hold_all() -> None:
    _forking.acquire()
    _held.extend(_files)
    for file in _held:
        file.hold_for_fork()


def _release_all() -> None:
    for file in _held:
        file.release_after_fork()
    _held.clear()
    _forking.release()


def _leave_all_to_parent() -> None:
    for file in _held:
        file.leave_to_parent()
    _held.clear()
    _forking.release()


os.register_at_fork(before=_hold_all, after_in_parent=_release_all, after_in_child=_leave_all_to_parent)


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
