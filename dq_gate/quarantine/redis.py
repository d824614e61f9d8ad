"""The quarantine in Redis. What each method reads and writes is in the header of its script in `lua/`."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from dq_gate.core.lifecycle import CLOSED, EXPIRE, OPEN, STATES
from dq_gate.errors import BackendUnavailableError, UnreadableEntryError
from dq_gate.quarantine.contract import (
    Cursor,
    check_act,
    check_batch,
    check_limit,
    check_new,
    lapse_at,
    storable,
)
from dq_gate.quarantine.entry import (
    DEPTH_STATES,
    MAX_BATCH,
    MAX_IDS,
    SCHEMA_VERSION,
    Act,
    Depth,
    Filter,
    Group,
    Health,
    IdPage,
    Page,
    Stats,
)
from dq_gate.quarantine.redis_health import dangers
from dq_gate.quarantine.redis_wire import (
    act_argument,
    index_conditions,
    new_entry,
    read_counts,
    read_deliveries,
    read_entry,
    read_group,
    read_mapping,
    read_texts,
)
from dq_gate.quarantine.serial import READABLE, body_to_bytes, to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import ActResult, Delivery, Entry, HistoryItem, PutResult
    from dq_gate.quarantine.redis_connection import RedisConnection

_DETAILS = {"version": "redis_version", "mode": "redis_mode", "run": "run_id"}
COUNT_LIMIT = 2**32
"""What the scripts multiply a group's open entries with to sort groups by them, then by inputs."""
MAX_SCRIPT_BYTES = 2 * 1024 * 1024
"""Most one script is sent in bodies, so that it fits into the time-out."""
MAX_LOOKED_AT = 1_000
"""Most entries one script looks at for a page, so that it holds up nobody."""
SCHEMA_KNOWN_FOR_S = 60.0
"""Seconds after which the keys' version is read again: an operator may have upgraded it."""


class RedisStore:
    """A `Store` in Redis.

    Args:
        connection: The way to the server; stores may share one.
        namespace: Keeps the quarantines of several applications apart.
        prefix: What all its keys begin with, with a hash tag in it: a cluster keeps them on one server.
        max_open: Open entries a group keeps; beyond it inputs are only counted.
        max_bytes: Bytes of all bodies it keeps; beyond it inputs are only counted. 0 for any.
    """

    def __init__(
        self,
        connection: RedisConnection,
        namespace: str,
        *,
        prefix: str,
        max_open: int = 100_000,
        max_bytes: int = 0,
    ) -> None:
        self._connection = connection
        self._namespace = namespace
        self._prefix = prefix
        self._caps = {"max_open": max_open, "max_bytes": max_bytes}
        self._known_schema: tuple[int, float] | None = None
        self._has_right_shards = False

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        """See `Store.put`."""
        check_new(entries, self._namespace)
        if not entries:
            return []
        schema = self._current_schema()
        results: list[PutResult] = []
        for batch, bodies in _batches(entries, schema):
            told = self._caps | {"schema": schema, "entries": [new_entry(entry) for entry in batch]}
            results += read_texts(self._connection.run_replicated("put", self._prefix, to_json(told), *bodies))
        return results

    def get(self, entry_id: str) -> Entry | None:
        """See `Store.get`."""
        return next(self._read([storable(entry_id)]), None)

    def known(self, entry_ids: Sequence[str]) -> list[bool]:
        """See `Store.known`."""
        check_batch(entry_ids)
        return [bool(found) for found in self._run("known", *map(storable, entry_ids))] if entry_ids else []

    def find(self, where: Filter, *, limit: int = 50, after: str | None = None) -> Page:
        """See `Store.find`."""
        check_limit(limit)
        ids, cursor = self._page(where, limit, after)
        entries = self._read(ids) if ids else ()
        # Between the two scripts an entry may have changed its state.
        return Page(tuple(entry for entry in entries if where.state in (None, entry.state)), cursor)

    def ids(self, where: Filter, *, limit: int = MAX_IDS, after: str | None = None) -> IdPage:
        """See `Store.ids`."""
        check_limit(limit, MAX_IDS)
        return IdPage(*self._page(where, limit, after))

    def groups(self, *, limit: int = 50) -> list[Group]:
        """See `Store.groups`."""
        check_limit(limit)
        return [read_group(fingerprint.decode(), fields) for fingerprint, *fields in self._run("groups", limit)]

    def group(self, fingerprint: str) -> Group | None:
        """See `Store.group`."""
        fields = self._run("group", storable(fingerprint))
        return read_group(fingerprint, fields) if fields else None

    def places(self, where: Filter, *, limit: int, after: Cursor | None = None) -> list[Cursor]:
        """See `Shard.places`."""
        return self._walk(where, limit, after=after)

    def read(self, entry_ids: Sequence[str]) -> list[Entry]:
        """See `Shard.read`."""
        return list(self._read(entry_ids))

    def group_sizes(self) -> dict[str, tuple[int, int]]:
        """See `Shard.group_sizes`."""
        sizes = read_mapping(self._run("group_sizes"))
        return {fingerprint: divmod(int(float(score)), COUNT_LIMIT) for fingerprint, score in sizes.items()}

    def group_parts(self, fingerprints: Sequence[str]) -> list[tuple[Group, float]]:
        """See `Shard.group_parts`."""
        found = self._run("groups_named", *(storable(fingerprint) for fingerprint in fingerprints))
        return [
            (read_group(fingerprint, fields), float(read_mapping(fields)["sample_at"]))
            for fingerprint, fields in zip(fingerprints, found, strict=True)
            if fields
        ]

    def stats(self) -> Stats:
        """See `Store.stats`."""
        by_state, by_rule, by_source, *totals = self._run("stats", *STATES)
        states = dict(zip(STATES, by_state, strict=True))
        return Stats(states, read_counts(by_rule), read_counts(by_source), *totals)

    def depth(self) -> Depth:
        """See `Store.depth`."""
        pending, leased, released, dead, size, oldest = self._run("depth", *DEPTH_STATES)
        return Depth(pending, leased, released, dead, size, None if oldest is None else float(oldest))

    def act(self, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        """See `Store.act`."""
        check_act(entry_ids, act)
        if not entry_ids:
            return []
        schema = self._current_schema()
        if schema > 1:
            act = replace(act, note=replace(act.note, account=self._connection.account()))
        body = [body_to_bytes(act.rewrite, schema)] if act.rewrite else []
        return cast("list[ActResult]", read_texts(self._run("act", act_argument(entry_ids, act, schema), *body)))

    def lapse(self, now: float) -> list[str]:
        """See `Store.lapse`."""
        return self._carry_out(read_texts(self._run("due", now, MAX_BATCH)), lapse_at(now))

    def expire(self, before: float, note: HistoryItem) -> list[str]:
        """See `Store.expire`."""
        due = self._walk(Filter(before=before), MAX_BATCH, states=sorted(OPEN))
        return self._carry_out([place.entry_id for place in due], Act(EXPIRE, note))

    def purge(self, entry_ids: Sequence[str], until: float) -> list[ActResult]:
        """See `Store.purge`."""
        check_batch(entry_ids)
        if not entry_ids:
            return []
        ids = [storable(entry_id) for entry_id in entry_ids]
        answers = self._run("purge", math.ceil(until * 1000), ",".join(sorted(CLOSED)), ",".join(STATES), *ids)
        return cast("list[ActResult]", read_texts(answers))

    def deliver(self, consumer: str, *, limit: int, idle_s: float) -> list[Delivery]:
        """See `Store.deliver`."""
        check_limit(limit)
        return read_deliveries(self._run("deliver", storable(consumer), limit, int(idle_s * 1000)))

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """See `Store.acknowledge`."""
        check_batch(deliveries)
        messages = [delivery.message for delivery in deliveries if delivery.message]
        if messages:
            self._run("acknowledge", *messages)

    def forget(self, subjects: Sequence[str], at: float) -> None:
        """See `Store.forget`."""
        check_batch(subjects)
        if subjects:
            self._run("forget", at, *(storable(subject) for subject in subjects))

    def forgotten(self) -> dict[str, float]:
        """See `Store.forgotten`."""
        found: dict[str, float] = {}
        cursor = b"0"
        while True:
            cursor, flat = self._run("forgotten", cursor, MAX_IDS)
            found |= {subject: float(at) for subject, at in read_mapping(flat).items()}
            if cursor == b"0":
                return found

    def schema(self) -> int:
        """See `Store.schema`.

        Raises:
            UnreadableEntryError: it is a version this release does not know.
        """
        schema = int(self._run("schema", SCHEMA_VERSION))
        if schema not in READABLE:
            raise UnreadableEntryError(
                f"the keys of namespace {self._namespace} are of schema version {schema}, this release reads "
                f"{' and '.join(map(str, READABLE))}; use the release that wrote them"
            )
        self._known_schema = schema, time.monotonic()
        return schema

    def upgrade(self) -> int:
        """See `Store.upgrade`.

        What the release before put is counted in the bytes and in what was only counted from now on. An upgrade
        that broke off, or that the release before wrote on after, is done again by another call.
        """
        before = self.schema()
        self._run("upgrade", SCHEMA_VERSION)
        self.schema()
        after: str | None = None
        while True:
            ids, after = self._page(Filter(), MAX_BATCH, after)
            self._run("measure", *ids)
            if after is None:
                break
        cursor = self._run("total", 0, MAX_BATCH)
        while cursor != b"0":
            cursor = self._run("total", cursor, MAX_BATCH)
        return before

    def ping(self) -> None:
        """See `Store.ping`."""
        self._connection.run_replicated("probe", self._prefix)

    def health(self) -> Health:
        """See `Store.health`."""
        info = self._connection.info(self._prefix)
        detail = {"kind": "redis", "address": str(self._connection.address)}
        if info:
            # The keeper looks again at what it mirrors when this changes: another run may have lost entries.
            detail |= {name: str(info[key]) for name, key in _DETAILS.items() if key in info}
        wanted = self._connection.options.wait_replicas
        return Health(tuple(dangers(info, wait_replicas=wanted)), detail)

    def settled(self) -> bool:
        """See `Store.settled`.

        While an fsync of the append-only file goes on, Redis acknowledges for up to 2 s what it has not even
        written, and when its disk is full one batch that it cannot write; else all that it acknowledged before it
        answers this is written.
        """
        info = self._connection.info(self._prefix, "persistence")
        return info.get("aof_pending_bio_fsync") == 0 and info.get("aof_last_write_status") == "ok"

    def close(self) -> None:
        """See `Store.close`."""
        self._connection.close()

    def _run(self, script: str, *arguments: str | bytes | float) -> Any:
        if not self._has_right_shards:
            self._check_shards()
        return self._connection.run(script, self._prefix, *arguments)

    def _check_shards(self) -> None:
        """Refuse a number of shards other than the first: what is in the others would not be found, or come twice."""
        options = self._connection.options
        known = self._connection.run("shards", options.prefix(self._namespace), options.shards)
        if known != options.shards:
            raise BackendUnavailableError(
                f"namespace {self._namespace} has {known} shards, the setting says {options.shards}; "
                f"set shards to {known}, or take another namespace"
            )
        self._has_right_shards = True

    def _current_schema(self) -> int:
        if self._known_schema is not None:
            schema, read_at = self._known_schema
            if time.monotonic() - read_at < SCHEMA_KNOWN_FOR_S:
                return schema
        return self.schema()

    def _page(self, where: Filter, limit: int, after: str | None) -> tuple[tuple[str, ...], str | None]:
        """Ids in order, and the cursor of the page that follows."""
        # One more than asked for tells whether there is a next page.
        places = self._walk(where, limit + 1, after=Cursor.parse(after) if after else None)
        cursor = str(places[limit - 1]) if len(places) > limit else None
        return tuple(place.entry_id for place in places[:limit]), cursor

    def _walk(
        self, where: Filter, wanted: int, *, after: Cursor | None = None, states: Sequence[State] = STATES
    ) -> list[Cursor]:
        """Places of entries in order, in as many scripts as it takes to find them."""
        conditions = (
            math.inf if where.before is None else where.before,
            "" if where.since is None else where.since,
            where.state or ",".join(states),
            "" if where.subject is None else f"subject:{storable(where.subject)}",
            *index_conditions(where),
        )
        found: list[Cursor] = []
        while len(found) < wanted:
            start = (after.created_at, after.entry_id) if after else ("", "")
            last_time, last_id, *places = read_texts(
                self._run("page", wanted - len(found), MAX_LOOKED_AT, *start, *conditions)
            )
            found += [Cursor(float(at), entry_id) for entry_id, at in zip(places[::2], places[1::2], strict=True)]
            if not last_id:
                break
            after = Cursor(float(last_time), last_id)
        return found

    def _read(self, ids: Sequence[str]) -> Iterator[Entry]:
        found = zip(ids, self._run("read", *ids), strict=True)
        return (read_entry(entry_id, *kept) for entry_id, kept in found if kept)

    def _carry_out(self, ids: Sequence[str], act: Act) -> list[str]:
        """Act on entries that were due a moment ago; those that are not any more are left out."""
        results = self.act(ids, act)
        return [entry_id for entry_id, result in zip(ids, results, strict=True) if result == "done"]


def _batches(entries: Sequence[Entry], schema: int) -> Iterator[tuple[list[Entry], list[bytes]]]:
    batch: list[Entry] = []
    bodies: list[bytes] = []
    size = 0
    for entry in entries:
        body = body_to_bytes(entry, schema)
        if batch and size + len(body) > MAX_SCRIPT_BYTES:
            yield batch, bodies
            batch, bodies, size = [], [], 0
        batch.append(entry)
        bodies.append(body)
        size += len(body)
    yield batch, bodies
