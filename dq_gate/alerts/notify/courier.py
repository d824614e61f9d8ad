"""A courier: takes what is due for one notifier, has it delivered, and notes what came of it. Starts no thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.notify.base import Repeating
from dq_gate.errors import NotifyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dq_gate.alerts.notify.base import Notifier
    from dq_gate.alerts.state.contract import Delivery, Outbox

GIVE_UP_AFTER_S = 24 * 3600.0
"""Age at which a delivery is not tried any more."""

FIRST_DELAY_S = 1.0
"""Longest wait after the first failed attempt; doubled with each."""

MAX_DELAY_S = 300.0
"""Longest wait between two attempts."""

_BATCH = 50


@dataclass(frozen=True, slots=True)
class Tally:
    """What one notifier was told in this run.

    Attributes:
        notifier: Its name.
        delivered: Alert events that it took.
        given_up: Alert events that it refused, or did not take in time.
        waiting: Alert events that are still to be delivered.
    """

    notifier: str
    delivered: int
    given_up: int
    waiting: int


class Courier:
    """Delivers to one notifier.

    Args:
        outbox: Where deliveries wait.
        notifier: Who is told.
        clock: Seconds since the epoch.
        note: Says something to the operator.
        chance: A number between 0 and 1, for the jitter of waits.
    """

    def __init__(
        self,
        outbox: Outbox,
        notifier: Notifier,
        *,
        clock: Callable[[], float],
        note: Callable[[str], None],
        chance: Callable[[], float],
    ) -> None:
        self._outbox = outbox
        self._notifier = notifier
        self._clock = clock
        self._note = note
        self._chance = chance
        self._abandoned = threading.Event()
        self._rest_until = 0.0
        self._repeat_at = float("-inf")
        self._trouble: str | None = None
        self._delivered = self._given_up = 0
        self._unsettled: int | None = None

    @property
    def name(self) -> str:
        """The notifier's."""
        return self._notifier.name

    @property
    def waiting(self) -> int:
        """How many deliveries are neither settled nor given up."""
        return self._outbox.waiting().get(self.name, 0)

    def go_round(self, stop: threading.Event) -> bool:
        """Deliver what is due, until told to stop.

        Returns:
            Whether anything was due.

        Raises:
            BackendUnavailableError: the outbox does not answer.
        """
        self._settle()
        now = self._clock()
        if now < self._rest_until:
            return False
        self._repeat(now)
        found = self._outbox.due(self.name, now, _BATCH)
        for delivery in found:
            if stop.is_set() or self._clock() < self._rest_until:
                break
            self._attempt(delivery)
        return bool(found)

    def report(self, trouble: str | None) -> None:
        """Say when trouble begins, and when it ends."""
        if trouble is not None and self._trouble is None:
            self._note(f"{self.name}: {trouble}; tried again")
        elif trouble is None and self._trouble is not None:
            self._note(f"{self.name}: takes alerts again")
        self._trouble = trouble

    def abandon(self) -> None:
        """Touch the outbox no more, even when an attempt under way comes back."""
        self._abandoned.set()

    def tally(self) -> Tally:
        """What came of it so far."""
        return Tally(self.name, self._delivered, self._given_up, self.waiting)

    def _repeat(self, now: float) -> None:
        """Tell a receiver that forgets of all that still fires."""
        if not isinstance(self._notifier, Repeating):
            return
        every = self._notifier.repeat_every
        if self._repeat_at - every <= now < self._repeat_at:  # before that, the clock was set back
            return
        self._repeat_at = now + every
        standing = [delivery.alert for delivery in self._outbox.standing(self.name)]
        alerts = [alert for alert in standing if alert["severity"] in self._notifier.severities]
        if alerts and (error := _error_of(self._notifier.repeat, alerts)) is not None:
            self.report(str(error))

    def _attempt(self, delivery: Delivery) -> None:
        error = _error_of(self._notifier.send, delivery.alert)
        if self._abandoned.is_set():
            return
        if error is None:
            self._unsettled = delivery.number
            self._settle()
        elif error.is_final or self._clock() - delivery.created_at >= GIVE_UP_AFTER_S:
            self._outbox.give_up(delivery.number, str(error))
            self._given_up += 1
            self._note(_lost(self.name, delivery.alert, error))
        else:
            self._postpone(delivery, error)

    def _settle(self) -> None:
        """Note what was delivered: also when the outbox did not answer at first, so that it is not sent again."""
        if self._unsettled is None:
            return
        self._outbox.settle(self._unsettled)
        self._unsettled = None
        self._delivered += 1
        self.report(None)

    def _postpone(self, delivery: Delivery, error: NotifyError) -> None:
        now = self._clock()
        due_at = now + backoff(delivery.attempts, self._chance())
        if error.retry_after is not None:
            self._rest_until = now + error.retry_after
            due_at = max(due_at, self._rest_until)
        self._outbox.postpone(delivery.number, due_at, str(error))
        self.report(str(error))


def backoff(attempts: int, chance: float) -> float:
    """Seconds to wait after a failed attempt.

    Args:
        attempts: How many failed before it.
        chance: Between 0 and 1; takes off up to half, so that not all come back at once.
    """
    longest = min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** min(attempts, 16))
    return longest * (1 - chance / 2)


def _lost(name: str, alert: Mapping[str, Any], error: NotifyError) -> str:
    what = alert["event"].rpartition(".")[2]
    return f"{name}: was not told that {alert['alert']} {what} ({alert['id']}): {error}"


def _error_of(tell: Callable[[Any], None], what: Any) -> NotifyError | None:
    """Why a receiver was not told; None when it was."""
    try:
        tell(what)
    except NotifyError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a defect in one notifier must not end its thread in silence
        return NotifyError(f"failed with {type(error).__name__}")
    return None
