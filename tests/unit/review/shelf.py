"""The part of a `Store` that redriving uses, in memory, and a way to carry out its commands without waiting."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from dq_gate.core.redrive import Handle
from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine.codec import encode
from dq_gate.quarantine.entry import Delivery, IdPage
from tests.fakes import make_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from typing import Any

    from dq_gate.core.redrive import Command
    from dq_gate.quarantine.entry import Act, ActResult, Entry, Filter


def released(entry_id: str, record: Any = "hello", **fields: Any) -> Entry:
    """A released entry of the pack `query`, with a record in it."""
    payload = encode({"query": record}).payload
    digest = hashlib.sha256(payload).hexdigest()
    return replace(make_entry(entry_id, payload=payload), state="released", payload_digest=digest, **fields)


class Shelf:
    """Holds entries, hands them out, and carries out acts by the rules of leases.

    Attributes:
        entries: By id.
        announced: Ids that `deliver` is still to hand out.
        acknowledged: What was acknowledged, in order.
        before: Called before each act with its action's name; may raise.
        after: The same, once the act took effect: what it raises leaves the caller in the dark.
        is_away: Every method raises while this is set.
    """

    def __init__(self, *entries: Entry) -> None:
        self.entries = {entry.id: entry for entry in entries}
        self.announced = deque(self.entries)
        self.acknowledged: list[str] = []
        self.before: Callable[[str], object] = lambda _: None
        self.after: Callable[[str], object] = lambda _: None
        self.is_away = False
        self._lock = threading.Lock()

    def get(self, entry_id: str) -> Entry | None:
        self._answer()
        return self.entries.get(entry_id)

    def act(self, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        self._answer()
        self.before(act.action.name)
        with self._lock:
            results = [self._act(entry_id, act) for entry_id in entry_ids]
        self.after(act.action.name)
        return results

    def deliver(self, consumer: str, *, limit: int, idle_s: float) -> list[Delivery]:
        self._answer()
        ids = [self.announced.popleft() for _ in range(min(limit, len(self.announced)))]
        return [Delivery(entry_id, f"message of {entry_id}") for entry_id in ids]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self._answer()
        self.acknowledged += [delivery.message.removeprefix("message of ") for delivery in deliveries]

    def ids(self, where: Filter, *, limit: int, after: str | None = None) -> IdPage:
        self._answer()
        found = sorted(entry.id for entry in self.entries.values() if entry.state == where.state)
        rest = [entry_id for entry_id in found if entry_id > (after or "")]
        return IdPage(tuple(rest[:limit]), rest[limit - 1] if len(rest) > limit else None)

    def actions(self, entry_id: str) -> list[str]:
        """What was done with an entry."""
        return [item.action for item in self.entries[entry_id].history]

    def _answer(self) -> None:
        if self.is_away:
            raise BackendUnavailableError("away")

    def _act(self, entry_id: str, act: Act) -> ActResult:
        entry, action = self.entries.get(entry_id), act.action
        if entry is None:
            return "not_found"
        if entry.state not in action.sources:
            return "wrong_state"
        runs = entry.lease is not None and entry.lease.until > act.note.at
        is_ours = runs and entry.lease.token == (act.token or act.lease.token)
        if is_ours < action.needs_lease or (action.takes_lease and runs > is_ours):
            return "lease_lost"
        self.entries[entry_id] = replace(
            entry,
            state=action.target or entry.state,
            lease=act.lease if action.takes_lease else None,
            attempts=entry.attempts + action.counts_attempt,
            not_before=act.not_before if action.counts_attempt else entry.not_before,
            history=(*entry.history, act.note),
        )
        return "done"


class Stage:
    """Carries out a flow: the handler is called, and a wait lets nothing but the clock go on.

    Attributes:
        now: Seconds since the epoch; waits move it.
        waits: Seconds that were waited, in order.
        handled: Records that the handler was given, in order.
        handler: What the handler does with an entry's id; may raise.
        during_wait: Called with every wait.
    """

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.waits: list[float] = []
        self.handled: list[Any] = []
        self.handler: Callable[[str], object] = lambda _: None
        self.during_wait: Callable[[], object] = lambda: None

    def clock(self) -> float:
        return self.now

    def play(self, flow: Generator[Command, str | None, Any]) -> Any:
        """Carry out a flow to its end; an exception that is no `Exception` cuts it short, as a shell would."""
        answer = None
        try:
            while True:
                answer = self._carry_out(flow.send(answer))
        except StopIteration as stop:
            return stop.value
        finally:
            flow.close()

    def _carry_out(self, command: Command) -> str | None:
        if not isinstance(command, Handle):
            self.waits.append(command.seconds)
            self.now += command.seconds
            self.during_wait()
            return None
        self.handled.append(command.record["query"])
        try:
            self.handler(command.entry_id)
        except Exception as error:
            return type(error).__name__
        return None
