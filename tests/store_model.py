"""What a quarantine store means, in memory and in the plainest code: the measure of the real ones."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from dq_gate.core.lifecycle import EXPIRE, LAPSE, OPEN, STATES
from dq_gate.core.model import Violation
from dq_gate.quarantine.entry import (
    DEPTH_STATES,
    MAX_BATCH,
    Act,
    Delivery,
    Depth,
    Entry,
    Group,
    HistoryItem,
    Lease,
    Stats,
    Waiver,
)
from dq_gate.quarantine.serial import body_to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_gate.core.lifecycle import Action
    from dq_gate.quarantine.entry import ActResult, Filter, PutResult


def make_entry(
    entry_id: str,
    namespace: str,
    *,
    rules: tuple[str, ...] = ("query.text.present",),
    source: str = "bot",
    group: str = "g1",
    created_at: float = 1_000.0,
    payload: bytes = b'{"v":1,"value":{"query":""}}',
    subjects: tuple[str, ...] = (),
) -> Entry:
    """A new entry that failed some rules."""
    return Entry(
        id=entry_id,
        namespace=namespace,
        source=source,
        pack="query",
        pack_version=3,
        pack_digest="0123456789abcdef",
        violations=tuple(Violation(rule, "query", "not_blank", "quarantine", "is blank") for rule in rules),
        payload=payload,
        payload_digest="d" * 64,
        replayable=True,
        fingerprint=group,
        created_at=created_at,
        subjects=subjects,
    )


def make_act(
    action: Action,
    at: float = 2_000.0,
    *,
    token: str | None = None,
    lease: Lease | None = None,
    verdict: str | None = None,
    waivers: tuple[Waiver, ...] = (),
    not_before: float = 0.0,
    rewrite: Entry | None = None,
) -> Act:
    """An act by a reviewer."""
    return Act(action, HistoryItem(at, "ada", action.name), token, lease, verdict, waivers, not_before, rewrite)


def without_accounts(entry: Entry | None) -> Entry | None:
    """The entry without what each store knows by itself: as whom a backend knows those who acted."""
    if entry is None:
        return None
    return replace(entry, history=tuple(replace(item, account="") for item in entry.history))


class ModelStore:
    """A `Store` without a backend: puts, acts, lists and counts, one step after the other.

    Its clock stands still at `now`, which decides only whether a tombstone is there.
    """

    def __init__(self, max_open: int, max_bytes: int = 0, now: float = 1e6) -> None:
        self.max_open = max_open
        self.max_bytes = max_bytes
        self.now = now
        self.entries: dict[str, Entry] = {}
        self.kept_groups: dict[str, Group] = {}
        self.sampled_at: dict[str, float | None] = {}
        self.tombstones: set[str] = set()
        self.erased: dict[str, float] = {}
        self.announced: dict[str, Announcement] = {}
        self.messages = itertools.count(1)

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        return [self._put(entry) for entry in entries]

    def get(self, entry_id: str) -> Entry | None:
        return self.entries.get(entry_id)

    def known(self, entry_ids: Sequence[str]) -> list[bool]:
        return [entry_id in self.entries or entry_id in self.tombstones for entry_id in entry_ids]

    def act(self, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        return [self._act(entry_id, act) for entry_id in entry_ids]

    def find_all(self, where: Filter) -> list[Entry]:
        return [
            entry
            for entry in sorted(self.entries.values(), key=lambda entry: (entry.created_at, entry.id))
            if where.state in (None, entry.state)
            and where.source in (None, entry.source)
            and where.group in (None, entry.fingerprint)
            and (where.rule is None or where.rule in rules_of(entry))
            and (where.subject is None or where.subject in entry.subjects)
            and (where.since is None or entry.created_at >= where.since)
            and (where.before is None or entry.created_at < where.before)
        ]

    def lapse(self, now: float) -> list[str]:
        due = [entry for entry in self.entries.values() if entry.state == "leased" and entry.lease.until <= now]
        due.sort(key=lambda entry: (entry.lease.until, entry.id))
        ids = [entry.id for entry in due[:MAX_BATCH]]
        self.act(ids, Act(LAPSE, HistoryItem(now, "dq_gate", "lapse", "the lease ran out")))
        return ids

    def expire(self, before: float, note: HistoryItem) -> list[str]:
        due = [entry for entry in self.entries.values() if entry.state in OPEN and entry.created_at < before]
        due.sort(key=lambda entry: (entry.created_at, entry.id))
        ids = [entry.id for entry in due[:MAX_BATCH]]
        self.act(ids, Act(EXPIRE, note))
        return ids

    def purge(self, entry_ids: Sequence[str], until: float) -> list[ActResult]:
        results = [self._purge(entry_id, until) for entry_id in entry_ids]
        for name, group in self.kept_groups.items():
            if group.sample not in self.entries:
                left = [(entry.created_at, entry.id) for entry in self.entries.values() if entry.fingerprint == name]
                self.sampled_at[name], sample = max(left, default=(None, ""))
                self.kept_groups[name] = replace(group, sample=sample)
        return results

    def deliver(self, *, limit: int, idle_s: float) -> list[Delivery]:
        """Time does not pass here: with an `idle_s` of 0 everything has been idle for long, else nothing."""
        due = [item for item in self.announced.values() if not (item.delivered and idle_s)]
        due.sort(key=lambda item: (not item.delivered, item.message))
        for item in due[:limit]:
            item.delivered = True
        return [Delivery(item.entry_id, str(item.message)) for item in due[:limit]]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        messages = {delivery.message for delivery in deliveries}
        self.announced = {
            entry_id: item for entry_id, item in self.announced.items() if str(item.message) not in messages
        }

    def forget(self, subjects: Sequence[str], at: float) -> None:
        for subject in subjects:
            self.erased[subject] = max(at, self.erased.get(subject, at))

    def forgotten(self) -> dict[str, float]:
        return self.erased

    def groups(self) -> list[Group]:
        open_by_group = Counter(entry.fingerprint for entry in self.entries.values() if entry.state in OPEN)
        groups = [replace(group, open=open_by_group[name]) for name, group in self.kept_groups.items()]
        return sorted(groups, key=lambda group: (group.open, group.count, group.fingerprint), reverse=True)

    def group(self, fingerprint: str) -> Group | None:
        return next((group for group in self.groups() if group.fingerprint == fingerprint), None)

    def stats(self) -> Stats:
        still_open = [entry for entry in self.entries.values() if entry.state in OPEN]
        by_state = Counter(entry.state for entry in self.entries.values())
        return Stats(
            by_state={state: by_state[state] for state in STATES},
            open_by_rule=dict(Counter(rule for entry in still_open for rule in rules_of(entry))),
            open_by_source=dict(Counter(entry.source for entry in still_open)),
            groups=len(self.kept_groups),
            bytes=self._bytes(),
            counted_only=sum(group.counted_only for group in self.kept_groups.values()),
        )

    def depth(self) -> Depth:
        by_state = Counter(entry.state for entry in self.entries.values())
        pending = [entry.created_at for entry in self.entries.values() if entry.state == "pending"]
        counts = (by_state[state] for state in DEPTH_STATES)
        return Depth(*counts, bytes=self._bytes(), oldest_pending=min(pending, default=None))

    def _put(self, entry: Entry) -> PutResult:
        known = self.entries.get(entry.id)
        if known is not None and known.created_at != entry.created_at:
            self.entries[entry.id] = replace(known, seen=known.seen + 1)
        if known is not None or entry.id in self.tombstones:
            return "seen"
        is_erased = any(entry.created_at <= self.erased.get(subject, -1.0) for subject in entry.subjects)
        is_kept = not is_erased and not self._is_full(entry)
        self._count(entry, kept=is_kept)
        if is_kept:
            self.entries[entry.id] = entry
            return "created"
        return "erased" if is_erased else "counted"

    def _is_full(self, entry: Entry) -> bool:
        fellows = [other for other in self.entries.values() if other.fingerprint == entry.fingerprint]
        is_flooded = sum(other.state in OPEN for other in fellows) >= self.max_open
        return is_flooded or bool(self.max_bytes and self._bytes() + len(body_to_bytes(entry)) > self.max_bytes)

    def _bytes(self) -> int:
        return sum(len(body_to_bytes(entry)) for entry in self.entries.values())

    def _count(self, entry: Entry, *, kept: bool) -> None:
        at, name = entry.created_at, entry.fingerprint
        group = self.kept_groups.get(name) or Group(
            name, entry.source, entry.pack, rules_of(entry), 0, 0, 0, at, at, ""
        )
        sampled_at = self.sampled_at.get(name)
        is_newest = kept and (sampled_at is None or at >= sampled_at)
        if is_newest:
            self.sampled_at[name] = at
        self.kept_groups[name] = replace(
            group,
            count=group.count + 1,
            counted_only=group.counted_only + (not kept),
            first_seen=min(group.first_seen, at),
            last_seen=max(group.last_seen, at),
            sample=entry.id if is_newest else group.sample,
        )

    def _act(self, entry_id: str, act: Act) -> ActResult:
        entry = self.entries.get(entry_id)
        if entry is None:
            return "not_found"
        if entry.state not in act.action.sources:
            return "wrong_state"
        if not self._may(entry.lease, act):
            return "lease_lost"
        if act.action.waits and act.note.at < entry.not_before:
            return "too_early"
        if act.rewrite is not None and act.rewrite.revision != entry.revision:
            return "changed"
        after = replace(
            _rewritten(entry, act.rewrite),
            state=act.action.target or entry.state,
            lease=_lease_after(entry, act),
            attempts=entry.attempts + act.action.counts_attempt,
            not_before=act.not_before if act.action.counts_attempt else entry.not_before,
            verdict=act.verdict or entry.verdict,
            waivers=entry.waivers + act.waivers,
            history=(*entry.history, act.note),
        )
        self.entries[entry_id] = after
        self._announce(entry, after)
        return "done"

    def _announce(self, before: Entry, after: Entry) -> None:
        if after.state != "released":
            self.announced.pop(after.id, None)
        elif before.state != "released":
            self.announced[after.id] = Announcement(after.id, next(self.messages))

    def _purge(self, entry_id: str, until: float) -> ActResult:
        entry = self.entries.get(entry_id)
        if entry is None:
            return "not_found"
        if entry.state in OPEN:
            return "wrong_state"
        del self.entries[entry_id]
        if until > self.now:
            self.tombstones.add(entry_id)
        return "done"

    def _may(self, lease: Lease | None, act: Act) -> bool:
        runs = lease is not None and lease.until > act.note.at
        if act.action.needs_lease:
            return runs and lease.token == act.token
        if act.action.takes_lease:
            return not runs or lease.token == act.lease.token
        return not runs or act.action != LAPSE


class Announcement:
    """That an entry was released, until it is acknowledged or the entry goes on."""

    def __init__(self, entry_id: str, message: int) -> None:
        self.entry_id = entry_id
        self.message = message
        self.delivered = False


def rules_of(entry: Entry) -> tuple[str, ...]:
    """The rules an entry is filed under."""
    return tuple(sorted({item.rule_id for item in entry.violations if item.on_fail == "quarantine"}))


def _lease_after(entry: Entry, act: Act) -> Lease | None:
    if act.action.keeps_lease:
        return entry.lease
    return act.lease if act.action.takes_lease else None


def _rewritten(entry: Entry, by: Entry | None) -> Entry:
    if by is None:
        return entry
    return replace(
        entry,
        payload=by.payload,
        payload_digest=by.payload_digest,
        replayable=by.replayable,
        subjects=by.subjects,
        revision=entry.revision + 1,
    )
