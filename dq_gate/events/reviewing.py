"""What became of entries under review, and in redrive."""

from __future__ import annotations

from dataclasses import dataclass

from dq_gate.events.base import PREFIX, Event


@dataclass(frozen=True, slots=True)
class EntryEvent(Event):
    """Something happened to entries under review.

    Attributes:
        entry_ids: The entries (at most 100).
        who: The reviewer or process.
    """

    entry_ids: tuple[str, ...]
    who: str


@dataclass(frozen=True, slots=True)
class EntryLeased(EntryEvent):
    """A reviewer claimed entries.

    Attributes:
        entry_ids: The entries (at most 100).
        who: The reviewer.
    """

    name = PREFIX + "entry.leased"
    level = "info"


@dataclass(frozen=True, slots=True)
class EntryRenewed(EntryEvent):
    """A reviewer holds claimed entries for longer.

    Attributes:
        entry_ids: The entries (at most 100).
        who: The reviewer.
    """

    name = PREFIX + "entry.renewed"
    level = "info"


@dataclass(frozen=True, slots=True)
class EntryUnclaimed(EntryEvent):
    """A reviewer gave claimed entries back, undecided.

    Attributes:
        entry_ids: The entries (at most 100).
        who: The reviewer.
    """

    name = PREFIX + "entry.unclaimed"
    level = "info"


@dataclass(frozen=True, slots=True)
class EntryLeaseExpired(EntryEvent):
    """A lease ran out; its entries are pending again.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who noticed.
    """

    name = PREFIX + "entry.lease_expired"
    level = "warning"


@dataclass(frozen=True, slots=True)
class EntryEdited(EntryEvent):
    """A reviewer replaced the payload of an entry by one that passes the gate.

    Attributes:
        entry_ids: The entry.
        who: The reviewer.
        waived: Rules the reviewer found wrong about the new payload.
    """

    name = PREFIX + "entry.edited"
    level = "info"
    waived: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryReleased(EntryEvent):
    """A reviewer let entries go on to be redriven.

    Attributes:
        entry_ids: The entries (at most 100).
        who: The reviewer.
        waived: Rules the reviewer found wrong about these inputs.
    """

    name = PREFIX + "entry.released"
    level = "info"
    waived: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EntryDiscarded(EntryEvent):
    """A reviewer threw entries away.

    Attributes:
        entry_ids: The entries (at most 100).
        who: The reviewer.
    """

    name = PREFIX + "entry.discarded"
    level = "info"


@dataclass(frozen=True, slots=True)
class EntryRedriven(EntryEvent):
    """Released entries passed the gate and their handler.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who redrove them.
    """

    name = PREFIX + "entry.redriven"
    level = "info"


@dataclass(frozen=True, slots=True)
class EntryReturned(EntryEvent):
    """Released entries failed the gate or their handler again and are pending.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who redrove them.
        rules: Rules they failed; empty when the handler failed.
        error: Type of the handler's exception, when it was the handler.
    """

    name = PREFIX + "entry.returned"
    level = "warning"
    rules: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EntryDied(EntryEvent):
    """Entries failed too often and will not be tried again.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who redrove them.
    """

    name = PREFIX + "entry.died"
    level = "error"


@dataclass(frozen=True, slots=True)
class EntryRedriveLost(EntryEvent):
    """A redrive outlived its lease: its handler may have run, and another consumer may run it again.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who redrove them.
    """

    name = PREFIX + "entry.redrive_lost"
    level = "warning"


@dataclass(frozen=True, slots=True)
class EntrySkipped(EntryEvent):
    """Released entries cannot be redriven as they are, and stay released.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who would have redriven them.
        reason: sealed (its key is not here), damaged, or not_replayable (not kept whole).
    """

    name = PREFIX + "entry.skipped"
    level = "warning"
    reason: str


@dataclass(frozen=True, slots=True)
class RedrivePaused(Event):
    """A consumer of released entries waits for the quarantine store, which is away.

    Attributes:
        who: The consumer.
        error: Type of the error.
    """

    name = PREFIX + "redrive.paused"
    level = "warning"
    who: str
    error: str


@dataclass(frozen=True, slots=True)
class RedriveResumed(Event):
    """The quarantine store answers a consumer of released entries again.

    Attributes:
        who: The consumer.
        away_s: Seconds it was away.
    """

    name = PREFIX + "redrive.resumed"
    level = "info"
    who: str
    away_s: float


@dataclass(frozen=True, slots=True)
class EntryExpired(EntryEvent):
    """Entries outlived the retention.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who noticed.
    """

    name = PREFIX + "entry.expired"
    level = "info"


@dataclass(frozen=True, slots=True)
class EntryPurged(EntryEvent):
    """Finished entries were removed for good.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who removed them.
    """

    name = PREFIX + "entry.purged"
    level = "info"


@dataclass(frozen=True, slots=True)
class EntryImported(EntryEvent):
    """Entries of an export were put into the quarantine, to be decided anew.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who imported them.
    """

    name = PREFIX + "entry.imported"
    level = "info"


@dataclass(frozen=True, slots=True)
class EntryRevealed(EntryEvent):
    """Someone looked at the payload of entries.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who looked.
    """

    name = PREFIX + "entry.revealed"
    level = "warning"


@dataclass(frozen=True, slots=True)
class EntryErased(EntryEvent):
    """The payloads of entries were erased, on behalf of whose data they were.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who erased them.
    """

    name = PREFIX + "entry.erased"
    level = "warning"


@dataclass(frozen=True, slots=True)
class EntryRewrapped(EntryEvent):
    """The payloads of entries are sealed under another key now.

    Attributes:
        entry_ids: The entries (at most 100).
        who: Who changed the key.
        key: The key's id.
    """

    name = PREFIX + "entry.rewrapped"
    level = "info"
    key: str
