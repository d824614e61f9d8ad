"""Who is told of alerts by `dq-gate alerts run`: its own standard output, and notifiers."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.keeping import PRINTED, Printing
from dq_gate.alerts.notify.delivery import Couriers
from dq_gate.cli.output import note
from dq_gate.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dq_gate.alerts.notify.address import Recipients
    from dq_gate.alerts.state.contract import Outbox

STOP_SECONDS = 5.0
DRAIN_SECONDS = 30.0


class Audience:
    """Standard output, which is told by this thread, and notifiers, which are told by others.

    Args:
        recipients: What standard output is told of, and the notifiers.
        show: Prints an alert.
    """

    def __init__(self, recipients: Recipients, show: Callable[[Mapping[str, Any]], None]) -> None:
        self._recipients = recipients
        self._show = show
        self._couriers: Couriers | None = None

    def addressed(self, record: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
        """An alert event with each who is to be told of it."""
        assert self._couriers is not None
        others = self._couriers.addressed(record)
        return [(PRINTED, record), *others] if record["severity"] in self._recipients.printed else others

    @contextlib.contextmanager
    def served_from(self, outbox: Outbox, *, is_kept: bool) -> Iterator[Callable[[], None]]:
        """Deliver from an outbox, first what is left in it; gives what is to be called when more was put there.

        Args:
            outbox: Where alert events wait.
            is_kept: Whether the next run goes on with what is left.
        """
        printing = Printing(outbox, self._show)
        printing.print_due()
        couriers = self._couriers = Couriers(outbox, self._recipients.notifiers, clock=time.time, note=note)

        def deliver() -> None:
            couriers.wake()
            printing.print_due()

        couriers.start()
        try:
            yield deliver
        finally:
            couriers.stop(STOP_SECONDS)
            with contextlib.suppress(BackendUnavailableError):  # what ended the watch says so itself
                _note_undelivered(couriers, is_kept=is_kept)

    def drain(self) -> None:
        """Wait, for a while, until all notifiers were told."""
        assert self._couriers is not None
        self._couriers.drain(DRAIN_SECONDS)


def _note_undelivered(couriers: Couriers, *, is_kept: bool) -> None:
    rest = "are still to be delivered; the next run goes on" if is_kept else "could not be delivered"
    for tally in couriers.account():
        if tally.waiting:
            note(f"{tally.notifier}: {tally.waiting} alerts {rest}")
