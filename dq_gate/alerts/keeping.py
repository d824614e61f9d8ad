"""What becomes of the alerts of a watch: told at once in a replay; committed first, and then told, where state is kept.

A commit holds the inputs' positions, the engine, and what is to be delivered, in one transaction. So after a crash the
lines since the last commit are read again, and nothing that was committed is said anew.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from dq_gate.errors import AlertStateError, BackendUnavailableError, LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Event

    from dq_gate.alerts.evaluation.engine import Alert
    from dq_gate.alerts.sources.base import Say
    from dq_gate.alerts.state.contract import Outbox, Saved, StateStore, Transition

PRINTED = "stdout"
"""What the outbox knows the command's own output by."""
EVERY_SECONDS = 3.0
"""Time between two commits when nothing fires or resolves."""
COST_SHARE = 20
"""A commit is followed by so many times its own duration without one: saving takes a twentieth of the time at most."""
FIRST_BACKOFF = 0.1
MAX_BACKOFF = 5.0

_BATCH = 100
_TOLD = frozenset({"firing", "resolved"})

Record = dict[str, Any]
Deliveries = list[tuple[str, "Mapping[str, Any]"]]


class Keeper(Protocol):
    """Takes what a watch found."""

    def take(self, alerts: Sequence[Alert]) -> None:
        """Take alerts, possibly none, once the lines that led to them were read."""
        ...

    def finish(self) -> None:
        """Nothing more comes in this run."""
        ...


class Replay:
    """Keeps nothing: alerts are told as they come.

    Args:
        tell: Tells of an alert event.
    """

    def __init__(self, tell: Callable[[Record], None]) -> None:
        self._tell = tell

    def take(self, alerts: Sequence[Alert]) -> None:
        """See `Keeper`."""
        for alert in alerts:
            self._tell(as_record(alert))

    def finish(self) -> None:
        """Nothing waits."""


class Commits:
    """Commits what a watch found, at once when something fires or resolves, else every few seconds.

    While the store does not answer, the watch waits, and reads on from where it is.

    Args:
        store: Where; its lease is held.
        state: Says where the watch stands.
        take_transitions: Gives what changed since it was called last.
        address: Gives the deliveries that an alert event leads to.
        deliver: Called once such were committed, and again when the store did not answer it.
        say: Told when the store does not answer, and when it does again.
        stop: Set to wait no longer.
    """

    def __init__(
        self,
        store: StateStore,
        state: Callable[[], Saved],
        take_transitions: Callable[[], Sequence[Transition]],
        *,
        address: Callable[[Record], Deliveries],
        deliver: Callable[[], None],
        say: Say,
        stop: Event,
    ) -> None:
        self._store = store
        self._state = state
        self._take_transitions = take_transitions
        self._address = address
        self._deliver = deliver
        self._say = say
        self._stop = stop
        self._deliveries: Deliveries = []
        self._transitions: list[Transition] = []
        self._committed_at = time.monotonic()
        self._cost = 0.0

    def take(self, alerts: Sequence[Alert]) -> None:
        """See `Keeper`.

        Raises:
            LeaseLostError: another evaluator took over.
            BackendUnavailableError: the store did not answer before the watch was to stop.
        """
        for alert in alerts:
            self._deliveries += self._address(as_record(alert))
        self._transitions += self._take_transitions()
        is_urgent = bool(alerts or self._deliveries) or any(change.after in _TOLD for change in self._transitions)
        wait = self._cost * COST_SHARE
        if time.monotonic() - self._committed_at >= (wait if is_urgent else max(wait, EVERY_SECONDS)):
            self.finish()

    def finish(self) -> None:
        """Commit what waits; raises as `take` does."""
        begun = time.monotonic()
        self._insist(self._commit)
        self._committed_at = time.monotonic()
        self._cost = self._committed_at - begun
        self._transitions.clear()
        if self._deliveries:
            self._deliveries.clear()
            self._insist(self._deliver)

    def _commit(self) -> None:
        self._store.commit(self._state(), self._transitions, self._deliveries)

    def _insist(self, use_the_store: Callable[[], None]) -> None:
        """Try until the store answers."""
        failures = 0
        while True:
            try:
                use_the_store()
                break
            except (LeaseLostError, AlertStateError):
                raise
            except BackendUnavailableError as error:
                if not failures:
                    self._say(f"{error}; the watch waits for it")
                failures += 1
                if self._stop.wait(min(MAX_BACKOFF, FIRST_BACKOFF * 2**failures)):
                    raise
        if failures:
            self._say("the alert state answers again")


def as_record(alert: Alert) -> Record:
    """An alert as the fields of an event line, of now."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"timestamp": now, "level": alert.level, "event": alert.name, **alert.payload()}


class Printing:
    """Prints what was committed for the command's own output, and what an earlier run did not come to print.

    Args:
        outbox: Where alert events wait.
        tell: Prints one.
    """

    def __init__(self, outbox: Outbox, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._outbox = outbox
        self._tell = tell
        self._unsettled: int | None = None

    def print_due(self) -> None:
        """Print what waits. Called again after a failure, it goes on where it was and prints nothing twice.

        Raises:
            BackendUnavailableError: the outbox did not answer.
        """
        self._settle()
        while due := self._outbox.due(PRINTED, time.time(), _BATCH):
            for delivery in due:
                self._tell(delivery.alert)
                self._unsettled = delivery.number
                self._settle()

    def _settle(self) -> None:
        if self._unsettled is not None:
            self._outbox.settle(self._unsettled)
            self._unsettled = None
