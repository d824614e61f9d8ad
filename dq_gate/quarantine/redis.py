"""The quarantine in Redis. What each method reads and writes is in the header of its script in `lua/`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson

from dq_gate.core.lifecycle import EXPIRE, OPEN, STATES
from dq_gate.quarantine.contract import (
    Cursor,
    check_act,
    check_limit,
    check_new,
    deciding_rules,
    lapse_at,
    lease_rule,
    storable,
)
from dq_gate.quarantine.entry import MAX_BATCH, Act, Filter, Group, Health, Lease, Page, Stats
from dq_gate.quarantine.redis_connection import RedisConnection
from dq_gate.quarantine.serial import (
    Life,
    body_to_json,
    entry_from_body,
    history_from_json,
    refusing_damage,
    to_json,
    waivers_from_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import ActResult, Entry, HistoryItem, PutResult
    from dq_gate.quarantine.redis_connection import RedisAddress

_DETAILS = {"version": "redis_version", "mode": "redis_mode", "run": "run_id"}
CHANGES_KEPT = 10_000
"""About how many messages the change stream keeps."""
MAX_SCRIPT_BYTES = 2 * 1024 * 1024
"""Most one script is sent in bodies, so that it fits into the time-out."""
MAX_LOOKED_AT = 1_000
"""Most entries one script looks at for a page, so that it holds up nobody."""


class RedisStore:
    """A `Store` in Redis.

    Args:
        address: Where the server is.
        namespace: Keeps the quarantines of several applications apart.
        max_open: Open entries a group keeps; beyond it inputs are only counted.
        timeout: Seconds to wait for a connection, and again for each reply.
    """

    def __init__(self, address: RedisAddress, namespace: str, *, max_open: int = 100_000, timeout: float = 0.2) -> None:
        self._connection = RedisConnection(address, timeout=timeout)
        self._namespace = namespace
        self._max_open = max_open
        # The braces make it a hash tag: a cluster keeps all keys of a namespace on one server.
        self._prefix = f"dq:{{{namespace}}}:"

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        """See `Store.put`."""
        check_new(entries, self._namespace)
        results: list[PutResult] = []
        for batch in _batches(entries):
            arguments = [argument for entry, body in batch for argument in _put_arguments(entry, body)]
            results += _texts(self._run("put", self._max_open, CHANGES_KEPT, *arguments))
        return results

    def get(self, entry_id: str) -> Entry | None:
        """See `Store.get`."""
        return next(self._read([storable(entry_id)]), None)

    def find(self, where: Filter, *, limit: int = 50, after: str | None = None) -> Page:
        """See `Store.find`."""
        check_limit(limit)
        # One more than asked for tells whether there is a next page.
        states = [where.state] if where.state else STATES
        ids = self._walk(states, limit + 1, _conditions(where), after=Cursor.parse(after) if after else None)
        entries = list(self._read(ids[:limit])) if ids else []
        cursor = str(Cursor(entries[-1].created_at, entries[-1].id)) if len(ids) > limit else None
        # Between the two scripts an entry may have changed its state.
        return Page(tuple(entry for entry in entries if where.state in (None, entry.state)), cursor)

    def groups(self, *, limit: int = 50) -> list[Group]:
        """See `Store.groups`."""
        check_limit(limit)
        return [_group(fingerprint, fields) for fingerprint, *fields in self._run("groups", limit)]

    def stats(self) -> Stats:
        """See `Store.stats`."""
        by_state, by_rule, by_source, groups = self._run("stats", *STATES)
        return Stats(dict(zip(STATES, by_state, strict=True)), _counts(by_rule), _counts(by_source), groups)

    def act(self, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        """See `Store.act`."""
        check_act(entry_ids, act)
        if not entry_ids:
            return []
        ids = [storable(entry_id) for entry_id in entry_ids]
        return cast("list[ActResult]", _texts(self._run("act", *_act_arguments(act), *ids)))

    def lapse(self, now: float) -> list[str]:
        """See `Store.lapse`."""
        return self._carry_out(_texts(self._run("due", now, MAX_BATCH)), lapse_at(now))

    def expire(self, before: float, note: HistoryItem) -> list[str]:
        """See `Store.expire`."""
        ids = self._walk(sorted(OPEN), MAX_BATCH, before=before)
        return self._carry_out(ids, Act(EXPIRE, note))

    def ping(self) -> None:
        """See `Store.ping`."""
        self._run("probe")

    def health(self) -> Health:
        """See `Store.health`."""
        info = self._connection.info(self._prefix)
        detail = {"kind": "redis", "address": str(self._connection.address)}
        if info:
            # The keeper looks again at what it mirrors when this changes: another run may have lost entries.
            detail |= {name: str(info[key]) for name, key in _DETAILS.items() if key in info}
        return Health(tuple(_dangers(info)), detail)

    def settled(self) -> bool:
        """See `Store.settled`.

        While an fsync of the append-only file goes on, Redis acknowledges for up to 2 s what it has not even
        written; without one, all that it acknowledged before it answers this is written.
        """
        return self._connection.info(self._prefix, "persistence").get("aof_pending_bio_fsync") == 0

    def close(self) -> None:
        """See `Store.close`."""
        self._connection.close()

    def _run(self, script: str, *arguments: str | bytes | float) -> Any:
        return self._connection.run(script, self._prefix, *arguments)

    def _walk(
        self,
        states: Sequence[State],
        wanted: int,
        conditions: Sequence[str] = (),
        *,
        after: Cursor | None = None,
        before: float = math.inf,
    ) -> list[str]:
        """Ids in order, in as many scripts as it takes to find them."""
        found: list[str] = []
        while len(found) < wanted:
            start = (after.created_at, after.entry_id) if after else ("", "")
            time, last, *ids = _texts(
                self._run(
                    "page",
                    wanted - len(found),
                    MAX_LOOKED_AT,
                    *start,
                    before,
                    ",".join(states),
                    *conditions,
                )
            )
            found += ids
            if not last:
                break
            after = Cursor(float(time), last)
        return found

    def _read(self, ids: Sequence[str]) -> Iterator[Entry]:
        return (_entry(*kept) for kept in self._run("read", *ids) if kept)

    def _carry_out(self, ids: Sequence[str], act: Act) -> list[str]:
        """Act on entries that were due a moment ago; those that are not any more are left out."""
        results = self.act(ids, act)
        return [entry_id for entry_id, result in zip(ids, results, strict=True) if result == "done"]


def _batches(entries: Sequence[Entry]) -> Iterator[list[tuple[Entry, bytes]]]:
    batch: list[tuple[Entry, bytes]] = []
    size = 0
    for entry in entries:
        body = body_to_json(entry)
        if batch and size + len(body) > MAX_SCRIPT_BYTES:
            yield batch
            batch, size = [], 0
        batch.append((entry, body))
        size += len(body)
    if batch:
        yield batch


def _put_arguments(entry: Entry, body: bytes) -> tuple[str | bytes | float, ...]:
    rules = to_json(deciding_rules(entry))
    return entry.id, entry.created_at, entry.source, entry.pack, entry.fingerprint, rules, body


def _act_arguments(act: Act) -> tuple[str | bytes | float, ...]:
    lease = act.lease if act.action.takes_lease else None
    return (
        ",".join(sorted(act.action.sources)),
        act.action.target,
        int(act.action.target not in OPEN),
        lease_rule(act.action),
        int(act.action.counts_attempt),
        act.note.at,
        storable(act.token or ""),
        *((storable(lease.token), storable(lease.owner), lease.until) if lease else ("", "", "")),
        act.verdict or "",
        to_json(act.note),
        to_json([to_json(waiver).decode() for waiver in act.waivers]),
    )


def _conditions(where: Filter) -> list[str]:
    values = {"rule": where.rule, "source": where.source, "group": where.group}
    return [f":{name}:{storable(value)}" for name, value in values.items() if value is not None]


def _entry(fields: list[bytes], body: bytes, history: list[bytes], waivers: list[bytes]) -> Entry:
    with refusing_damage():
        kept = _mapping(fields)
        has_lease = kept.get("token")
        life = Life(
            state=cast("State", kept["state"]),
            attempts=int(kept["attempts"]),
            seen=int(kept["seen"]),
            lease=Lease(kept["token"], kept["owner"], float(kept["until"])) if has_lease else None,
            verdict=cast("Literal['valid', 'invalid'] | None", kept.get("verdict") or None),
            waivers=waivers_from_json(waivers),
            history=history_from_json(history),
        )
    return entry_from_body(body, life)


def _group(fingerprint: bytes, fields: list[bytes]) -> Group:
    with refusing_damage():
        kept = _mapping(fields)
        return Group(
            fingerprint=fingerprint.decode(),
            source=kept["source"],
            pack=kept["pack"],
            rules=tuple(orjson.loads(kept["rules"])),
            count=int(kept["count"]),
            open=int(kept["open"]),
            counted_only=int(kept["counted_only"]),
            first_seen=float(kept["first_seen"]),
            last_seen=float(kept["last_seen"]),
            sample=kept["sample"],
        )


def _dangers(info: dict[str, Any]) -> Iterator[str]:
    """Why this server might lose what it acknowledged, read off INFO: managed servers forbid CONFIG."""
    if not info:
        yield "this user may not ask INFO, so nothing is known about durability; grant +info"
        return
    if not info.get("aof_enabled"):
        yield "appendonly is off: what was acknowledged is lost when Redis dies; set appendonly yes"
    elif info.get("aof_last_write_status", "ok") != "ok":
        yield "the append-only file cannot be written; look at the disk of the Redis server"
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield f"maxmemory-policy is {policy}: entries may be evicted; set maxmemory-policy noeviction"


def _mapping(flat: list[bytes]) -> dict[str, str]:
    texts = _texts(flat)
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _counts(flat: list[bytes]) -> dict[str, int]:
    return {name: int(count) for name, count in _mapping(flat).items() if int(count) > 0}


def _texts(values: list[bytes]) -> list[Any]:
    return [value.decode() for value in values]
