"""The background thread that brings the store back and empties the spool into it.

It probes a store that is away, drains this process's spool, adopts the spools of dead processes and what can be read
of damaged ones, puts again what an unsafe store has lost, removes what is of subjects whose data was erased, and
measures the store when it is asked to. It never holds the writer up: it asks the store for one batch at a time, and
holds the spool for one page at a time.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from dq_gate.errors import BackendUnavailableError
from dq_gate.events import SpoolDrained, StoreMeasured, StoreUnsafe
from dq_gate.quarantine.destinations import KEPT
from dq_gate.quarantine.entry import MAX_BATCH
from dq_gate.quarantine.spool import SPOOL_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dq_gate.quarantine.destinations import Destinations
    from dq_gate.quarantine.entry import Health, PutResult
    from dq_gate.quarantine.spool import Kind, Row, Spool


class Keeper:
    """Looks after store and spool on a thread of its own.

    Args:
        destinations: The store and the spool.
        round_every: Seconds between looks for orphaned spools.
        retention_s: Seconds after which a mirrored entry is forgotten.
    """

    def __init__(self, destinations: Destinations, *, round_every: float, retention_s: float) -> None:
        self._to = destinations
        self._round_every = round_every
        self._retention_s = retention_s
        self._thread: threading.Thread | None = None
        self._deadline: float | None = None
        self._orphan: Spool | None = None
        self._health: Health | None = None
        self._must_assess = True
        self._must_recheck = False
        self._must_measure = False
        self._next_search = 0.0
        self._forgotten: dict[str, float] = {}

    def start(self) -> None:
        """Start the thread, if it does not run. Raises RuntimeError when no thread is to be had."""
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._run, name="dq-gate-keeper", daemon=True)
            thread.start()
            self._thread = thread

    def measure_soon(self) -> None:
        """Have the next round say what the store holds; one after the store is back, while it is away."""
        self._must_measure = True

    def stop(self, timeout: float) -> bool:
        """Drain once more if the store is there, then end; False when that outlasts the time (seconds)."""
        if self._thread is None:
            return True
        self._deadline = time.monotonic() + timeout
        self._to.wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """In a forked child: let go of the spool that the parent is just adopting."""
        if self._orphan is not None:
            self._orphan.abandon()

    def _run(self) -> None:
        self._attempt(self._prepare)
        while self._deadline is None:
            self._attempt(self._go_round)
            self._to.wake.wait(self._pause())
            self._to.wake.clear()
        if not self._to.is_away:
            self._attempt(self._drain)
            self._attempt(self._recheck)

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except BackendUnavailableError as error:
            self._to.lose(error)
        except Exception as error:  # noqa: BLE001 - a keeper that died would leave the spool full
            self._to.complain(error)

    def _prepare(self) -> None:
        """Make the spool's file before it is needed: a caller would have to wait for it."""
        self._to.spool.open()

    def _pause(self) -> float:
        until_probe = self._to.until_probe()
        return self._round_every if until_probe is None else until_probe

    def _go_round(self) -> None:
        if not self._may_ask():
            return
        if self._to.is_away:
            self._to.store.ping()
        if self._must_assess:
            self._assess()
        self._drain()
        self._search()
        self._recheck()
        if self._must_measure and self._may_ask():
            self._measure()

    def _may_ask(self) -> bool:
        """Whether the store is there, or due to be probed, and there is time."""
        in_time = self._deadline is None or time.monotonic() < self._deadline
        return in_time and not self._to.until_probe()

    def _assess(self) -> None:
        """Learn whether the store may lose what it acknowledges."""
        try:
            health = self._to.store.health()
        finally:
            self._to.assessed.set()
        self._to.mirroring = bool(health.unsafe)
        if health != self._health:
            self._must_recheck = True
            if health.unsafe:
                self._to.tell(StoreUnsafe(health.unsafe))
        self._health = health
        self._must_assess = self._to.mirroring  # it may be lost at any time, and come back as another

    def _drain(self) -> None:
        """Move what waits in the spool to the store; the first batch that it takes closes the circuit."""
        moved = adopted = 0
        stuck: list[int] = []
        try:
            for rows in self._pages("waiting"):
                is_probe = self._to.is_away
                taken = self._put(rows)
                if is_probe:
                    self._regain()
                stuck += self._settle(taken)
                moved += len(taken)
                adopted += sum(row.adopted for row, _ in taken)
        finally:
            self._tell_drained(moved, adopted)
        if stuck:
            self._to.spool.delete(stuck)
        if self._to.is_away and self._may_ask():  # nothing waited, and the store answered a ping
            self._regain()

    def _search(self) -> None:
        """Take over what dead processes left, forget what was mirrored long enough ago or is to be erased."""
        if time.monotonic() < self._next_search:
            return
        self._next_search = time.monotonic() + self._round_every
        has_adopted = self._adopt() + self._to.spool.salvage() > 0
        self._to.spool.prune(time.time() - self._retention_s)
        self._forget(is_due=has_adopted)
        if has_adopted:
            self._must_recheck = True
            self._drain()

    def _adopt(self) -> int:
        adopted = 0
        for orphan in self._to.spool.orphans():
            self._orphan = orphan
            try:
                adopted += self._to.spool.absorb(orphan)
            except Exception as error:  # noqa: BLE001 - one damaged spool must not keep the others waiting
                self._to.complain(error)
        self._orphan = None
        return adopted

    def _forget(self, *, is_due: bool) -> None:
        """Remove what is of subjects whose data was erased, when there is more to remove than the last time."""
        try:
            forgotten = self._to.store.forgotten()
        except BackendUnavailableError:  # not allowed to this user, perhaps; a put of such an entry is refused anyway
            return
        if forgotten and (is_due or forgotten != self._forgotten):
            self._to.spool.forget(forgotten)
        self._forgotten = forgotten

    def _recheck(self) -> None:
        """Put again what the store has lost of the mirrored entries; then end the mirror of a safe store.

        Each is looked up first: a put of an entry that is there would count one more sighting of its input.
        Review that an entry had seen is lost with the store; it starts over as pending.
        """
        if self._to.mirroring and not self._must_recheck:
            return
        for rows in self._pages("mirrored"):
            restored = self._put(self._lost(rows))
            self._tell_drained(len(restored), 0)
            if self._is_safe():
                self._to.spool.delete(row.number for row in rows)
            else:
                self._to.spool.delete(row.number for row, result in restored if result not in KEPT)
        self._must_recheck = not self._may_ask()

    def _measure(self) -> None:
        """Say what the store holds, last of all. One that does not say is no worse for it: puts find out."""
        self._must_measure = False
        try:
            depth = self._to.store.depth()
        except BackendUnavailableError:  # not allowed to this user, perhaps
            return
        oldest_s = 0.0 if depth.oldest_pending is None else max(0.0, time.time() - depth.oldest_pending)
        self._to.tell(
            StoreMeasured(
                pending=depth.pending,
                leased=depth.leased,
                released=depth.released,
                dead=depth.dead,
                bytes=depth.bytes,
                oldest_pending_s=round(oldest_s, 3),
            )
        )

    def _is_safe(self) -> bool:
        """Whether the store can lose nothing of what it has taken so far."""
        return not self._to.mirroring and self._to.store.settled()

    def _lost(self, rows: Sequence[Row]) -> list[Row]:
        """Rows that the store does not know."""
        known = self._to.store.known([row.entry.id for row in rows if row.entry is not None])
        readable = (row for row in rows if row.entry is not None)
        return [row for row, is_known in zip(readable, known, strict=True) if not is_known]

    def _pages(self, kind: Kind) -> Iterator[list[Row]]:
        """Pages of the spool, while the store may be asked."""
        after = 0
        while self._may_ask() and (rows := self._page(kind, after)):
            yield rows
            after = rows[-1].number

    def _page(self, kind: Kind, after: int) -> list[Row]:
        try:
            return self._to.spool.take(MAX_BATCH, after=after, kind=kind)
        except SPOOL_ERRORS as error:  # no reason to keep from the store what can reach it
            self._to.complain(error)
            return []

    def _put(self, rows: Sequence[Row]) -> list[tuple[Row, PutResult]]:
        """Put rows in the store; those it took, with what it did. One it chokes on holds up no other."""
        readable = [(row, row.entry) for row in rows if row.entry is not None]
        if not readable:
            return []
        try:
            results = self._to.store.put([entry for _, entry in readable])
        except BackendUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - a defect of ours; the row stays in the spool
            if len(readable) > 1:
                return [taken for row, _ in readable for taken in self._put([row])]
            self._to.complain(error)
            return []
        return [(row, result) for (row, _), result in zip(readable, results, strict=True)]

    def _settle(self, taken: Sequence[tuple[Row, PutResult]]) -> list[int]:
        """Forget rows that the store has; mirror them when it might lose them.

        Returns:
            Rows to forget that cannot be: a full disk takes no deletion. They must not keep others from the store.
        """
        is_safe = self._is_safe()
        kept = [row.number for row, result in taken if not is_safe and result in KEPT]
        done = {row.number for row, _ in taken}.difference(kept)
        try:
            self._to.spool.mirror(kept)
            self._to.spool.delete(done)
        except SPOOL_ERRORS as error:
            self._to.complain(error)
            return list(done)
        return []

    def _regain(self) -> None:
        """Note that the store is back; it may have come back another, or empty."""
        if self._to.regain():
            self._must_assess = self._must_recheck = True
            self._to.wake.set()

    def _tell_drained(self, moved: int, adopted: int) -> None:
        if moved:
            self._to.tell(SpoolDrained(moved, adopted))
