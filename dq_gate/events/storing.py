"""Where entries go: the store, and the spool while it is away."""

from __future__ import annotations

from dataclasses import dataclass

from dq_gate.events.base import PREFIX, Event


@dataclass(frozen=True, slots=True)
class StoreDegraded(Event):
    """The quarantine store failed, and entries go to the spool; or the spool failed, and they go nowhere.

    Attributes:
        store: Kind of store, or `spool`.
        error: Type of the error.
        reason: What is wrong with the spool, when it can be said: that it is full, for instance.
    """

    name = PREFIX + "store.degraded"
    level = "error"
    store: str
    error: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StoreRestored(Event):
    """The quarantine store answers again.

    Attributes:
        store: Kind of store.
        down_s: Seconds it was away.
    """

    name = PREFIX + "store.restored"
    level = "info"
    store: str
    down_s: float


@dataclass(frozen=True, slots=True)
class StoreLocal(Event):
    """No server is configured: the quarantine is a SQLite file of this machine."""

    name = PREFIX + "store.local"
    level = "info"


@dataclass(frozen=True, slots=True)
class StoreUnsafe(Event):
    """The store might lose what it acknowledges.

    Attributes:
        reasons: One line for each reason.
    """

    name = PREFIX + "store.unsafe"
    level = "warning"
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpoolDrained(Event):
    """Entries moved from the local spool to the store.

    Attributes:
        entries: How many.
        adopted: How many of them another process had left behind.
    """

    name = PREFIX + "spool.drained"
    level = "info"
    entries: int
    adopted: int


@dataclass(frozen=True, slots=True)
class StoreMeasured(Event):
    """What the quarantine holds, every minute while the store answers; each gate process says it.

    Attributes:
        pending: Entries that wait for review.
        leased: Entries that somebody works on.
        released: Entries that wait for their redrive.
        dead: Entries that failed every redrive and were not purged.
        bytes: What all entries take in the store.
        oldest_pending_s: Seconds since the oldest pending entry came; 0 without any.
    """

    name = PREFIX + "store.measured"
    level = "info"
    pending: int
    leased: int
    released: int
    dead: int
    bytes: int
    oldest_pending_s: float
