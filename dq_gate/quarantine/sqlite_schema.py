"""The tables of a quarantine file, and what makes a file of the release before fit for this one.

`PRAGMA user_version` is the file's format. Format 1 is what the release before makes and reads. A file is always
format 1's tables with this release's additions, which leave that release's statements working: columns of `entries`
with defaults, tables it does not know, and triggers that keep those right whoever writes. So a file of format 1 gets
the additions when it is opened and stays of format 1, for both releases, until `upgrade` says that only this one is
left: format 2 differs in the version of the bodies written from then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

FORMAT = 2
READABLE = (1, 2)

_FORMAT_1 = (
    # What actions change about an entry, and what they look at.
    """
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
    )
    """,
    "CREATE INDEX by_state ON entries (namespace, state, created_at, id)",
    "CREATE INDEX by_source ON entries (namespace, state, source, created_at, id)",
    "CREATE INDEX by_group ON entries (namespace, state, fingerprint, created_at, id)",
    "CREATE INDEX by_lease ON entries (namespace, lease_until, id) WHERE state = 'leased'",
    # What only a new payload changes: apart, so that an action does not rewrite it.
    "CREATE TABLE bodies (number INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    """
    CREATE TABLE reasons (
        namespace TEXT NOT NULL,
        state TEXT NOT NULL,
        rule TEXT NOT NULL,
        created_at REAL NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (namespace, state, rule, created_at, id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX reasons_of_entry ON reasons (number)",
    """
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
    ) WITHOUT ROWID
    """,
    "CREATE INDEX largest ON groups (namespace, open, count, fingerprint)",
)

# The release before inserts into `bodies`, `reasons` and `groups` without naming columns: they cannot get more.
_FOR_REVIEW = (
    "ALTER TABLE entries ADD COLUMN not_before REAL NOT NULL DEFAULT 0",
    "ALTER TABLE entries ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
    # A tombstone is a row of state `purged` with an empty body: the release before takes it for an entry it has seen.
    "ALTER TABLE entries ADD COLUMN tombstone_until REAL",
    "CREATE INDEX tombstones ON entries (tombstone_until) WHERE state = 'purged'",
    """
    CREATE TABLE subjects (
        namespace TEXT NOT NULL,
        subject TEXT NOT NULL,
        created_at REAL NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        place INTEGER NOT NULL,
        PRIMARY KEY (namespace, subject, created_at, id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX subjects_of_entry ON subjects (number, place)",
    """
    CREATE TABLE forgotten (
        namespace TEXT NOT NULL,
        subject TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (namespace, subject)
    ) WITHOUT ROWID
    """,
    # One message per released entry, until it is acknowledged or the entry leaves that state.
    """
    CREATE TABLE released (
        message INTEGER PRIMARY KEY AUTOINCREMENT,
        namespace TEXT NOT NULL,
        number INTEGER NOT NULL UNIQUE,
        consumer TEXT,
        delivered_at REAL
    )
    """,
    "CREATE INDEX by_delivery ON released (namespace, delivered_at, message)",
    """
    CREATE TRIGGER entry_released AFTER UPDATE OF state ON entries
    WHEN new.state = 'released' AND old.state <> 'released'
    BEGIN
        INSERT INTO released (namespace, number) VALUES (new.namespace, new.number);
    END
    """,
    """
    CREATE TRIGGER entry_no_longer_released AFTER UPDATE OF state ON entries
    WHEN new.state <> 'released' AND old.state = 'released'
    BEGIN
        DELETE FROM released WHERE number = old.number;
    END
    """,
    "CREATE TABLE totals (namespace TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID",
    """
    CREATE TRIGGER body_kept AFTER INSERT ON bodies
    BEGIN
        INSERT INTO totals SELECT namespace, length(new.body) FROM entries WHERE number = new.number
        ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;
    END
    """,
    """
    CREATE TRIGGER body_replaced AFTER UPDATE OF body ON bodies
    BEGIN
        UPDATE totals SET bytes = bytes + length(new.body) - length(old.body)
        WHERE namespace = (SELECT namespace FROM entries WHERE number = new.number);
    END
    """,
    # What a file of format 1 already holds.
    """
    INSERT INTO released (namespace, number)
    SELECT namespace, number FROM entries WHERE state = 'released' ORDER BY created_at, id
    """,
    """
    INSERT INTO totals
    SELECT namespace, sum(length(body)) FROM entries JOIN bodies USING (number) GROUP BY namespace
    """,
)

_FOR_MONITORING = (
    """
    CREATE TABLE depths (
        namespace TEXT NOT NULL,
        state TEXT NOT NULL,
        entries INTEGER NOT NULL,
        PRIMARY KEY (namespace, state)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER entry_counted AFTER INSERT ON entries
    BEGIN
        INSERT INTO depths VALUES (new.namespace, new.state, 1) ON CONFLICT DO UPDATE SET entries = entries + 1;
    END
    """,
    """
    CREATE TRIGGER entry_moved AFTER UPDATE OF state ON entries WHEN new.state <> old.state
    BEGIN
        UPDATE depths SET entries = entries - 1 WHERE namespace = old.namespace AND state = old.state;
        INSERT INTO depths VALUES (new.namespace, new.state, 1) ON CONFLICT DO UPDATE SET entries = entries + 1;
    END
    """,
    """
    CREATE TRIGGER entry_gone AFTER DELETE ON entries
    BEGIN
        UPDATE depths SET entries = entries - 1 WHERE namespace = old.namespace AND state = old.state;
    END
    """,
    "INSERT INTO depths SELECT namespace, state, count(*) FROM entries GROUP BY namespace, state",
)
_ADDITIONS = (*_FOR_REVIEW, *_FOR_MONITORING)


def create(db: sqlite3.Connection) -> None:
    """Make the tables of a new file, within the caller's transaction."""
    for statement in _FORMAT_1:
        db.execute(statement)
    add(db)
    write_format(db)


def lacks_additions(db: sqlite3.Connection) -> bool:
    """Whether this release has not used the file before."""
    return bool(_missing(db))


def add(db: sqlite3.Connection) -> None:
    """Make the additions that a file lacks, within the caller's transaction; its format stays."""
    for statement in _missing(db):
        db.execute(statement)


def read_format(db: sqlite3.Connection) -> int:
    """The file's format, which is also the version of the bodies written in it."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def write_format(db: sqlite3.Connection) -> None:
    """Have the file be of the newest format: from now on the release before refuses to open it."""
    db.execute(f"PRAGMA user_version = {FORMAT}")


def _missing(db: sqlite3.Connection) -> tuple[str, ...]:
    """The additions that a file lacks, told by the tables they begin with."""
    if not _has(db, "totals"):
        return _ADDITIONS
    return () if _has(db, "depths") else _FOR_MONITORING


def _has(db: sqlite3.Connection, table: str) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None
