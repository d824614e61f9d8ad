"""A consumer of released entries: takes what the store hands out, and now and then looks for what nothing announced.

Each consumer is handed other entries; the lease that a redrive begins with is what keeps two from one entry, so
that a duplicate or a lost message harms nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from dq_gate import events
from dq_gate.core.redrive import Wait
from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine.entry import MAX_BATCH, Filter
from dq_gate.review.redrive import LEFT, UNUSABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from dq_gate.core.redrive import Command
    from dq_gate.quarantine.entry import Store
    from dq_gate.review.redrive import Redriven, Redriver

T = TypeVar("T")
POLL_S = 0.5
"""Seconds between two looks for entries when there are none."""
SWEEP_S = 30.0
"""Seconds between two looks at all released entries."""
_LASTING = frozenset({*UNUSABLE, "other_pack"})
"""Why a sweep passes over an entry that was left before: it would be left again."""
_NOT_ACKNOWLEDGED = frozenset({"held", "lease_lost", "stopped"})
"""Someone may still have to redrive it: whoever holds it may die."""


@dataclass(frozen=True, slots=True)
class RedriveReport:
    """What a run of redrive came to.

    Attributes:
        redriven: Entries that passed the gate and their handler.
        returned: Failed redrives whose entry is pending again.
        died: Failed redrives that were the entry's last.
        skipped: Entries that this run left as they are.
        reasons: Why it left them: `other_pack`, `too_early`, `held`, `sealed`, `damaged`, `not_replayable`,
            `lease_lost`; each with how many.
    """

    redriven: int
    returned: int
    died: int
    skipped: int
    reasons: Mapping[str, int]


class Consumer:
    """Redrives what is released, for as long as it is let.

    Args:
        store: Where the entries are.
        redriver: Redrives one entry; in its name the consumer takes them.
        told: Takes what became of each entry.
    """

    def __init__(self, store: Store, redriver: Redriver, *, told: Callable[[Redriven], None] = lambda _: None) -> None:
        self._store = store
        self._redriver = redriver
        self._stopped = redriver.stopped
        self._told = told
        self._counts: Counter[str] = Counter()
        self._left: dict[str, str] = {}
        self._sweep_at = time.monotonic()

    def each(self, entry_ids: Iterable[str]) -> Generator[Command, str | None, RedriveReport]:
        """Redrive some entries, each once.

        Raises:
            BackendUnavailableError: the store is away for too long.
        """
        for entry_id in entry_ids:
            yield from self._patiently(partial(self._take, entry_id))
        return self._report()

    def all(self) -> Generator[Command, str | None, RedriveReport]:
        """Redrive until nothing is left that can be redriven now.

        Raises:
            BackendUnavailableError: the store is away for too long.
        """
        while (yield from self._patiently(self._round)):
            pass
        return self._report()

    def follow(self) -> Generator[Command, str | None, RedriveReport]:
        """Redrive whatever is released until told to stop.

        Raises:
            BackendUnavailableError: the store is away for too long.
        """
        while not self._stopped():
            has_found = yield from self._patiently(self._round)
            yield Wait(0.0 if has_found else POLL_S)
        return self._report()

    def _patiently(
        self, step: Callable[[], Generator[Command, str | None, T]]
    ) -> Generator[Command, str | None, T | None]:
        """Take a step, again and again while the store is away; None when told to stop."""
        while not self._stopped():
            try:
                result = yield from step()
            except BackendUnavailableError as error:
                pause = self._redriver.absence.note(error)
            else:
                self._redriver.absence.end()
                return result
            yield Wait(pause)
        return None

    def _round(self) -> Generator[Command, str | None, bool]:
        """Take one entry, or look for what was not announced; whether there was anything to do."""
        # One at a time: what waits behind a slow handler is another consumer's.
        deliveries = self._store.deliver(self._redriver.who, limit=1, idle_s=self._redriver.limits.lease_s)
        for delivery in deliveries:
            outcome = yield from self._take(delivery.entry_id)
            if outcome.result not in _NOT_ACKNOWLEDGED:
                self._store.acknowledge([delivery])
        overdue = time.monotonic() - self._sweep_at
        if overdue < (SWEEP_S if deliveries else 0.0):
            return bool(deliveries)
        return (yield from self._sweep()) or bool(deliveries)

    def _sweep(self) -> Generator[Command, str | None, bool]:
        """Look at all released entries; whether any was redriven."""
        released: set[str] = set()
        has_redriven = False
        after: str | None = None
        while not self._stopped():
            page = self._store.ids(Filter(state="released"), limit=MAX_BATCH, after=after)
            released.update(page.ids)
            for entry_id in page.ids:
                if self._left.get(entry_id) not in _LASTING and not self._stopped():
                    outcome = yield from self._take(entry_id)
                    has_redriven = has_redriven or outcome.result not in LEFT
            after = page.after
            if after is None:
                self._left = {entry_id: why for entry_id, why in self._left.items() if entry_id in released}
                self._sweep_at = time.monotonic() + SWEEP_S
                break
            yield Wait(0.0)
        return has_redriven

    def _take(self, entry_id: str) -> Generator[Command, str | None, Redriven]:
        outcome = yield from self._redriver.redrive(entry_id)
        before = self._left.pop(entry_id, None)
        if outcome.result in LEFT or outcome.result == "lease_lost":
            self._left[entry_id] = outcome.result
            if outcome.result in UNUSABLE and before != outcome.result:
                self._redriver.emit(events.EntrySkipped((entry_id,), self._redriver.who, outcome.result))
        elif outcome.died:
            self._counts["died"] += 1
        else:
            self._counts[outcome.result] += 1
        self._told(outcome)
        return outcome

    def _report(self) -> RedriveReport:
        counts = self._counts
        returned = counts["failed_again"] + counts["handler_failed"]
        reasons = Counter(self._left.values())
        return RedriveReport(counts["done"], returned, counts["died"], len(self._left), dict(reasons))
