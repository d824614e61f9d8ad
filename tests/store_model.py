"""What a quarantine store means, in memory and in the plainest code: the measure of the real ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from dq_gate.core.lifecycle import EXPIRE, LAPSE, OPEN, STATES
from dq_gate.core.model import Violation
from dq_gate.quarantine.entry import MAX_BATCH, Act, Entry, Group, HistoryItem, Lease, Stats, Waiver

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
    )


def make_act(
    action: Action,
    at: float = 2_000.0,
    *,
    token: str | None = None,
    lease: Lease | None = None,
    verdict: str | None = None,
    waivers: tuple[Waiver, ...] = (),
) -> Act:
    """An act by a reviewer."""
    return Act(action, HistoryItem(at, "ada", action.name), token, lease, verdict, waivers)


class ModelStore:
    """A `Store` without a backend: puts, acts, lists and counts, one step after the other."""

    def __init__(self, max_open: int) -> None:
        self.max_open = max_open
        self.entries: dict[str, Entry] = {}
        self.kept_groups: dict[str, Group] = {}

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        return [self._put(entry) for entry in entries]

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

    def groups(self) -> list[Group]:
        open_by_group = Counter(entry.fingerprint for entry in self.entries.values() if entry.state in OPEN)
        groups = [replace(group, open=open_by_group[name]) for name, group in self.kept_groups.items()]
        return sorted(groups, key=lambda group: (group.open, group.count, group.fingerprint), reverse=True)

    def stats(self) -> Stats:
        still_open = [entry for entry in self.entries.values() if entry.state in OPEN]
        by_state = Counter(entry.state for entry in self.entries.values())
        return Stats(
            by_state={state: by_state[state] for state in STATES},
            open_by_rule=dict(Counter(rule for entry in still_open for rule in rules_of(entry))),
            open_by_source=dict(Counter(entry.source for entry in still_open)),
            groups=len(self.kept_groups),
        )

    def _put(self, entry: Entry) -> PutResult:
        known = self.entries.get(entry.id)
        if known is not None:
            self.entries[entry.id] = replace(known, seen=known.seen + 1)
            return "seen"
        others = [other for other in self.entries.values() if other.fingerprint == entry.fingerprint]
        kept = sum(other.state in OPEN for other in others) < self.max_open
        self._count(entry, kept=kept, newest=all(entry.created_at >= other.created_at for other in others))
        if kept:
            self.entries[entry.id] = entry
        return "created" if kept else "counted"

    def _count(self, entry: Entry, *, kept: bool, newest: bool) -> None:
        at = entry.created_at
        group = self.kept_groups.get(entry.fingerprint) or Group(
            entry.fingerprint, entry.source, entry.pack, rules_of(entry), 0, 0, 0, at, at, ""
        )
        self.kept_groups[entry.fingerprint] = replace(
            group,
            count=group.count + 1,
            counted_only=group.counted_only + (not kept),
            first_seen=min(group.first_seen, at),
            last_seen=max(group.last_seen, at),
            sample=entry.id if kept and newest else group.sample,
        )

    def _act(self, entry_id: str, act: Act) -> ActResult:
        entry = self.entries.get(entry_id)
        if entry is None:
            return "not_found"
        if entry.state not in act.action.sources:
            return "wrong_state"
        if not self._may(entry.lease, act):
            return "lease_lost"
        self.entries[entry_id] = replace(
            entry,
            state=act.action.target,
            lease=act.lease if act.action.takes_lease else None,
            attempts=entry.attempts + act.action.counts_attempt,
            verdict=act.verdict or entry.verdict,
            waivers=entry.waivers + act.waivers,
            history=(*entry.history, act.note),
        )
        return "done"

    def _may(self, lease: Lease | None, act: Act) -> bool:
        runs = lease is not None and lease.until > act.note.at
        if act.action.takes_lease:
            return not runs or lease.token == act.lease.token
        if act.action.needs_lease:
            return runs and lease.token == act.token
        return not runs or act.action != LAPSE


def rules_of(entry: Entry) -> tuple[str, ...]:
    """The rules an entry is filed under."""
    return tuple(sorted({item.rule_id for item in entry.violations if item.on_fail == "quarantine"}))
