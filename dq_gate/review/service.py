"""Decide about entries: claim, release, discard, look, tidy. Every action goes into the entries' history.

Actions take any number of ids, send at most `MAX_BATCH` of them to the store at once, and give an outcome for each id,
in order. `editing` replaces a payload, `selection` finds the ids and says what would happen, `redrive` goes on from
what is released.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dq_gate import events
from dq_gate.core import lifecycle
from dq_gate.core.lifecycle import CLOSED
from dq_gate.errors import ReviewError, UnreadableEntryError
from dq_gate.quarantine.codec import decode
from dq_gate.quarantine.entry import MAX_BATCH, Act, ActResult, Filter, HistoryItem, Lease, Waiver
from dq_gate.quarantine.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dq_gate.core.lifecycle import Action
    from dq_gate.core.model import Decision
    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Entry, Store

MAX_NAMED = 32
"""Most rules that one event names."""
MAX_WHO_BYTES = 64
FAILED_AGAIN = "failed again: "
"""What the history says before the rules that refused an entry in a redrive."""
MAX_TIDIED = 2_000
"""Most finished entries that one tidying purges, so that no command waits long for others' litter."""

Verdict = Literal["valid", "invalid"]
Result = ActResult | Literal["no_waiver_fits", "damaged", "already_there", "full", "erased"]
"""What became of one entry. `no_waiver_fits`: none of the waived rules had refused it. `damaged`: what is stored of it
cannot be read. Of an import, `already_there`: it is, or was finished there not long ago; `full`: its group or the
store is; `erased`: its subject's data was."""


class Judge(Protocol):
    """Judges a record with some rules waived; the gate's `check` is one."""

    def __call__(self, record: Any, *, waived: frozenset[str]) -> Decision:
        """Judge without side effects."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action did to one entry: `done`, or why it did nothing."""

    entry_id: str
    result: Result


@dataclass(frozen=True, slots=True)
class Content:
    """An entry's payload, opened.

    Attributes:
        document: The tagged JSON of `codec`.
        value: The value in it; `Head` and `Opaque` stand for what was not kept.
    """

    document: bytes
    value: Any


@dataclass(frozen=True, slots=True)
class Ages:
    """How long entries stay.

    Attributes:
        open_s: Seconds after which an open entry expires.
        finished_s: Seconds that a finished entry stays at the least.
        tombstone_s: Seconds that a purged entry's id is remembered.
    """

    open_s: float
    finished_s: float
    tombstone_s: float


class Review:
    """A reviewer at work on a store.

    Attributes:
        store: Where the entries are.
        vault: What opens their payloads.
        who: The reviewer's name as stored: at most 64 bytes of it.

    Args:
        store: Where the entries are.
        who: The reviewer's name, for history and events.
        emit: Takes the events of what was done; False says that one could not be written.
        lease_seconds: How long a claim holds.
        vault: Opens and seals payloads; one without a key reads what is not sealed.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        *,
        who: str,
        emit: Callable[[Event], bool | None],
        lease_seconds: float,
        vault: Vault | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.vault = vault or Vault()
        self.who = cut(who, MAX_WHO_BYTES)
        self._emit = emit
        self._lease_seconds = lease_seconds
        self._clock = clock

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()

    def claim(self, entry_ids: Sequence[str], *, token: str | None = None) -> tuple[Lease, list[Outcome]]:
        """Take a lease on pending entries, so that no one else acts on them meanwhile.

        Args:
            entry_ids: Any number of entries.
            token: The lease's secret; drawn at random when not given.
        """
        lease = self._new_lease(token)
        return lease, self._act(entry_ids, lifecycle.CLAIM, events.EntryLeased, lease=lease)

    def renew(self, entry_ids: Sequence[str], token: str) -> tuple[Lease, list[Outcome]]:
        """Hold claimed entries as long again, from now."""
        lease = self._new_lease(token)
        return lease, self._act(entry_ids, lifecycle.RENEW, events.EntryRenewed, token=token, lease=lease)

    def unclaim(self, entry_ids: Sequence[str], token: str, *, reason: str = "") -> list[Outcome]:
        """Give claimed entries back, undecided."""
        return self._act(entry_ids, lifecycle.UNCLAIM, events.EntryUnclaimed, token=token, why=reason)

    def release(
        self,
        entry_ids: Sequence[str],
        token: str,
        *,
        waive: Sequence[str] = (),
        reason: str = "",
        verdict: Verdict | None = None,
    ) -> list[Outcome]:
        """Let claimed entries go on to be redriven.

        Args:
            entry_ids: Entries under the lease.
            token: The lease's secret.
            waive: Rules that were wrong about these inputs; redriving skips exactly those, for exactly this payload.
                An entry that failed none of them is not released.
            reason: Why; required with `waive`.
            verdict: Whether the input was valid as it came. Without one, a waived entry's was; an edited one's
                was not, which its edit said; of others nothing is said.

        Raises:
            ReviewError: a waiver without a reason.
        """
        if waive and not reason:
            raise ReviewError("a waiver needs a reason: --reason 'why the rule is wrong here'")
        event = partial(events.EntryReleased, waived=tuple(waive[:MAX_NAMED]))
        if not waive:
            return self._act(entry_ids, lifecycle.RELEASE, event, token=token, why=reason, verdict=verdict)
        outcomes: list[Outcome] = []
        try:
            for entry_id in entry_ids:
                outcomes.append(self._release_waived(entry_id, token, waive, reason, verdict))  # noqa: PERF401 - told below
        finally:  # what was released before the store failed is released
            self.tell(event, done(outcomes))
        return outcomes

    def discard(
        self, entry_ids: Sequence[str], token: str, *, reason: str = "", verdict: Verdict = "invalid"
    ) -> list[Outcome]:
        """Throw claimed entries away: the gate was right about them, unless the verdict says otherwise."""
        return self._act(entry_ids, lifecycle.DISCARD, events.EntryDiscarded, token=token, why=reason, verdict=verdict)

    def reveal(self, entry_ids: Sequence[str], *, reason: str = "") -> list[Outcome]:
        """Record that someone looks at the payload of entries, in their history and as an event. Call it before.

        Raises:
            ReviewError: it could not be recorded, so nothing may be shown.
        """
        outcomes = self._act(entry_ids, lifecycle.REVEAL, why=reason)
        for batch in batches(done(outcomes)):
            if self._emit(events.EntryRevealed(tuple(batch), self.who)) is False:
                raise ReviewError("the event log cannot be written, so nothing is revealed; see the setting log")
        return outcomes

    def content(self, entry: Entry) -> Content:
        """What an entry's payload holds. To show it, `reveal` it first.

        Raises:
            UnreadableEntryError: the payload is damaged, or sealed and cannot be opened.
        """
        if self.vault.digest(entry.payload) != entry.payload_digest:
            # An append-only file with a flipped bit loads without a word.
            raise UnreadableEntryError(f"entry {entry.id}: its payload is not what was stored; discard the entry")
        document = self.vault.open(entry.id, entry.payload)
        return Content(document, decode(document))

    def purge(self, entry_ids: Sequence[str], tombstone_s: float) -> list[Outcome]:
        """Remove finished entries for good; for some seconds, late duplicates of theirs are still known."""
        until = self._clock() + tombstone_s
        outcomes = [
            Outcome(entry_id, result)
            for batch in batches(entry_ids)
            for entry_id, result in zip(batch, self.store.purge(batch, until), strict=True)
        ]
        self.tell(events.EntryPurged, done(outcomes))
        return outcomes

    def lapse(self) -> None:
        """Return entries whose lease ran out."""
        now = self._clock()
        while lapsed := self.store.lapse(now):
            self._emit(events.EntryLeaseExpired(tuple(lapsed), self.who))

    def tidy(self, ages: Ages) -> None:
        """Return entries whose lease ran out, expire the old open ones, and purge what was finished long ago."""
        self.lapse()
        now = self._clock()
        note = HistoryItem(now, self.who, lifecycle.EXPIRE.name, "retention")
        while expired := self.store.expire(now - ages.open_s, note):
            self._emit(events.EntryExpired(tuple(expired), self.who))
        # Open entries expire at `open_s`, so that what was created before was finished `finished_s` ago.
        before = now - ages.open_s - ages.finished_s
        for state in sorted(CLOSED):
            self._purge_before(before, state, ages.tombstone_s)

    def act(self, entry_id: str, act: Act, event: Callable[[tuple[str, ...], str], Event]) -> ActResult:
        """Carry out one prepared act, and tell of it when it is done."""
        result = self.store.act([entry_id], act)[0]
        self.tell(event, done([Outcome(entry_id, result)]))
        return result

    def tell(self, event: Callable[[tuple[str, ...], str], Event], entry_ids: Sequence[str]) -> None:
        """Emit what was done to entries, as many events as it takes."""
        for batch in batches(entry_ids):
            self._emit(event(tuple(batch), self.who))

    def note(self, action: Action, why: str = "") -> HistoryItem:
        """What an action leaves in the history."""
        return HistoryItem(self._clock(), self.who, action.name, why)

    def _purge_before(self, before: float, state: lifecycle.State, tombstone_s: float) -> None:
        for _ in range(MAX_TIDIED // MAX_BATCH):
            page = self.store.ids(Filter(state=state, before=before), limit=MAX_BATCH)
            if not page.ids or not done(self.purge(page.ids, tombstone_s)):
                return

    def _release_waived(
        self, entry_id: str, token: str, waive: Sequence[str], reason: str, verdict: Verdict | None
    ) -> Outcome:
        try:
            entry = self.store.get(entry_id)
        except UnreadableEntryError:
            return Outcome(entry_id, "damaged")
        if entry is None:
            return Outcome(entry_id, "not_found")
        if refusing_rules(entry).isdisjoint(waive):
            return Outcome(entry_id, "no_waiver_fits")
        act = Act(
            lifecycle.RELEASE,
            self.note(lifecycle.RELEASE, reason),
            token=token,
            verdict=verdict or entry.verdict or "valid",
            waivers=tuple(Waiver(rule, entry.payload_digest, self.who, reason) for rule in waive),
        )
        return Outcome(entry_id, self.store.act([entry_id], act)[0])

    def _act(
        self,
        entry_ids: Sequence[str],
        action: Action,
        event: Callable[[tuple[str, ...], str], Event] | None = None,
        *,
        token: str | None = None,
        lease: Lease | None = None,
        why: str = "",
        verdict: Verdict | None = None,
    ) -> list[Outcome]:
        act = Act(action, self.note(action, why), token=token, lease=lease, verdict=verdict)
        outcomes: list[Outcome] = []
        for batch in batches(entry_ids):
            results = list(map(Outcome, batch, self.store.act(batch, act)))
            if event is not None:  # at once: the store may fail at the next batch
                self.tell(event, done(results))
            outcomes += results
        return outcomes

    def _new_lease(self, token: str | None) -> Lease:
        return Lease(token or secrets.token_hex(16), self.who, self._clock() + self._lease_seconds)


def batches(entry_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Ids in as many parts as calls of a store take them."""
    return (entry_ids[start : start + MAX_BATCH] for start in range(0, len(entry_ids), MAX_BATCH))


def done(outcomes: Iterable[Outcome]) -> list[str]:
    """Ids of the entries on which something was done."""
    return [outcome.entry_id for outcome in outcomes if outcome.result == "done"]


def refusing_rules(entry: Entry) -> set[str]:
    """Rules that refused an entry, when it came or in a later redrive."""
    refused_by = {violation.rule_id for violation in entry.violations if violation.on_fail == "quarantine"}
    for item in entry.history:
        if item.action in (lifecycle.RETURN.name, lifecycle.DIE.name):
            refused_by.update(filter(None, item.why.partition(FAILED_AGAIN)[2].split(", ")))
    return refused_by


def cut(text: str, size: int) -> str:
    """The beginning of a text that takes at most so many bytes of UTF-8."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")
