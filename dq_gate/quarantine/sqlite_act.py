"""How the SQLite store changes an entry's life. Each function runs in its caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from dq_gate.core.lifecycle import OPEN
from dq_gate.quarantine.contract import lease_rule, storable
from dq_gate.quarantine.serial import body_to_bytes, history_to_json, to_json
from dq_gate.quarantine.sqlite_put import file_under_subjects

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import Act, ActResult, Entry


class _Stored(NamedTuple):
    """What an action looks at."""

    number: int
    state: State | Literal["purged"]
    fingerprint: str
    lease_token: str | None
    lease_owner: str | None
    lease_until: float | None
    not_before: float
    revision: int


def act_on(db: sqlite3.Connection, namespace: str, entry_id: str, act: Act, *, schema: int) -> ActResult:
    """Carry out an action on one entry, or say why not."""
    row = db.execute(
        f"SELECT {', '.join(_Stored._fields)} FROM entries WHERE namespace = ? AND id = ?",  # noqa: S608 - our own names only
        (namespace, entry_id),
    ).fetchone()
    stored = _Stored(*row) if row else None
    result = _judge(stored, act)
    if result == "done" and stored is not None:
        _write_life(db, stored, act, schema)
        if act.rewrite is not None:
            _rewrite(db, stored.number, act.rewrite, schema)
        if act.action.target is not None and act.action.target not in OPEN:
            db.execute(
                "UPDATE groups SET open = open - 1 WHERE namespace = ? AND fingerprint = ?",
                (namespace, stored.fingerprint),
            )
    return result


def _judge(stored: _Stored | None, act: Act) -> ActResult:
    if stored is None or stored.state == "purged":
        return "not_found"
    if stored.state not in act.action.sources:
        return "wrong_state"
    if not _holds(stored, act):
        return "lease_lost"
    if act.action.waits and stored.not_before > act.note.at:
        return "too_early"
    if act.rewrite is not None and act.rewrite.revision != stored.revision:
        return "changed"
    return "done"


def _holds(stored: _Stored, act: Act) -> bool:
    """Whether an entry's lease lets an act go ahead."""
    runs = stored.lease_until is not None and stored.lease_until > act.note.at
    match lease_rule(act.action):
        case "takes":
            return not runs or (act.lease is not None and stored.lease_token == storable(act.lease.token))
        case "needs":
            return runs and act.token is not None and stored.lease_token == storable(act.token)
        case "lapsed":
            return not runs
        case "":
            return True


def _write_life(db: sqlite3.Connection, stored: _Stored, act: Act, schema: int) -> None:
    target = act.action.target or stored.state
    db.execute(
        "UPDATE entries SET state = ?, attempts = attempts + ?, lease_token = ?, lease_owner = ?, lease_until = ?,"
        " not_before = ?, verdict = ifnull(?, verdict), waivers = waivers || ?, history = history || ?"
        " WHERE number = ?",
        (
            target,
            act.action.counts_attempt,
            *_lease_after(stored, act),
            act.not_before if act.action.counts_attempt else stored.not_before,
            act.verdict,
            _lines(to_json(waiver) for waiver in act.waivers),
            _lines([history_to_json(act.note, schema)]),
            stored.number,
        ),
    )
    if target != stored.state:
        db.execute("UPDATE reasons SET state = ? WHERE number = ?", (target, stored.number))


def _lease_after(stored: _Stored, act: Act) -> tuple[str | None, str | None, float | None]:
    if act.action.keeps_lease:
        return stored.lease_token, stored.lease_owner, stored.lease_until
    if act.action.takes_lease and act.lease is not None:
        return storable(act.lease.token), storable(act.lease.owner), act.lease.until
    return None, None, None


def _rewrite(db: sqlite3.Connection, number: int, entry: Entry, schema: int) -> None:
    db.execute("UPDATE bodies SET body = ? WHERE number = ?", (body_to_bytes(entry, schema), number))
    db.execute("UPDATE entries SET revision = revision + 1 WHERE number = ?", (number,))
    file_under_subjects(db, number, entry)


def _lines(documents: Iterable[bytes]) -> str:
    """One JSON object a line; JSON escapes the line breaks in texts."""
    return "".join(f"{document.decode()}\n" for document in documents)
