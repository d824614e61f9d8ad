"""Claim, release, discard and redrive entries, one by one or by group. Every action goes into the entry's history."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dq_gate import events
from dq_gate.core import lifecycle
from dq_gate.errors import ReviewError
from dq_gate.quarantine.codec import decode
from dq_gate.quarantine.entry import MAX_BATCH, Act, ActResult, Filter, HistoryItem, Lease, Waiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dq_gate.core.lifecycle import Action
    from dq_gate.core.model import Decision
    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Entry, Store

MAX_NAMED = 32
"""Most rules that one event names."""
Verdict = Literal["valid", "invalid"]


class Judge(Protocol):
    """Judges a record with some rules waived; the gate's `check` is one."""

    def __call__(self, record: Any, *, waived: frozenset[str]) -> Decision:
        """Judge without side effects."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action did to one entry.

    Attributes:
        result: `done`, or why not: not_found, wrong_state, lease_lost, not_replayable, failed_again, handler_failed.
    """

    entry_id: str
    result: ActResult | Literal["not_replayable", "failed_again", "handler_failed"]


class Review:
    """A reviewer at work on a store.

    Args:
        store: Where the entries are.
        who: The reviewer's name, for history and events.
        emit: Takes the events of what was done.
        lease_seconds: How long a claim holds.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        *,
        who: str,
        emit: Callable[[Event], None],
        lease_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._who = who
        self._emit = emit
        self._lease_seconds = lease_seconds
        self._clock = clock

    def tidy(self, retention_s: float) -> None:
        """Return entries whose lease ran out, and expire those older than the retention."""
        now = self._clock()
        while lapsed := self._store.lapse(now):
            self._emit(events.EntryLeaseExpired(tuple(lapsed), self._who))
        note = HistoryItem(now, self._who, lifecycle.EXPIRE.name, "retention")
        while expired := self._store.expire(now - retention_s, note):
            self._emit(events.EntryExpired(tuple(expired), self._who))

    def matching(self, where: Filter) -> list[str]:
        """Ids of all entries that match, oldest first."""
        ids: list[str] = []
        after: str | None = None
        while True:
            page = self._store.find(where, limit=MAX_BATCH, after=after)
            ids.extend(entry.id for entry in page.entries)
            after = page.after
            if after is None:
                return ids

    def claim(self, entry_ids: Sequence[str], *, token: str | None = None) -> tuple[Lease, list[Outcome]]:
        """Take a lease on pending entries, so that no one else acts on them meanwhile.

        Args:
            entry_ids: Any number of entries.
            token: The lease's secret; drawn at random when not given.
        """
        lease = self._new_lease(token)
        outcomes = self._act(entry_ids, lifecycle.CLAIM, lease=lease)
        self._tell(events.EntryLeased, outcomes)
        return lease, outcomes

    def release(
        self, entry_ids: Sequence[str], token: str, *, waive: Sequence[str] = (), reason: str = ""
    ) -> list[Outcome]:
        """Let claimed entries go on to be redriven.

        Args:
            entry_ids: Entries under the lease.
            token: The lease's secret.
            waive: Rules that were wrong about these inputs; redriving skips exactly those, for exactly this payload.
            reason: Why; required with `waive`.

        Raises:
            ReviewError: a waiver without a reason.
        """
        if waive and not reason:
            raise ReviewError("a waiver needs a reason: --reason 'why the rule is wrong here'")
        verdict: Verdict | None = "valid" if waive else None
        if waive:
            outcomes = [self._release_waived(entry_id, token, waive, reason) for entry_id in entry_ids]
        else:
            outcomes = self._act(entry_ids, lifecycle.RELEASE, token=token, why=reason, verdict=verdict)
        done = _done(outcomes)
        named = tuple(waive[:MAX_NAMED])
        for start in range(0, len(done), MAX_BATCH):
            self._emit(events.EntryReleased(tuple(done[start : start + MAX_BATCH]), self._who, named))
        return outcomes

    def discard(self, entry_ids: Sequence[str], token: str, *, reason: str = "") -> list[Outcome]:
        """Throw claimed entries away: the gate was right about them."""
        outcomes = self._act(entry_ids, lifecycle.DISCARD, token=token, why=reason, verdict="invalid")
        self._tell(events.EntryDiscarded, outcomes)
        return outcomes

    def redrive(
        self, entry_ids: Sequence[str], judge: Judge, handler: Callable[[dict[str, Any]], object], *, max_attempts: int
    ) -> Iterator[Outcome]:
        """Send released entries through the gate again, and what passes to a handler.

        An entry counts as redriven only after its handler returned; one whose redrive is cut short stays released
        and can be redriven when its lease ran out, so a handler may see an entry twice but never misses one.

        Args:
            entry_ids: Released entries.
            judge: The gate's `check`.
            handler: Takes the record, repaired where it was.
            max_attempts: Failed redrives after which an entry is dead.
        """
        for entry_id in entry_ids:
            yield self._redrive_one(entry_id, judge, handler, max_attempts)

    def reveal(self, entry_ids: Sequence[str]) -> None:
        """Record that someone looked at the payload of entries."""
        for start in range(0, len(entry_ids), MAX_BATCH):
            self._emit(events.EntryRevealed(tuple(entry_ids[start : start + MAX_BATCH]), self._who))

    def _release_waived(self, entry_id: str, token: str, waive: Sequence[str], reason: str) -> Outcome:
        entry = self._store.get(entry_id)
        if entry is None:
            return Outcome(entry_id, "not_found")
        waivers = tuple(Waiver(rule, entry.payload_digest, self._who, reason) for rule in waive)
        act = self._note(lifecycle.RELEASE, reason, token=token, verdict="valid", waivers=waivers)
        return Outcome(entry_id, self._store.act([entry_id], act)[0])

    def _redrive_one(
        self, entry_id: str, judge: Judge, handler: Callable[[dict[str, Any]], object], max_attempts: int
    ) -> Outcome:
        entry = self._store.get(entry_id)
        if entry is None:
            return Outcome(entry_id, "not_found")
        if not entry.replayable or _is_damaged(entry):
            return Outcome(entry_id, "not_replayable")
        record = decode(entry.payload)
        lease = self._new_lease(None)
        begun = self._store.act([entry_id], self._note(lifecycle.BEGIN_REDRIVE, lease=lease))[0]
        if begun != "done":
            return Outcome(entry_id, begun)
        decision = judge(record, waived=_waived(entry))
        if decision.outcome == "quarantined" or decision.value is None:
            rules = tuple(violation.rule_id for violation in decision.violations)[:MAX_NAMED]
            return self._send_back(entry, lease, max_attempts, rules=rules)
        try:
            handler(decision.value)
        except Exception as error:  # noqa: BLE001 - a handler's failure is the entry's, reported as EntryReturned
            return self._send_back(entry, lease, max_attempts, error=type(error).__name__)
        except BaseException:
            self._store.act([entry_id], self._note(lifecycle.INTERRUPT, token=lease.token))
            raise
        result = self._store.act([entry_id], self._note(lifecycle.REDRIVE, token=lease.token))[0]
        self._tell(events.EntryRedriven, [Outcome(entry_id, result)])
        return Outcome(entry_id, result)

    def _send_back(
        self, entry: Entry, lease: Lease, max_attempts: int, *, rules: tuple[str, ...] = (), error: str | None = None
    ) -> Outcome:
        action = lifecycle.after_failed_redrive(entry.attempts, max_attempts)
        why = f"handler raised {error}" if error else "failed again: " + ", ".join(rules)
        result = self._store.act([entry.id], self._note(action, why, token=lease.token))[0]
        if result != "done":
            return Outcome(entry.id, result)
        self._emit(events.EntryReturned((entry.id,), self._who, rules, error))
        if action is lifecycle.DIE:
            self._emit(events.EntryDied((entry.id,), self._who))
        return Outcome(entry.id, "handler_failed" if error else "failed_again")

    def _act(
        self,
        entry_ids: Sequence[str],
        action: Action,
        *,
        token: str | None = None,
        lease: Lease | None = None,
        why: str = "",
        verdict: Verdict | None = None,
    ) -> list[Outcome]:
        act = self._note(action, why, token=token, lease=lease, verdict=verdict)
        outcomes: list[Outcome] = []
        for start in range(0, len(entry_ids), MAX_BATCH):
            chunk = entry_ids[start : start + MAX_BATCH]
            outcomes += map(Outcome, chunk, self._store.act(chunk, act))
        return outcomes

    def _note(
        self,
        action: Action,
        why: str = "",
        *,
        token: str | None = None,
        lease: Lease | None = None,
        verdict: Verdict | None = None,
        waivers: tuple[Waiver, ...] = (),
    ) -> Act:
        note = HistoryItem(self._clock(), self._who, action.name, why)
        return Act(action, note, token=token, lease=lease, verdict=verdict, waivers=waivers)

    def _new_lease(self, token: str | None) -> Lease:
        return Lease(token or secrets.token_hex(16), self._who, self._clock() + self._lease_seconds)

    def _tell(self, event: Callable[[tuple[str, ...], str], Event], outcomes: Sequence[Outcome]) -> None:
        done = _done(outcomes)
        for start in range(0, len(done), MAX_BATCH):
            self._emit(event(tuple(done[start : start + MAX_BATCH]), self._who))


def _is_damaged(entry: Entry) -> bool:
    """Whether the payload is not what was put: an append-only file with a flipped bit loads without a word."""
    return hashlib.sha256(entry.payload).hexdigest() != entry.payload_digest


def _waived(entry: Entry) -> frozenset[str]:
    return frozenset(w.rule_id for w in entry.waivers if w.payload_digest == entry.payload_digest)


def _done(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.entry_id for outcome in outcomes if outcome.result == "done"]
