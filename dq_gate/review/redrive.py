"""Redrive one released entry: take its lease, open its payload, have it judged and handled, say what became of it.

At least once: an entry counts as redriven only after its handler returned, and one whose redrive is cut short is
redriven again, so a handler may see an entry twice but never misses one.

The handler is not called here: it stands in a `Handle` command, which a shell carries out, waiting or awaiting.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dq_gate import events
from dq_gate.core import lifecycle
from dq_gate.core.rate import TokenBucket
from dq_gate.core.redrive import Wait, count_cut_short, failed_rules, redriving
from dq_gate.errors import BackendUnavailableError, SealedPayloadError, UnreadableEntryError
from dq_gate.quarantine.codec import decode
from dq_gate.quarantine.entry import Act, ActResult, HistoryItem, Lease
from dq_gate.review.service import MAX_WHO_BYTES, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from dq_gate.core.lifecycle import Action
    from dq_gate.core.model import Decision
    from dq_gate.core.redrive import Command, Ending, Limits
    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Entry, Store
    from dq_gate.quarantine.vault import Vault
    from dq_gate.review.service import Judge

Unusable = Literal["sealed", "damaged", "not_replayable"]
"""`sealed`: this process lacks its key. `damaged`: it is not what was stored. `not_replayable`: not kept whole."""
Left = Literal[Unusable, "other_pack", "too_early", "held"]
"""Why a released entry was left as it is: it has no attempt more. `held`: someone else is redriving it."""
Result = Literal[ActResult, Left, "failed_again", "handler_failed", "cut_short", "stopped"]
UNUSABLE: frozenset[str] = frozenset({"sealed", "damaged", "not_replayable"})
LEFT: frozenset[str] = frozenset({*UNUSABLE, "other_pack", "too_early", "held"})

_KEY_PROBLEMS = frozenset({"no_key", "unknown_key", "wrong_key"})
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0
_RENEWALS = 3
"""Renewals of a lease in its time, so that one that fails costs nothing."""


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of one entry.

    Attributes:
        result: `done`; `failed_again`, `handler_failed` or `cut_short`, which cost an attempt; a reason to leave it
            (`Left`); `lease_lost`: its handler ran, and another may run it again; `wrong_state`, `not_found`: it is
            released no more; `stopped`: the run ended before.
        died: It had its last attempt.
        rules: Rules it failed again.
    """

    entry_id: str
    result: Result
    died: bool = False
    rules: tuple[str, ...] = ()


class Absence:
    """A store that is away: what is told of it, and how long to wait before it is asked again.

    Args:
        who: Who waits for it.
        emit: Takes the events that it went and that it came back.
        patience_s: Seconds it may be away.
    """

    def __init__(self, who: str, emit: Callable[[Event], None], patience_s: float) -> None:
        self._who = who
        self._emit = emit
        self._patience_s = patience_s
        self._failures = 0
        self._since = 0.0

    def note(self, error: BackendUnavailableError) -> float:
        """Note that the store did not answer; seconds to wait, random so that consumers come apart.

        Raises:
            BackendUnavailableError: it has been away for too long.
        """
        if not self._failures:
            self._since = time.monotonic()
            self._emit(events.RedrivePaused(self._who, type(error).__name__))
        elif time.monotonic() - self._since > self._patience_s:
            raise error
        self._failures += 1
        longest = lifecycle.backoff(self._failures, _FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spread

    def end(self) -> None:
        """Note that the store answers."""
        if self._failures:
            self._failures = 0
            self._emit(events.RedriveResumed(self._who, time.monotonic() - self._since))


class Redriver:
    """Redrives entries of one pack, one at a time.

    Attributes:
        who: Who redrives, for leases, history and events.
        emit: Takes the events of what was done.
        limits: How often, and how soon again, an entry is tried.
        stopped: Whether the run is to end; nothing is begun after that.
        absence: How long to wait for a store that is away.

    Args:
        store: Where the entries are.
        pack: The pack's name; entries that another one refused are left to it.
        judge: The gate's `check`.
        vault: Opens payloads.
        who: See above; so too emit, limits and stopped.
        patience_s: Seconds that the store may be away.
        rate: Entries a second at the most; None for no limit.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        *,
        pack: str,
        judge: Judge,
        vault: Vault,
        who: str,
        emit: Callable[[Event], None],
        limits: Limits,
        stopped: Callable[[], bool],
        patience_s: float,
        rate: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._pack = pack
        self._judge = judge
        self._vault = vault
        self.who = cut(who, MAX_WHO_BYTES)
        self.emit = emit
        self.limits = limits
        self.absence = Absence(self.who, emit, patience_s)
        self.stopped = stopped
        self._bucket = None if rate is None else TokenBucket(rate)
        self._clock = clock

    def foresee(self, entry_id: str) -> Redriven:
        """What a redrive would come to, were the handler to return. Changes nothing."""
        found = self._look(entry_id)
        if not isinstance(found, _Ready):
            return Redriven(entry_id, found)
        if found.failed >= self.limits.max_attempts:
            return Redriven(entry_id, "cut_short", died=True)
        decision = found.judge(self._judge)
        if decision.value is not None:
            return Redriven(entry_id, "done")
        died = lifecycle.after_failed_redrive(found.failed, self.limits.max_attempts) is lifecycle.DIE
        return Redriven(entry_id, "failed_again", died, failed_rules(decision))

    def redrive(self, entry_id: str) -> Generator[Command, str | None, Redriven]:
        """Redrive an entry, if it is to be redriven now.

        Raises:
            BackendUnavailableError: the store did not answer; where an answer must not be lost, it was away for too
                long. The entry is as it was, or under a lease that runs out.
        """
        found = self._look(entry_id)
        if not isinstance(found, _Ready):
            return Redriven(entry_id, found)
        if self._bucket is not None:
            yield Wait(self._bucket.take(time.monotonic()))
        if self.stopped():
            return Redriven(entry_id, "stopped")
        lease = self._new_lease(secrets.token_hex(16))
        try:
            ending = yield from self._under(lease, entry_id)
        except BaseException:
            self._let_go(entry_id, lease)
            raise
        if isinstance(ending, str):
            return Redriven(entry_id, ending)
        return (yield from self._conclude(entry_id, lease, ending))

    def _look(self, entry_id: str) -> _Ready | Result:
        """The entry with its record, or why it is not to be redriven now."""
        entry = self._read(entry_id)
        if isinstance(entry, str):
            return entry
        return self._obstacle(entry) or self._open(entry)

    def _read(self, entry_id: str) -> Entry | Result:
        try:
            return self._store.get(entry_id) or "not_found"
        except UnreadableEntryError:
            return "damaged"

    def _obstacle(self, entry: Entry) -> Result | None:
        now = self._clock()
        if entry.state != "released":
            return "wrong_state"
        if entry.pack != self._pack:
            return "other_pack"
        if entry.lease is not None and entry.lease.until > now:
            return "held"
        return "too_early" if entry.not_before > now else None

    def _open(self, entry: Entry) -> _Ready | Unusable:
        """The entry with its record; an append-only file with a flipped bit loads without a word, hence the digest."""
        if not entry.replayable:
            return "not_replayable"
        try:
            document = self._vault.open(entry.id, entry.payload)
            is_whole = self._vault.digest(entry.payload) == entry.payload_digest
            return _Ready(entry, decode(document)) if is_whole else "damaged"
        except SealedPayloadError as error:
            return "sealed" if error.problem in _KEY_PROBLEMS else "damaged"
        except UnreadableEntryError:
            return "damaged"

    def _under(self, lease: Lease, entry_id: str) -> Generator[Command, str | None, Ending | Result]:
        """Take the lease, and redrive under it what the entry is by then."""
        note = self._note(lifecycle.BEGIN_REDRIVE)  # the same at each try, by which they count as one
        begun = yield from self._insist(
            entry_id, lambda: Act(lifecycle.BEGIN_REDRIVE, note, lease=self._new_lease(lease.token))
        )
        if begun != "done":
            return "held" if begun == "lease_lost" else begun
        entry = self._read(entry_id)
        ready = entry if isinstance(entry, str) else self._open(entry)
        if not isinstance(ready, _Ready):
            self._let_go(entry_id, lease)
            return ready
        with self._renewing(entry_id, lease.token):
            return (
                yield from redriving(
                    entry_id,
                    lambda: ready.judge(self._judge),
                    attempts=ready.entry.attempts,
                    cut_short=ready.begun - 1,
                    limits=self.limits,
                )
            )

    def _let_go(self, entry_id: str, lease: Lease) -> None:
        """Leave the entry to the next consumer at once; with the store away, the lease has to run out."""
        with suppress(BackendUnavailableError):
            self._store.act([entry_id], self._act(lifecycle.INTERRUPT, token=lease.token))

    def _conclude(self, entry_id: str, lease: Lease, ending: Ending) -> Generator[Command, str | None, Redriven]:
        now = self._clock()
        act = self._act(ending.action, ending.why, token=lease.token, not_before=now + ending.pause_s)
        result = yield from self._insist(entry_id, lambda: act)
        if result != "done":
            self.emit(events.EntryRedriveLost((entry_id,), self.who))
            return Redriven(entry_id, "lease_lost")
        died = ending.action is lifecycle.DIE
        if ending.result == "done":
            self.emit(events.EntryRedriven((entry_id,), self.who))
        elif ending.result != "cut_short":
            self.emit(events.EntryReturned((entry_id,), self.who, ending.rules, ending.error))
        if died:
            self.emit(events.EntryDied((entry_id,), self.who))
        return Redriven(entry_id, ending.result, died, ending.rules)

    def _insist(self, entry_id: str, make: Callable[[], Act]) -> Generator[Command, str | None, ActResult]:
        """Carry out an act that must not be lost, again and again until the store answers.

        When it is not known whether an earlier try took effect, a state that does not allow it says that it did:
        nobody else changes an entry under our lease.
        """
        is_repeated = False
        while True:
            try:
                result = self._store.act([entry_id], make())[0]
            except BackendUnavailableError as error:
                if self.stopped():
                    raise
                pause, is_repeated = self.absence.note(error), True
            else:
                self.absence.end()
                return "done" if is_repeated and result == "wrong_state" else result
            yield Wait(pause)

    @contextmanager
    def _renewing(self, entry_id: str, token: str) -> Iterator[None]:
        """Keep the lease for as long as it takes; a consumer that died renews nothing."""
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(self.limits.lease_s / _RENEWALS):
                act = self._act(lifecycle.RENEW, token=token, lease=self._new_lease(token))
                with suppress(BackendUnavailableError):
                    if self._store.act([entry_id], act) != ["done"]:
                        return

        thread = threading.Thread(target=renew, name="dq-gate-redrive-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _new_lease(self, token: str) -> Lease:
        return Lease(token, self.who, self._clock() + self.limits.lease_s)

    def _act(
        self,
        action: Action,
        why: str = "",
        *,
        token: str | None = None,
        lease: Lease | None = None,
        not_before: float = 0.0,
    ) -> Act:
        return Act(action, self._note(action, why), token=token, lease=lease, not_before=not_before)

    def _note(self, action: Action, why: str = "") -> HistoryItem:
        return HistoryItem(self._clock(), self.who, action.name, why)


@dataclass(frozen=True, slots=True)
class _Ready:
    """An entry that may be redriven, and the record in it."""

    entry: Entry
    record: Any

    @property
    def begun(self) -> int:
        """Redrives that were begun and have not ended."""
        return count_cut_short((item.action, item.who, item.at) for item in self.entry.history)

    @property
    def failed(self) -> int:
        """Attempts that it has had, those that never ended included."""
        return self.entry.attempts + self.begun

    def judge(self, judge: Judge) -> Decision:
        """Judge the record, without the rules that were waived for exactly this payload."""
        digest = self.entry.payload_digest
        waived = frozenset(item.rule_id for item in self.entry.waivers if item.payload_digest == digest)
        return judge(self.record, waived=waived)
