"""An outbox for a run that keeps no state."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.state.contract import Delivery
from dq_gate.events import AlertFired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class MemoryOutbox:
    """An `Outbox` that ends with the process.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[str, dict[int, Delivery]] = {}
        self._standing: dict[tuple[str, str], Delivery] = {}
        self._newest = 0

    def add(self, deliveries: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Take in alert events, each with the notifier that is to deliver it."""
        now = self._clock()
        with self._lock:
            for notifier, alert in deliveries:
                self._newest += 1
                box = self._waiting.setdefault(notifier, {})
                box[self._newest] = Delivery(self._newest, notifier, alert, 0, now, now)

    def due(self, notifier: str, now: float, limit: int) -> list[Delivery]:
        """See `Outbox`."""
        oldest: dict[str, Delivery] = {}
        with self._lock:
            for delivery in self._waiting.get(notifier, {}).values():
                oldest.setdefault(delivery.alert["id"], delivery)
        return [delivery for delivery in oldest.values() if not delivery.attempts or delivery.due_at <= now][:limit]

    def standing(self, notifier: str) -> list[Delivery]:
        """Firings that were delivered and whose resolution was not."""
        with self._lock:
            return [delivery for (name, _), delivery in self._standing.items() if name == notifier]

    def waiting(self) -> dict[str, int]:
        """How many are neither settled nor given up, by notifier."""
        with self._lock:
            return {notifier: len(box) for notifier, box in self._waiting.items() if box}

    def settle(self, number: int) -> None:
        """Note that something was delivered."""
        with self._lock:
            delivery = self._remove(number)
            if delivery.alert["event"] == AlertFired.name:
                self._standing[delivery.notifier, delivery.alert["id"]] = delivery

    def postpone(self, number: int, due_at: float, error: str) -> None:  # noqa: ARG002 - nobody reads it here
        """Note a failed attempt, and when to try again."""
        with self._lock:
            box = self._box(number)
            delivery = box[number]
            box[number] = replace(delivery, attempts=delivery.attempts + 1, due_at=due_at)

    def give_up(self, number: int, error: str) -> None:  # noqa: ARG002 - it keeps no history
        """Note that something is not tried any more."""
        with self._lock:
            self._remove(number)

    def _remove(self, number: int) -> Delivery:
        delivery = self._box(number).pop(number)
        if delivery.alert["event"] != AlertFired.name:
            self._standing.pop((delivery.notifier, delivery.alert["id"]), None)
        return delivery

    def _box(self, number: int) -> dict[int, Delivery]:
        return next(box for box in self._waiting.values() if number in box)
