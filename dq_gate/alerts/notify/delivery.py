"""Delivery: a thread for each notifier, so that none waits for another and the evaluation for none.

Delivery is at least once: what was delivered in the moment of a crash is delivered again, under the same id. Of one
alert the resolution never overtakes the firing.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.notify.base import SEVERITIES
from dq_gate.alerts.notify.courier import Courier
from dq_gate.errors import BackendUnavailableError, NotifyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dq_gate.alerts.notify.base import Notifier
    from dq_gate.alerts.notify.courier import Tally
    from dq_gate.alerts.state.contract import Outbox

_POLL_S = 1.0


class Couriers:
    """Delivers what is committed to an outbox.

    Deliveries to a notifier that is no longer in the settings are kept for their time, and then given up.

    Args:
        outbox: Where deliveries wait.
        notifiers: Who is told.
        clock: Seconds since the epoch.
        note: Says something to the operator; called from several threads.
        chance: A number between 0 and 1, for the jitter of waits.
    """

    def __init__(
        self,
        outbox: Outbox,
        notifiers: Iterable[Notifier],
        *,
        clock: Callable[[], float],
        note: Callable[[str], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._notifiers = tuple(notifiers)
        self._clock = clock
        self._note = note
        self._chance = chance
        self._threads: list[_Thread] = []

    def start(self) -> None:
        """Begin to deliver, first what an earlier run left.

        Raises:
            BackendUnavailableError: the outbox cannot be read.
        """
        known = {notifier.name for notifier in self._notifiers}
        gone = [_Gone(name) for name in sorted(self._outbox.waiting().keys() - known)]
        everyone: tuple[Notifier, ...] = (*self._notifiers, *gone)
        self._threads = [_Thread(self._courier(notifier)) for notifier in everyone]
        for thread in self._threads:
            thread.start()

    def addressed(self, alert: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
        """An alert event with each notifier that is to be told of it, as a commit takes them."""
        severity = alert["severity"]
        return [(notifier.name, alert) for notifier in self._notifiers if severity in notifier.severities]

    def wake(self) -> None:
        """Say that deliveries were committed."""
        for thread in self._threads:
            thread.wake()

    def drain(self, timeout: float) -> None:
        """Wait until all is delivered or given up, at most so many seconds."""
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.await_empty(until)

    def stop(self, timeout: float) -> None:
        """End, within so many seconds. What is not delivered stays in the outbox."""
        until = time.monotonic() + timeout
        for thread in self._threads:
            thread.ask_to_stop()
        for thread in self._threads:
            thread.join(until)
        for notifier in self._notifiers:
            notifier.close()

    def account(self) -> list[Tally]:
        """What came of it."""
        return [thread.courier.tally() for thread in self._threads]

    def _courier(self, notifier: Notifier) -> Courier:
        return Courier(self._outbox, notifier, clock=self._clock, note=self._note, chance=self._chance)


@dataclass(frozen=True, slots=True)
class _Gone:
    """Stands for a notifier that has things in the outbox and is in no setting."""

    name: str
    severities: frozenset[str] = frozenset(SEVERITIES)

    def send(self, alert: Mapping[str, Any]) -> None:  # noqa: ARG002 - nobody is there
        raise NotifyError("is no longer among the notifiers; put its address back to have it told")

    def close(self) -> None:
        """Nothing is held."""


class _Thread:
    """Has a courier go its rounds."""

    def __init__(self, courier: Courier) -> None:
        self.courier = courier
        self._thread = threading.Thread(target=self._run, name=f"dq_gate alerts to {courier.name}", daemon=True)
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._went_round = threading.Event()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def ask_to_stop(self) -> None:
        self._stop.set()
        self._wake.set()

    def join(self, until: float) -> None:
        """Wait for the thread's end; one that hangs is left behind."""
        self._thread.join(max(0.0, until - time.monotonic()))
        self.courier.abandon()

    def await_empty(self, until: float) -> None:
        while self.courier.waiting and (left := until - time.monotonic()) > 0:
            self._went_round.wait(min(left, _POLL_S))
            self._went_round.clear()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            if self._stop.is_set():  # asked between the two lines above
                return
            try:
                is_busy = self.courier.go_round(self._stop)
            except BackendUnavailableError as error:
                self.courier.report(f"the outbox does not answer: {error}")
                is_busy = False
            self._went_round.set()
            if not is_busy:
                self._wake.wait(_POLL_S)
