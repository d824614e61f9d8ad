"""How the SQLite store looks entries up. Each function reads within its caller's transaction."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.core.lifecycle import OPEN, STATES
from dq_gate.quarantine.contract import Cursor, storable
from dq_gate.quarantine.entry import DEPTH_STATES, Depth, Filter, Group, Lease, Stats
from dq_gate.quarantine.serial import (
    Life,
    entry_from_body,
    history_from_json,
    naming,
    refusing_damage,
    waivers_from_json,
)
from dq_gate.quarantine.sqlite_put import bytes_kept

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import Entry

_START = Cursor(-math.inf, "")
_GROUP = "fingerprint, source, pack, rules, count, open, counted_only, first_seen, last_seen, sample"


def read(db: sqlite3.Connection, number: int) -> Entry:
    """The entry of a row.

    Raises:
        UnreadableEntryError: it is damaged, or of a schema version this release does not know.
    """
    entry_id, *row = db.execute(
        "SELECT id, body, state, attempts, seen, lease_token, lease_owner, lease_until, verdict, waivers, history,"
        " not_before, revision FROM entries LEFT JOIN bodies USING (number) WHERE number = ?",
        (number,),
    ).fetchone()
    body, state, attempts, seen, token, owner, until, verdict, waivers, history, not_before, revision = row
    with naming(entry_id), refusing_damage():
        life = Life(
            state=state,
            attempts=attempts,
            seen=seen,
            lease=None if token is None else Lease(token, owner, until),
            verdict=verdict,
            waivers=waivers_from_json(waivers.split("\n")[:-1]),
            history=history_from_json(history.split("\n")[:-1]),
            not_before=not_before,
            revision=revision,
        )
        entry = entry_from_body(body, life)
    # A body of version 1 has no place for its subjects.
    return entry if entry.subjects else replace(entry, subjects=_subjects(db, number))


def walk(
    db: sqlite3.Connection,
    namespace: str,
    where: Filter,
    wanted: int,
    *,
    after: Cursor | None = None,
    states: Sequence[State] = STATES,
) -> list[tuple[float, str, int]]:
    """Time, id and number of entries in order: one walk along an index per state, merged."""
    start = after or _START
    if where.since is not None and where.since > start.created_at:
        start = Cursor(where.since, "")
    query, values = _walk_query(where)
    place = (start.created_at, start.entry_id, math.inf if where.before is None else where.before)
    walks = (
        db.execute(query, (namespace, state, *place, *values, wanted))
        for state in ([where.state] if where.state else states)
    )
    return list(islice(heapq.merge(*walks), wanted))


def largest_groups(db: sqlite3.Connection, namespace: str, limit: int) -> list[Group]:
    """Groups with the most open entries, then the most inputs."""
    rows = db.execute(
        f"SELECT {_GROUP} FROM groups WHERE namespace = ?"  # noqa: S608 - our own names only
        " ORDER BY open DESC, count DESC, fingerprint DESC LIMIT ?",
        (namespace, limit),
    )
    return [_group(*row) for row in rows]


def group(db: sqlite3.Connection, namespace: str, fingerprint: str) -> Group | None:
    """One group, or None."""
    row = db.execute(
        f"SELECT {_GROUP} FROM groups WHERE namespace = ? AND fingerprint = ?",  # noqa: S608 - our own names only
        (namespace, fingerprint),
    ).fetchone()
    return _group(*row) if row else None


def count_all(db: sqlite3.Connection, namespace: str) -> Stats:
    """Exact counts."""
    by_state = dict.fromkeys(STATES, 0)
    for state in STATES:
        (by_state[state],) = db.execute(
            "SELECT count(*) FROM entries WHERE namespace = ? AND state = ?", (namespace, state)
        ).fetchone()
    groups, counted_only = db.execute(
        "SELECT count(*), ifnull(sum(counted_only), 0) FROM groups WHERE namespace = ?", (namespace,)
    ).fetchone()
    return Stats(
        by_state=by_state,
        open_by_rule=_open_counts(
            db, namespace, "SELECT rule, count(*) FROM reasons WHERE namespace = ? AND state = ? GROUP BY rule"
        ),
        open_by_source=_open_counts(
            db, namespace, "SELECT source, count(*) FROM entries WHERE namespace = ? AND state = ? GROUP BY source"
        ),
        groups=groups,
        bytes=bytes_kept(db, namespace),
        counted_only=counted_only,
    )


def depth(db: sqlite3.Connection, namespace: str) -> Depth:
    """Exact counts of what waits: counting the rows themselves would hold up puts, the longer the more there are."""
    counts = dict(db.execute("SELECT state, entries FROM depths WHERE namespace = ?", (namespace,)).fetchall())
    (oldest,) = db.execute(
        "SELECT min(created_at) FROM entries WHERE namespace = ? AND state = 'pending'", (namespace,)
    ).fetchone()
    pending, leased, released, dead = (counts.get(state, 0) for state in DEPTH_STATES)
    return Depth(pending, leased, released, dead, bytes_kept(db, namespace), oldest)


def _walk_query(where: Filter) -> tuple[str, list[str]]:
    """The walk along the narrowest index, and the values of its conditions."""
    # Crossed, so that the order of the index stands: SQLite would sort what a join of its own gives.
    joined = "AS walked CROSS JOIN entries ON entries.number = walked.number"
    by_rule = "walked.rule = ?"
    if where.subject is not None:
        walked, entry, state = f"subjects {joined}", "entries", "entries.state"
        by_rule = "EXISTS (SELECT 1 FROM reasons WHERE reasons.number = walked.number AND rule = ?)"
    elif where.rule is not None:
        walked, entry, state = f"reasons {joined}", "entries", "walked.state"
    else:
        walked, entry, state = "entries AS walked", "walked", "walked.state"
    conditions = {
        "walked.subject = ?": where.subject,
        by_rule: where.rule,
        f"{entry}.source = ?": where.source,
        f"{entry}.fingerprint = ?": where.group,
    }
    given = {condition: storable(value) for condition, value in conditions.items() if value is not None}
    query = (
        f"SELECT walked.created_at, walked.id, walked.number FROM {walked}"  # noqa: S608 - our own names only
        f" WHERE walked.namespace = ? AND {state} = ?"
        " AND (walked.created_at, walked.id) > (?, ?) AND walked.created_at < ?"
        f"{''.join(f' AND {condition}' for condition in given)}"
        " ORDER BY walked.created_at, walked.id LIMIT ?"
    )
    return query, list(given.values())


def _open_counts(db: sqlite3.Connection, namespace: str, query: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for state in OPEN:
        counts.update(dict(db.execute(query, (namespace, state)).fetchall()))
    return dict(counts)


def _subjects(db: sqlite3.Connection, number: int) -> tuple[str, ...]:
    rows = db.execute("SELECT subject FROM subjects WHERE number = ? ORDER BY place", (number,))
    return tuple(subject for (subject,) in rows)


def _group(fingerprint: str, source: str, pack: str, rules: str, *counts: Any) -> Group:
    with refusing_damage(remedy=""):
        return Group(fingerprint, source, pack, tuple(orjson.loads(rules)), *counts)
