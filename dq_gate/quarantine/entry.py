"""What a quarantine entry is, and the protocol every store of entries fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_gate.core.lifecycle import Action, State
    from dq_gate.core.model import Violation

SCHEMA_VERSION = 1
MAX_BATCH = 100
"""Most entries or ids one store call takes: 2,000 in one script blocked a Redis server for 661 ms."""

PutResult = Literal["created", "seen", "counted"]
"""`created`: kept. `seen`: this id was there; its `seen` rose by one. `counted`: its group is full; counted only."""

ActResult = Literal["done", "not_found", "wrong_state", "lease_lost"]


@dataclass(frozen=True, slots=True)
class Waiver:
    """A reviewer's word that one rule was wrong about one payload."""

    rule_id: str
    payload_digest: str
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One action on an entry: who, what, when, why. Never content.

    Attributes:
        at: Seconds since the epoch, UTC.
    """

    at: float
    who: str
    action: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """A reviewer's hold on an entry.

    Attributes:
        token: Secret of the holder; every action under the lease names it.
        owner: Who holds it.
        until: Seconds since the epoch when it runs out.
    """

    token: str
    owner: str
    until: float


@dataclass(frozen=True, slots=True)
class Entry:
    """One quarantined input with its reasons and its life so far.

    Attributes:
        id: Time-ordered, or derived from the caller's key.
        source: Where the input came from (`[a-z0-9._-]{1,64}`).
        violations: Why it is here.
        payload: The record in the tagged JSON of `codec`, UTF-8.
        payload_digest: SHA-256 of the payload, hexadecimal.
        replayable: False when the payload is incomplete (too large, masked, not serialisable).
        fingerprint: Its group: like failures share it.
        created_at: Seconds since the epoch, UTC.
        seen: How often the same id was put.
        verdict: The reviewer's word on whether the gate was right: "valid" input or "invalid" input.
    """

    id: str
    namespace: str
    source: str
    pack: str
    pack_version: int
    pack_digest: str
    violations: tuple[Violation, ...]
    payload: bytes
    payload_digest: str
    replayable: bool
    fingerprint: str
    created_at: float
    schema_version: int = SCHEMA_VERSION
    state: State = "pending"
    attempts: int = 0
    seen: int = 1
    lease: Lease | None = None
    verdict: Literal["valid", "invalid"] | None = None
    waivers: tuple[Waiver, ...] = ()
    history: tuple[HistoryItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries. Every given part must hold; None means any."""

    state: State | None = None
    rule: str | None = None
    source: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, oldest first.

    Attributes:
        after: Cursor for the next page, or None at the end. Opaque; valid while the store lives.
    """

    entries: tuple[Entry, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Like failures: same source, pack, rules, fields and checks.

    Attributes:
        rules: Rule ids that its entries failed, sorted.
        count: Inputs ever put in it, those only counted included.
        open: Entries in it that await a decision (pending, leased, released).
        counted_only: Inputs refused and counted, but not kept.
        first_seen: Seconds since the epoch.
        last_seen: Seconds since the epoch.
        sample: Id of its newest kept entry.
    """

    fingerprint: str
    source: str
    pack: str
    rules: tuple[str, ...]
    count: int
    open: int
    counted_only: int
    first_seen: float
    last_seen: float
    sample: str


@dataclass(frozen=True, slots=True)
class Stats:
    """Entries by state, and open entries by rule and by source; groups; bytes are not counted."""

    by_state: dict[State, int]
    open_by_rule: dict[str, int]
    open_by_source: dict[str, int]
    groups: int


@dataclass(frozen=True, slots=True)
class Health:
    """What a store says about itself.

    Attributes:
        unsafe: Why acknowledged entries might be lost, one line each; empty when they cannot.
        detail: Name, version and the like, for `doctor`.
    """

    unsafe: tuple[str, ...]
    detail: dict[str, str]


@dataclass(frozen=True, slots=True)
class Act:
    """An action to carry out on entries, with all it writes.

    Attributes:
        token: The lease token, for actions that need one.
        lease: The lease to set, for actions that take one.
        verdict: Recorded on the entry when given.
        waivers: Added to the entry's waivers.
    """

    action: Action
    note: HistoryItem
    token: str | None = None
    lease: Lease | None = None
    verdict: Literal["valid", "invalid"] | None = None
    waivers: tuple[Waiver, ...] = ()


class Store(Protocol):
    """Keeps entries. Synchronous; safe to call from several threads.

    Every method raises `BackendUnavailableError` when the backend refuses, times out or breaks; whether the
    command took effect is then unknown, and repeating it is safe. A call takes at most `MAX_BATCH` entries or ids.
    """

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        """Keep entries, each atomically and once: a known id only raises `seen` (idempotent for exactly-once).

        Returns one result per entry, in order.
        """
        ...

    def get(self, entry_id: str) -> Entry | None:
        """The entry with payload and history, or None."""
        ...

    def find(self, where: Filter, *, limit: int = 50, after: str | None = None) -> Page:
        """A page of entries by filter, oldest first (created_at, then id)."""
        ...

    def groups(self, *, limit: int = 50) -> list[Group]:
        """Groups that hold open entries first, the largest first."""
        ...

    def stats(self) -> Stats:
        """Exact counts."""
        ...

    def act(self, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        """Carry out one action on several entries, each atomically. Returns one result per id, in order."""
        ...

    def lapse(self, now: float) -> list[str]:
        """Return entries whose lease ran out to pending; at most `MAX_BATCH`. Returns their ids."""
        ...

    def expire(self, before: float, note: HistoryItem) -> list[str]:
        """Expire open entries created before a time; at most `MAX_BATCH`. Returns their ids."""
        ...

    def ping(self) -> None:
        """Return when the store answers, raise when it does not."""
        ...

    def health(self) -> Health:
        """Whether what it acknowledges is safe."""
        ...

    def settled(self) -> bool:
        """Whether all that it acknowledged before this call outlives the death of its own process."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...
