"""What the release of SQLite format 1 does to a quarantine file: its statements, word for word.

Files of format 1 are shared with it, so these must go on working whatever this release adds to such a file.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

DUMP = Path(__file__).parent / "data" / "sqlite_format_1.sql"


def write_file(path: Path) -> None:
    """A file as that release left it: namespace `n` holds e0 to e5, namespace `other` e0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path)
    db.executescript(DUMP.read_text())
    db.close()


@contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as that release opens it: it refuses every format but 1."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        assert db.execute("PRAGMA user_version").fetchone() == (1,), "use the release that made it"
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.execute("COMMIT")
    finally:
        db.close()


def put(db: sqlite3.Connection, namespace: str, entry_id: str, rules: tuple[str, ...], group: str, at: float) -> str:
    known = db.execute("UPDATE entries SET seen = seen + 1 WHERE namespace = ? AND id = ?", (namespace, entry_id))
    if known.rowcount:
        return "seen"
    number = db.execute(
        "INSERT INTO entries (namespace, id, state, source, fingerprint, created_at, seen, attempts,"
        " waivers, history) VALUES (?, ?, 'pending', ?, ?, ?, 1, 0, '', '')",
        (namespace, entry_id, "bot", group, at),
    ).lastrowid
    db.execute("INSERT INTO bodies VALUES (?, ?)", (number, _body(namespace, entry_id, rules, group, at)))
    db.executemany(
        "INSERT INTO reasons VALUES (?, 'pending', ?, ?, ?, ?)",
        [(namespace, rule, at, entry_id, number) for rule in rules],
    )
    db.execute(
        "INSERT INTO groups VALUES (:namespace, :fingerprint, :source, :pack, :rules, 1, :kept, 1 - :kept,"
        " :at, :at, CASE WHEN :kept THEN :id ELSE '' END, CASE WHEN :kept THEN :at END)"
        " ON CONFLICT DO UPDATE SET count = count + 1, open = open + excluded.open,"
        " counted_only = counted_only + excluded.counted_only,"
        " first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen),"
        " sample = CASE WHEN excluded.sample_at >= ifnull(sample_at, :at) THEN :id ELSE sample END,"
        " sample_at = CASE WHEN excluded.sample_at >= ifnull(sample_at, :at) THEN :at ELSE sample_at END",
        {
            "namespace": namespace,
            "fingerprint": group,
            "source": "bot",
            "pack": "query",
            "rules": orjson.dumps(rules),
            "kept": True,
            "at": at,
            "id": entry_id,
        },
    )
    return "created"


def act(
    db: sqlite3.Connection,
    namespace: str,
    entry_id: str,
    *,
    source: str,
    target: str,
    lease: tuple[str, str, float] | tuple[None, None, None] = (None, None, None),
    closes: bool = False,
) -> str:
    row = db.execute(
        "SELECT number, state, fingerprint, lease_token, lease_until FROM entries WHERE namespace = ? AND id = ?",
        (namespace, entry_id),
    ).fetchone()
    if row is None:
        return "not_found"
    number, state, fingerprint, _, _ = row
    if state != source:
        return "wrong_state"
    note = '{"at":2000.0,"who":"ada","action":"acted","why":""}\n'
    db.execute(
        "UPDATE entries SET state = ?, attempts = attempts + ?, lease_token = ?, lease_owner = ?,"
        " lease_until = ?, verdict = ifnull(?, verdict), waivers = waivers || ?, history = history || ?"
        " WHERE number = ?",
        (target, False, *lease, None, "", note, number),
    )
    db.execute("UPDATE reasons SET state = ? WHERE number = ?", (target, number))
    if closes:
        db.execute(
            "UPDATE groups SET open = open - 1 WHERE namespace = ? AND fingerprint = ?",
            (namespace, fingerprint),
        )
    return "done"


def get(db: sqlite3.Connection, namespace: str, entry_id: str) -> dict[str, object] | None:
    row = db.execute("SELECT number FROM entries WHERE namespace = ? AND id = ?", (namespace, entry_id)).fetchone()
    return _read(db, *row) if row else None


def find(db: sqlite3.Connection, namespace: str, state: str, rule: str) -> list[str]:
    rows = db.execute(
        "SELECT walked.created_at, walked.id, walked.number FROM reasons AS walked"
        " CROSS JOIN entries ON entries.number = walked.number"
        " WHERE walked.namespace = ? AND walked.state = ?"
        " AND (walked.created_at, walked.id) > (?, ?) AND walked.created_at < ?"
        " AND walked.rule = ?"
        " ORDER BY walked.created_at, walked.id LIMIT ?",
        (namespace, state, float("-inf"), "", float("inf"), rule, 50),
    ).fetchall()
    for _, _, number in rows:
        _read(db, number)
    return [entry_id for _, entry_id, _ in rows]


def _read(db: sqlite3.Connection, number: int) -> dict[str, object]:
    body, state, _attempts, seen, _token, _owner, _until, _verdict, _waivers, history = db.execute(
        "SELECT body, state, attempts, seen, lease_token, lease_owner, lease_until, verdict, waivers, history"
        " FROM entries JOIN bodies USING (number) WHERE number = ?",
        (number,),
    ).fetchone()
    document = orjson.loads(body)
    assert document["schema_version"] == 1, "read it with the release that wrote it"
    items = [orjson.loads(item) for item in history.split("\n")[:-1]]
    # It makes a HistoryItem of them, which has these parts and no others.
    assert all(item.keys() == {"at", "who", "action", "why"} for item in items)
    return document | {"state": state, "seen": seen, "history": items}


def _body(namespace: str, entry_id: str, rules: tuple[str, ...], group: str, at: float) -> bytes:
    violations = [
        {
            "rule_id": rule,
            "field": "query",
            "check": "not_blank",
            "on_fail": "quarantine",
            "message": "is blank",
            "span": None,
        }
        for rule in rules
    ]
    return orjson.dumps(
        {
            "id": entry_id,
            "namespace": namespace,
            "source": "bot",
            "pack": "query",
            "pack_version": 3,
            "pack_digest": "0123456789abcdef",
            "violations": violations,
            "payload": '{"v":1,"value":{"query":""}}',
            "payload_digest": "d" * 64,
            "replayable": True,
            "fingerprint": group,
            "created_at": at,
            "schema_version": 1,
        }
    )
