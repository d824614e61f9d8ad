"""Where entries go: the store, or the spool while the store is away. Shared by writer and keeper."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dq_gate.core.circuit import Circuit
from dq_gate.errors import BackendUnavailableError
from dq_gate.events import StoreDegraded, StoreRestored
from dq_gate.quarantine.spool_file import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Entry, PutResult, Store
    from dq_gate.quarantine.spool import Kind, Spool

ASSESSMENT_GRACE = 0.02
"""Seconds a process's first puts wait to learn whether the store is safe; if in doubt they mirror."""

SLOW = 0.05
"""Seconds of a put after which the store is not asked whether it has settled: its answer would take as long."""

KEPT: frozenset[PutResult] = frozenset({"created", "seen"})
"""Results of a put that leave an entry in the store, which it might lose; the others leave none."""


class Destinations:
    """The store, the spool and the circuit between them, with the events that say which one is in use.

    Opens nothing before it is asked to. Thread-safe.

    Args:
        open_store: Makes the store; may raise what the store's methods raise.
        open_spool: Makes the spool.
        report: Takes events; what it raises is ignored.
        store_kind: Kind of store, for the events.
        probe_after: Seconds between probes of a store that is away.

    Attributes:
        mirroring: Entries are kept in the spool too, because the store might lose them or has not been
            assessed.
        assessed: Set once the store was asked whether it is safe, whatever the answer.
        wake: Set when the keeper has something to do.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        open_spool: Callable[[], Spool],
        report: Callable[[Event], None],
        *,
        store_kind: str,
        probe_after: float,
    ) -> None:
        self.mirroring = True
        self.assessed = threading.Event()
        self.wake = threading.Event()
        self._open_store = open_store
        self._open_spool = open_spool
        self._report = report
        self._store_kind = store_kind
        self._opening = threading.Lock()
        self._store: Store | None = None
        self._spool: Spool | None = None
        self._spool_works = True
        self._circuit = Circuit(probe_after)
        self._lock = threading.Lock()

    @property
    def store(self) -> Store:
        """The store, opened at first use."""
        with self._opening:
            if self._store is None:
                try:
                    self._store = self._open_store()
                except BackendUnavailableError:
                    raise
                except Exception as error:
                    raise BackendUnavailableError("the quarantine store cannot be opened") from error
            return self._store

    @property
    def spool(self) -> Spool:
        """The spool, made at first use."""
        with self._lock:
            if self._spool is None:
                self._spool = self._open_spool()
            return self._spool

    @property
    def is_away(self) -> bool:
        """Whether the circuit is open: nobody but the probe should ask the store."""
        return self._circuit.is_open

    @property
    def spooled(self) -> int:
        """How many entries wait in the spool for the store; 0 before its first use."""
        return 0 if self._spool is None else self._spool.waiting

    def open(self) -> None:
        """Open the store now; one that cannot be opened is away."""
        if not self.is_away:
            try:
                _ = self.store
            except BackendUnavailableError as error:
                self.lose(error)

    def until_probe(self) -> float | None:
        """Seconds to the next probe, at least 0; None while the store is not away."""
        return self._circuit.until_probe(time.monotonic())

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        """Put entries in the store, and mirror them when it might lose them. Raises what the store raises."""
        self.assessed.wait(ASSESSMENT_GRACE)
        began = time.monotonic()
        results = self.store.put(entries)
        if self.mirroring or not self._has_settled(began):
            kept = [entry for entry, result in zip(entries, results, strict=True) if result in KEPT]
            self.keep(kept, "mirrored")
        return results

    def keep(self, entries: Sequence[Entry], kind: Kind = "waiting") -> bool:
        """Write entries to the spool; False when it took none."""
        # A damaged or lost file costs one attempt: it is set aside, and the second attempt writes a fresh one.
        if not (self._keep(entries, kind) or self._keep(entries, kind)):
            return False
        self._spool_works = True
        if kind == "waiting" and not self.is_away:
            self.wake.set()
        return True

    def lose(self, error: BaseException) -> None:
        """Note that the store failed: it is away until a probe succeeds."""
        with self._lock:
            just_opened = self._circuit.record_failure(time.monotonic())
        if just_opened:
            self.tell(StoreDegraded(self._store_kind, _type_of(error)))
            self.wake.set()

    def regain(self) -> bool:
        """Note that a probe succeeded; True when the store was away until now."""
        with self._lock:
            down_s = self._circuit.record_success(time.monotonic())
        if down_s is None:
            return False
        self.tell(StoreRestored(self._store_kind, round(down_s, 3)))
        return True

    def complain(self, error: BaseException) -> None:
        """Note that the spool failed; told once, until it works again."""
        if self._spool_works:
            self._spool_works = False
            self.tell(StoreDegraded("spool", _type_of(error), reason_of(error)))

    def tell(self, event: Event) -> None:
        """Report an event. A reporter that raises must not stop what keeps entries safe."""
        with suppress(Exception):
            self._report(event)

    def close(self) -> None:
        """Let go of store and spool."""
        for held in (self._store, self._spool):
            if held is not None:
                with suppress(Exception):  # nothing is left to be done about it
                    held.close()

    def abandon(self) -> None:
        """In a forked child: let go of the parent's spool without touching it."""
        if self._spool is not None:
            self._spool.abandon()

    def _has_settled(self, began: float) -> bool:
        """Whether a put that began at a time is safe; of a store that took long, callers await no more answers."""
        return time.monotonic() - began < SLOW and self.store.settled()

    def _keep(self, entries: Sequence[Entry], kind: Kind) -> bool:
        try:
            self.spool.put(entries, kind)
        except Exception as error:  # noqa: BLE001 - whatever it is, callers wait for an answer
            self.complain(error)
            return False
        return True


def _type_of(error: BaseException) -> str:
    """The type that tells most: that of what lies behind, when there is something."""
    return type(error.__cause__ or error.__context__ or error).__name__
