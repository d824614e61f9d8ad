"""The file behind a spool: made, locked, removed, set aside when it is damaged, and read as far as it can be then.

<target>-<random>.db             the entries
<target>-<random>.lock           locked (flock) by the owner for as long as it lives
<target>-<random>.db.corrupt     was found damaged; what can be read of it is still to be salvaged
<target>-<random>.db.damaged     what is left of it after that, for whoever wants to look
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = 1
WAL_BYTES = 4 << 20
"""To what a write-ahead log shrinks once it was checkpointed."""

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
_ENTRIES = "FROM entries NOT INDEXED WHERE TRUE"
_WAITING = "FROM entries INDEXED BY by_kind WHERE kind = 'waiting'"
_MIRRORED = "FROM entries INDEXED BY by_kind WHERE kind = 'mirrored'"
_LARGEST = (1 << 63) - 1
_STEP = 100
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_UNWRITABLE = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNWRITABLE_ERRNOS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})

Kept = tuple[str, str, float, bytes]
"""Kind, id, created_at and body of a row."""


class SpoolFullError(OSError):
    """The spools of a directory have reached their limit."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the spools of a directory hold, living processes' included.

    Attributes:
        waiting: Entries that no store has yet.
        unknown: Files of a format that this release does not read.
        corrupt: Files set aside, of which what can be read is still to be salvaged.
        damaged: What is left of such files.
        bytes: What counts towards the limit: the size of all files but those set aside.
    """

    waiting: int
    unknown: tuple[Path, ...]
    corrupt: tuple[Path, ...]
    damaged: tuple[Path, ...]
    bytes: int


def survey(directory: Path) -> Survey:
    """Look at all spools of a directory. Takes no lock."""
    files = [path for path in files_in(directory, "*") if path.exists()]
    return Survey(
        waiting=sum(map(waiting_in, files)),
        unknown=tuple(path for path in files if is_unknown(path)),
        corrupt=tuple(sorted(directory.glob("*.db.corrupt"))),
        damaged=tuple(sorted(directory.glob("*.db.damaged"))),
        bytes=_size(directory),
    )


def connect(path: Path) -> sqlite3.Connection:
    """Open a spool's file; an empty one gets its tables.

    Raises:
        sqlite3.Error: the disk does not play along, or the file is damaged or of another format.
    """
    db = sqlite3.connect(path, check_same_thread=False)
    try:
        db.execute("PRAGMA auto_vacuum = FULL")  # what was drained is room on the disk for other spools
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")  # what was erased is not to be read from the file
        db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.executescript(_SCHEMA)
        elif version != FORMAT:
            raise sqlite3.NotSupportedError(f"spool format {version} is not one this release reads")
    except sqlite3.Error:
        db.close()
        raise
    return db


def bytes_used(path: Path, db: sqlite3.Connection) -> int:
    """How much all spools beside a file hold, and how much it holds itself, in bytes."""
    return _size(path.parent, besides=path.name) + _used(db)


def give_back(path: Path, db: sqlite3.Connection) -> None:
    """Let the file shrink, once it could by much: until a checkpoint, what was deleted still takes up the disk."""
    if path.stat().st_size - _used(db) > WAL_BYTES:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def files_in(directory: Path, pattern: str) -> list[Path]:
    """Spool files by name, also those of which only the lock is left."""
    files = (path for end in (".db", ".lock") for path in directory.glob(pattern + end))
    return sorted({path.with_suffix(".db") for path in files})


def lock(path: Path) -> int | None:
    """Lock a spool; the open lock file, or None when another owner holds it or has just removed it."""
    lock_path = path.with_suffix(".lock")
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), lock_path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def unlink(path: Path) -> None:
    """Remove a spool's files, its lock last: until then nobody else can own it."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", path.with_suffix(".lock").name):
        path.with_name(name).unlink(missing_ok=True)


def rename(path: Path, new: Path) -> None:
    """Rename a database together with its write-ahead log."""
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        path.with_name(f"{path.name}-wal").rename(new.with_name(f"{new.name}-wal"))
    with suppress(FileNotFoundError):
        path.rename(new)


def waiting_in(path: Path) -> int:
    """How many entries wait in a file; 0 when it cannot be read."""
    try:
        with closing(_read_only(path)) as db:
            count: int = db.execute("SELECT count(*) FROM entries WHERE kind = 'waiting'").fetchone()[0]
    except sqlite3.Error:
        return 0
    return count


def is_unknown(path: Path) -> bool:
    """Whether a file is of a format that this release does not read; one that cannot be read at all is not."""
    try:
        with closing(_read_only(path)) as db:
            version: int = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error:
        return False
    return version not in {0, FORMAT}


def readable(path: Path) -> Iterator[list[Kept]]:
    """The rows of a damaged file that can be read, some at a time."""
    seen: set[int] = set()
    with closing(_read_only(path)) as db:
        for numbers in _numbers(db):
            yield [row for number in numbers if number not in seen for row in _row(db, number)]
            seen.update(numbers)


def tells_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file itself is broken."""
    return _code(error) in _DAMAGED


def tells_full(error: sqlite3.Error) -> bool:
    """Whether an error says that the disk is full."""
    return _code(error) == sqlite3.SQLITE_FULL


def reason_of(error: BaseException) -> str | None:
    """What is wrong with the spool, in words for whoever is to mend it; None when the error's type must do."""
    if isinstance(error, SpoolFullError):
        return str(error)
    code, number = _code(error), getattr(error, "errno", None)
    if code == sqlite3.SQLITE_FULL or number in _FULL_ERRNOS:
        return "its disk is full"
    if code in _UNWRITABLE or number in _UNWRITABLE_ERRNOS:
        return "it cannot be written: make the state directory writable"
    if code in _DAMAGED:
        return "a file is damaged: it was set aside, and what can be read of it goes on to the store"
    return None


def _numbers(db: sqlite3.Connection) -> Iterator[list[int]]:
    """Rows that the table or an index still speaks of, some at a time, from both ends to where each breaks off."""
    for part in (_ENTRIES, _WAITING, _MIRRORED):
        for order, beyond, last in (("ASC", ">", 0), ("DESC", "<", _LARGEST)):
            select = f"SELECT number {part} AND number {beyond} ? ORDER BY number {order} LIMIT {_STEP}"
            while numbers := _until_damage(db, select, last):
                yield numbers
                last = numbers[-1]  # noqa: PLW2901 - how far it has come


def _until_damage(db: sqlite3.Connection, select: str, last: int) -> list[int]:
    numbers: list[int] = []
    with suppress(sqlite3.Error), closing(db.execute(select, (last,))) as rows:
        numbers.extend(number for (number,) in rows)
    return numbers


def _row(db: sqlite3.Connection, number: int) -> list[Kept]:
    try:
        return db.execute("SELECT kind, id, created_at, body FROM entries WHERE number = ?", (number,)).fetchall()
    except sqlite3.Error:
        return []


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _used(db: sqlite3.Connection) -> int:
    (pages,), (free,), (size,) = (
        db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
    )
    used: int = (pages - free) * size
    return used


def _size(directory: Path, *, besides: str = "") -> int:
    """Bytes of all spool files of a directory, but one of them and its log."""
    size = 0
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as files:
        for file in files:
            name = file.name.removesuffix("-wal")
            if name.endswith(".db") and name != besides:
                with suppress(FileNotFoundError):
                    size += file.stat().st_size
    return size


def _code(error: BaseException) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
