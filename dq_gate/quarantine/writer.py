"""The group-commit writer: takes entries from any thread and puts all that wait in one round trip.

A caller is promised an answer within 300 ms. A store call lasts at most the store's time-out (150 ms by default), and
a failed one is followed by the spool's write; so an entry that has waited for long is spared the store, and a store
that holds the writer up all the same is left to a thread that nobody waits for.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections import deque
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from dq_gate.core.model import Receipt
from dq_gate.quarantine.destinations import Destinations
from dq_gate.quarantine.entry import MAX_BATCH
from dq_gate.quarantine.keeper import Keeper
from dq_gate.quarantine.spool import MAX_PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dq_gate.core.model import Stored
    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Entry, PutResult, Store
    from dq_gate.quarantine.spool import Spool

PATIENCE = 0.05
"""Seconds an entry may have waited and still be given to the store: after a time-out the spool must fit in."""
STUCK_AFTER = 0.22
"""Seconds after which a store call that its time-out should have ended is left alone."""
GATHERING = 0.002
"""Seconds that the writer waits at most for callers that it has just answered to come back."""
SPOOL_BATCH = 1000
"""Most entries of one spool write."""
DAY_S = 86_400.0
_STORED: dict[PutResult, Stored] = {"created": "store", "seen": "store", "counted": "none", "erased": "none"}


@dataclass(slots=True, eq=False)
class _Pending:
    """An entry whose caller waits for the receipt, since a time (monotonic seconds)."""

    entry: Entry
    receipt: Future[Receipt]
    since: float


class Writer:
    """Takes entries and answers where each one went. Thread-safe.

    Nothing is opened, and no thread runs, before the first `submit`.

    Args:
        open_store: Makes the store; called on the writer's threads.
        open_spool: Makes the spool; called on the writer's threads.
        report: Takes the events `StoreDegraded`, `StoreRestored`, `StoreUnsafe`, `StoreMeasured` and `SpoolDrained`.
        store_kind: Kind of store, for the events.
        retention_s: Seconds after which the mirror of an entry in an unsafe store is forgotten.
        probe_after: Seconds between probes of a store that is away.
        round_every: Seconds between looks for spools that dead processes left.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        open_spool: Callable[[], Spool],
        report: Callable[[Event], None],
        *,
        store_kind: str,
        retention_s: float = 30 * DAY_S,
        probe_after: float = 0.5,
        round_every: float = 30.0,
    ) -> None:
        self._to = Destinations(open_store, open_spool, report, store_kind=store_kind, probe_after=probe_after)
        self._keeper = Keeper(self._to, round_every=round_every, retention_s=retention_s)
        self._waiting: deque[_Pending] = deque()  # each stays until it is answered: no thread's death loses one
        self._arrival = threading.Event()  # set when as many wait as are wanted
        self._wanted = 1
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ready_at = 0.0
        self._asking_since: float | None = None
        self._is_closed = False
        self._lost = 0

    def submit(self, entry: Entry) -> Future[Receipt]:
        """Hand an entry over.

        Returns:
            A future that always gets a receipt: stored is "store", "spool", "none" when the entry's group
            is full or neither store nor spool could be written, or "unknown" when `close` ran out of time.
            Cancelling it does nothing.

        Raises:
            RuntimeError: the writer is closed.
        """
        pending = _Pending(entry, Future(), time.monotonic())
        pending.receipt.set_running_or_notify_cancel()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this writer is closed")
            self._waiting.append(pending)
            if len(self._waiting) >= self._wanted:
                self._arrival.set()
        if not self._supervise():
            self._spool()
        return pending.receipt

    @property
    def unkept(self) -> int:
        """How many entries neither the store nor the spool took so far. Those of a flood, only counted, are no loss."""
        return self._lost

    @property
    def spooled(self) -> int:
        """How many entries wait in this process's spool for the store."""
        return self._to.spooled

    @property
    def is_degraded(self) -> bool:
        """Whether the store did not answer when it was last asked."""
        return self._to.is_away

    def measure(self) -> None:
        """Have `StoreMeasured` reported soon, by another thread; not before the store answers."""
        with self._lock:
            if self._is_closed:
                return
            self._keeper.measure_soon()
            self._call_keeper()
        self._to.wake.set()

    def close(self, timeout: float) -> int:
        """Put or spool what waits, and let go of everything.

        Args:
            timeout: Most seconds to spend on it.

        Returns:
            How many entries neither the store nor the spool took.
        """
        deadline = time.monotonic() + timeout
        lost_before = self._lost
        with self._lock:
            if self._is_closed:
                return 0
            self._is_closed = True
            self._arrival.set()
        is_finished = self._finish(deadline)
        unanswered = self._give_up()
        if self._keeper.stop(max(0.0, deadline - time.monotonic())) and is_finished:
            self._to.close()
        return unanswered + self._lost - lost_before

    def abandon(self) -> None:
        """In a forked child: forget this writer, which is the parent's.

        Nothing of it may be finalised here, not even at exit: SQLite might unlink files of the parent.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))
        self._to.abandon()
        self._keeper.abandon()

    def _supervise(self) -> bool:
        """Start the thread, or another if it died or the store holds it up.

        Returns:
            False when no thread is to be had, at interpreter exit for instance.
        """
        if self._is_held_up():
            self._to.lose(TimeoutError())
        elif self._is_running():
            return True
        with self._lock:
            if self._is_held_up() or not self._is_running():
                self._asking_since = None
                self._thread = threading.Thread(target=self._run, name="dq-gate-writer", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:
                    self._thread = None
            return self._thread is not None

    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _is_held_up(self) -> bool:
        since = self._asking_since
        return since is not None and time.monotonic() - since > STUCK_AFTER

    def _run(self) -> None:
        self._to.open()
        self._call_keeper()
        self._ready_at = time.monotonic()
        batch: list[_Pending] = []
        while self._thread is threading.current_thread() and (batch := self._next_batch(len(batch))):
            self._write(batch)

    def _next_batch(self, answered: int) -> list[_Pending]:
        """All that waits, at most `MAX_BATCH`; empty when there will be no more.

        Callers often come back as many as they were: fewer round trips are worth a short wait for them. A caller on
        its own is never kept waiting for another.

        Args:
            answered: How many callers were answered a moment ago.
        """
        self._await_arrivals(1, None)
        self._await_arrivals(answered, GATHERING)
        return self._first(MAX_BATCH)

    def _await_arrivals(self, wanted: int, seconds: float | None) -> None:
        """Return once as many wait as are wanted, or there will be no more, or the time is up."""
        with self._lock:
            if len(self._waiting) >= wanted or self._is_closed:
                return
            self._wanted = wanted
            self._arrival.clear()
        self._arrival.wait(seconds)

    def _first(self, most: int) -> list[_Pending]:
        """What has waited longest: at most a number of entries, and about a page of bytes."""
        batch, size = [], 0
        with self._lock:
            for pending in islice(self._waiting, most):
                batch.append(pending)
                size += len(pending.entry.payload)
                if size >= MAX_PAGE_BYTES:
                    break
        return batch

    def _answer(self, batch: Sequence[_Pending], results: Sequence[Stored]) -> int:
        """Tell callers where their entries went; returns how many had not been told before."""
        told = 0
        for pending, stored in zip(batch, results, strict=True):
            with suppress(InvalidStateError):  # another thread took this one's place and was first
                pending.receipt.set_result(Receipt(pending.entry.id, stored))
                told += 1
        with self._lock:
            while self._waiting and self._waiting[0].receipt.done():
                self._waiting.popleft()
        return told

    def _write(self, batch: list[_Pending]) -> None:
        if self._to.is_away or self._is_late(batch[0]):
            self._spool()
            return
        try:
            results = self._ask([pending.entry for pending in batch])
        except BaseException as error:  # noqa: BLE001 - whatever it is, callers wait for an answer
            if self._thread is threading.current_thread():  # else another thread took this batch over
                self._to.lose(error)
                self._spool()
            return
        self._answer(batch, [_STORED[result] for result in results])

    def _ask(self, entries: Sequence[Entry]) -> list[PutResult]:
        self._asking_since = time.monotonic()
        try:
            return self._to.put(entries)
        finally:
            self._asking_since = None

    def _is_late(self, pending: _Pending) -> bool:
        """Whether an entry has waited so long that a store's time-out would break the promise."""
        return time.monotonic() - max(pending.since, self._ready_at) > PATIENCE

    def _spool(self) -> None:
        """Write what waits to the spool."""
        batch = self._first(SPOOL_BATCH)
        is_kept = self._to.keep([pending.entry for pending in batch])
        told = self._answer(batch, ["spool" if is_kept else "none"] * len(batch))
        if not is_kept:
            with self._lock:
                self._lost += told
        self._call_keeper()

    def _call_keeper(self) -> None:
        with suppress(RuntimeError):  # no thread is to be had: the next spool write asks again
            self._keeper.start()

    def _finish(self, deadline: float) -> bool:
        """Wait until all is answered and the thread has ended; False when the time was up first."""
        while self._waiting or self._is_running():
            seconds_left = deadline - time.monotonic()
            if seconds_left <= 0:
                return False
            if self._supervise() and self._thread is not None:
                self._thread.join(min(seconds_left, STUCK_AFTER))
            else:
                self._spool()
        return True

    def _give_up(self) -> int:
        """Answer all that still waits, now that the time is up; returns how many that were."""
        batch = self._first(len(self._waiting))
        self._answer(batch, ["unknown"] * len(batch))
        return len(batch)
