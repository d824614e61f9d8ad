"""What a quarantine entry is, and the protocol every store of entries fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_gate.core.lifecycle import Action, State
    from dq_gate.core.model import Violation

SCHEMA_VERSION = 2
MAX_BATCH = 100
"""Most entries or ids one store call takes: 2,000 in one script blocked a Redis server for 661 ms."""
MAX_IDS = 1_000
"""Most ids one page of `Store.ids` has."""

PutResult = Literal["created", "seen", "counted", "erased"]
"""`created`: kept. `seen`: this id was there, or is a tombstone. `counted`: its group or the store is full; counted
only. `erased`: it is of a subject whose data was erased after it came; counted only."""

ActResult = Literal["done", "not_found", "wrong_state", "lease_lost", "too_early", "changed"]
"""The first that applies, in this order, and `done` when none does. `too_early`: before the entry's `not_before`.
`changed`: its payload was replaced since the caller read it."""


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
        who: Who did it, as they say.
        account: Who did it, as the backend knows them: the Redis user, or for SQLite the system's user. The store
            writes it; empty when it cannot know.
    """

    at: float
    who: str
    action: str
    why: str = ""
    account: str = ""


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
        payload: What is stored of the record: the tagged JSON of `codec`, or that sealed; `vault` opens both.
        payload_digest: SHA-256 of the payload without its wrapped key, hexadecimal.
        replayable: False when the payload is incomplete (too large, masked, not serialisable, erased).
        fingerprint: Its group: like failures share it.
        created_at: Seconds since the epoch, UTC.
        subjects: Keyed digests of whose data it is, for erasure.
        seen: How often the same id was put.
        not_before: Seconds since the epoch before which it is not redriven.
        revision: How often its payload was replaced.
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
    subjects: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION
    state: State = "pending"
    attempts: int = 0
    seen: int = 1
    not_before: float = 0.0
    revision: int = 0
    lease: Lease | None = None
    verdict: Literal["valid", "invalid"] | None = None
    waivers: tuple[Waiver, ...] = ()
    history: tuple[HistoryItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries. Every given part must hold; None means any.

    Attributes:
        group: A fingerprint.
        subject: A digest among the entry's subjects.
        since: Created at this time or later, seconds since the epoch.
        before: Created before this time.
    """

    state: State | None = None
    rule: str | None = None
    source: str | None = None
    group: str | None = None
    subject: str | None = None
    since: float | None = None
    before: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, oldest first.

    Attributes:
        after: Cursor for the next page, or None at the end. Opaque; valid while the store lives.
    """

    entries: tuple[Entry, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class IdPage:
    """Ids of some entries, oldest first, without reading the entries.

    Attributes:
        after: Cursor for the next page, or None at the end; the cursors of `Page` and `IdPage` are the same.
    """

    ids: tuple[str, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A released entry handed to one consumer.

    Attributes:
        message: What acknowledges it; empty where the store keeps no messages.
    """

    entry_id: str
    message: str = ""


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
    """Exact counts.

    Attributes:
        by_state: Entries by state.
        open_by_rule: Open entries by rule.
        open_by_source: Open entries by source.
        groups: How many groups there are.
        bytes: Size of all stored bodies, in bytes.
        counted_only: Inputs refused and counted, but not kept.
    """

    by_state: dict[State, int]
    open_by_rule: dict[str, int]
    open_by_source: dict[str, int]
    groups: int
    bytes: int = 0
    counted_only: int = 0


DEPTH_STATES: tuple[State, ...] = ("pending", "leased", "released", "dead")
"""States that `Depth` counts, in the order of its fields."""


@dataclass(frozen=True, slots=True)
class Depth:
    """What monitoring asks for again and again: counts that cost the same however many entries there are.

    Attributes:
        pending: Entries that wait for review.
        leased: Entries that somebody works on.
        released: Entries that wait for their redrive.
        dead: Entries that failed every redrive.
        bytes: Size of all stored bodies, in bytes.
        oldest_pending: When the oldest pending entry was made, seconds since the epoch; None without any.
    """

    pending: int
    leased: int
    released: int
    dead: int
    bytes: int
    oldest_pending: float | None


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
        not_before: Set on the entry when its attempts rise, whether given or not.
        rewrite: For actions that rewrite: the entry as it was read, with another payload, payload_digest, replayable
            or subjects. Such an act takes one id, and answers `changed` when the stored revision is another.
    """

    action: Action
    note: HistoryItem
    token: str | None = None
    lease: Lease | None = None
    verdict: Literal["valid", "invalid"] | None = None
    waivers: tuple[Waiver, ...] = ()
    not_before: float = 0.0
    rewrite: Entry | None = None


class Store(Protocol):
    """Keeps entries. Synchronous; safe to call from several threads.

    Every method raises `BackendUnavailableError` when the backend refuses, times out or breaks; whether the
    command took effect is then unknown, and repeating it is safe. A call takes at most `MAX_BATCH` entries or ids.
    """

    def put(self, entries: Sequence[Entry]) -> list[PutResult]:
        """Keep entries, each atomically and once: a known id only raises `seen` (idempotent for exactly-once).

        One that was created at the same moment as the known one is the same put once more, and raises nothing.

        Returns one result per entry, in order. A known id is `seen` whatever else applies; a subject's being forgotten
        comes before a full group.
        """
        ...

    def get(self, entry_id: str) -> Entry | None:
        """The entry with payload and history, or None."""
        ...

    def known(self, entry_ids: Sequence[str]) -> list[bool]:
        """Whether each entry is there, or a tombstone of it. Unlike `get` it takes no right to read entries."""
        ...

    def find(self, where: Filter, *, limit: int = 50, after: str | None = None) -> Page:
        """A page of entries by filter, oldest first (created_at, then id)."""
        ...

    def ids(self, where: Filter, *, limit: int = MAX_IDS, after: str | None = None) -> IdPage:
        """A page of ids in the order of `find`, at most `MAX_IDS`."""
        ...

    def groups(self, *, limit: int = 50) -> list[Group]:
        """Groups that hold open entries first, the largest first."""
        ...

    def group(self, fingerprint: str) -> Group | None:
        """One group, or None."""
        ...

    def stats(self) -> Stats:
        """Exact counts."""
        ...

    def depth(self) -> Depth:
        """Exact counts of what waits, at a cost that does not grow with the entries."""
        ...

    def act(self, entry_ids: Sequence[str], act: Act) -> list[ActResult]:
        """Carry out one action on several entries, each atomically. Returns one result per id, in order.

        What is refused changes nothing, the history included. The note's time decides whether a lease runs: until
        its `until`, exclusively.
        """
        ...

    def lapse(self, now: float) -> list[str]:
        """Return entries whose lease ran out to pending; at most `MAX_BATCH`. Returns their ids."""
        ...

    def expire(self, before: float, note: HistoryItem) -> list[str]:
        """Expire open entries created before a time; at most `MAX_BATCH`. Returns their ids."""
        ...

    def purge(self, entry_ids: Sequence[str], until: float) -> list[ActResult]:
        """Remove closed entries for good, each atomically; open ones are `wrong_state`. One result per id, in order.

        A tombstone under the id stays until a time (seconds since the epoch, by the store's clock), so that a late
        duplicate of the input is `seen` and not kept anew; to every other call the entry is not there. Group counts
        stay; a group whose sample goes names the newest entry it still has, or none.
        """
        ...

    def deliver(self, consumer: str, *, limit: int, idle_s: float) -> list[Delivery]:
        """Hand released entries to a consumer, each to one consumer of all.

        One that is not acknowledged for `idle_s` seconds is handed out again: its consumer may be dead. A delivery
        is a hint, not a lease: the entry may have been redriven meanwhile, or be handed out twice. Those long idle come
        first, then new ones, in the order of release. An entry is announced each time it is released, and no more
        once it leaves that state. A store may hold back what cannot be redriven yet, by its lease or `not_before`.
        """
        ...

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Have deliveries handed out no more."""
        ...

    def forget(self, subjects: Sequence[str], at: float) -> None:
        """From now on keep no entry of these subjects that was created at or before a time: puts answer `erased`.

        Of several times for a subject the latest counts. Entries that are there stay.
        """
        ...

    def forgotten(self) -> dict[str, float]:
        """What `forget` was told, subject to time; spools are pruned by it."""
        ...

    def schema(self) -> int:
        """The version in which entries are written; a namespace without entries starts with the newest."""
        ...

    def upgrade(self) -> int:
        """Write entries in the newest version from now on; the release before this one cannot read those.

        Returns:
            The version until now.
        """
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
