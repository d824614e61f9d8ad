"""The event catalogue: every event dq_gate emits, with its fields.

An event is a value. It never carries an input's content, nor a name that an input chose. A name never changes
its meaning; `docs/reference/events.md` is generated from this file.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, ClassVar, Literal, get_args

Level = Literal["debug", "info", "warning", "error"]
PREFIX = "dq_gate."

CONTEXT_FIELDS: dict[str, str] = {
    "timestamp": "when it happened, RFC 3339 in UTC",
    "level": "debug, info, warning or error",
    "event": "the event's name",
    "namespace": "the quarantine namespace",
    "source": "the application or feed the input came from",
    "process": "random id of the process, drawn at its start",
    "release": "the application's release (setting `release`), when set",
    "plane": "request or batch",
    "pack": "the rule pack's name",
    "pack_version": "the rule pack's version",
    "pack_digest": "hash of the resolved pack",
}
"""Fields that every event carries, put there by the emitter."""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of the catalogue."""

    name: ClassVar[str]
    level: ClassVar[Level]

    def payload(self) -> dict[str, Any]:
        """The event's own fields, without those that are None."""
        names = _names(type(self))  # type: ignore[arg-type]  # mypy takes the hash of its instances for that of the class
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@cache
def _names(kind: type[Event]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


@dataclass(frozen=True, slots=True)
class GateStarted(Event):
    """A process began to judge input.

    Attributes:
        mode: enforce, shadow or off.
        store: Kind of quarantine store: redis or sqlite.
    """

    name = PREFIX + "gate.started"
    level = "info"
    mode: str
    store: str


@dataclass(frozen=True, slots=True)
class GateStopped(Event):
    """A process stopped judging input.

    Attributes:
        unwritten: Entries that neither store nor spool had taken when the time was up.
    """

    name = PREFIX + "gate.stopped"
    level = "info"
    unwritten: int


@dataclass(frozen=True, slots=True)
class PackLoaded(Event):
    """A rule pack was read and is in force.

    Attributes:
        rules: Number of rules, constraints of fields included.
    """

    name = PREFIX + "pack.loaded"
    level = "info"
    rules: int


@dataclass(frozen=True, slots=True)
class PackRejected(Event):
    """A rule pack's files changed, and cannot be used as they are now. The rules read before stay in force.

    Attributes:
        reason: What is wrong: file, line and rule.
    """

    name = PREFIX + "pack.rejected"
    level = "error"
    reason: str


@dataclass(frozen=True, slots=True)
class InputAdmitted(Event):
    """A clean input passed. Sampled.

    Attributes:
        sample_rate: Share of admitted inputs that are logged; divide by it to estimate counts.
        warnings: Rules with `on_fail: warn` that it failed.
        latency_us: Microseconds the judgement took.
    """

    name = PREFIX + "input.admitted"
    level = "debug"
    sample_rate: float
    warnings: tuple[str, ...]
    latency_us: float


@dataclass(frozen=True, slots=True)
class InputRepaired(Event):
    """An input passed after a repair.

    Attributes:
        rules: Rules whose repair changed it.
        latency_us: Microseconds the judgement took.
    """

    name = PREFIX + "input.repaired"
    level = "info"
    rules: tuple[str, ...]
    latency_us: float


@dataclass(frozen=True, slots=True)
class InputQuarantined(Event):
    """An input failed the gate. Never sampled.

    Attributes:
        entry_id: Its quarantine entry.
        stored: store, spool, none or unknown.
        rules: Rules it failed (at most 32).
        fields: Fields concerned (at most 32).
        group: Fingerprint of like failures.
        fallback: Whether the caller was served by a fallback.
        latency_us: Microseconds the judgement took.
        put_ms: Milliseconds until the entry was stored.
    """

    name = PREFIX + "input.quarantined"
    level = "warning"
    entry_id: str
    stored: str
    rules: tuple[str, ...]
    fields: tuple[str, ...]
    group: str
    fallback: bool
    latency_us: float
    put_ms: float


@dataclass(frozen=True, slots=True)
class BatchCompleted(Event):
    """A file or frame was gated.

    Attributes:
        rows: Records read, broken ones included.
        clean: Records that passed untouched.
        repaired: Records that passed after a repair.
        quarantined: Records set aside.
        rules: Failures by rule.
        duration_s: Seconds it took.
    """

    name = PREFIX + "batch.completed"
    level = "info"
    rows: int
    clean: int
    repaired: int
    quarantined: int
    rules: dict[str, int]
    duration_s: float


@dataclass(frozen=True, slots=True)
class RuleShadowed(Event):
    """A rule in shadow mode, or any rule while the gate is in shadow mode, would have refused an input.

    Attributes:
        rules: The rules concerned.
    """

    name = PREFIX + "rule.shadowed"
    level = "info"
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleCrashed(Event):
    """A rule raised instead of judging.

    Attributes:
        rule_id: The rule.
        check: The check behind it.
        error: Type of the exception.
    """

    name = PREFIX + "rule.crashed"
    level = "error"
    rule_id: str
    check: str
    error: str


@dataclass(frozen=True, slots=True)
class DistributionDrifted(Event):
    """What came lately, taken together, fails a rule: values are spread otherwise than they should be.

    Attributes:
        rule_id: The rule.
        check: The check behind it.
        field: The field, or "*".
        mode: The rule's mode, enforce or shadow.
        message: What is wrong with the batch or window as a whole.
        rows: How many inputs it held.
    """

    name = PREFIX + "distribution.drifted"
    level = "warning"
    rule_id: str
    check: str
    field: str
    mode: str
    message: str
    rows: int


@dataclass(frozen=True, slots=True)
class SchemaDrifted(Event):
    """What came lately has other fields, or fields of other types, than it should have.

    Attributes:
        rule_id: The rule.
        check: The check behind it.
        field: The field, or "*".
        mode: The rule's mode, enforce or shadow.
        message: What is wrong; of names it has only those that the pack or its reference knows.
        rows: How many inputs the batch or window held.
    """

    name = PREFIX + "schema.drifted"
    level = "warning"
    rule_id: str
    check: str
    field: str
    mode: str
    message: str
    rows: int


@dataclass(frozen=True, slots=True)
class WindowClosed(Event):
    """Exact counts of a stretch of time, every 10 s, also when nothing came. Large windows come in parts.

    Attributes:
        seq: Number of the window in this process, from 0.
        part: Number of this part, from 1.
        parts: How many parts the window has.
        opened_at: Start, RFC 3339 in UTC.
        closed_at: End, RFC 3339 in UTC.
        mode: enforce, shadow or off; anything but enforce lets input through.
        inputs: Counts by source and outcome: clean, repaired, quarantined, shadowed or unjudged.
        rules: Failures by source, rule and mode.
        latency_us: Quantiles p50, p95, p99 of the judgement, microseconds, within 3 %; null without any.
        put_ms: Quantiles p50, p95, p99 of storing an entry, milliseconds, within 3 %; null without any.
        dropped: Events that could not be written in this window.
        unkept: Refused inputs whose entries neither store nor spool took; those that a flood only counts are none.
    """

    name = PREFIX + "window.closed"
    level = "info"
    seq: int
    part: int
    parts: int
    opened_at: str
    closed_at: str
    mode: str
    inputs: tuple[dict[str, Any], ...]
    rules: tuple[dict[str, Any], ...]
    latency_us: dict[str, float] | None
    put_ms: dict[str, float] | None
    dropped: int
    unkept: int = 0


@dataclass(frozen=True, slots=True)
class RecordingFailed(Event):
    """The sample of admitted inputs could not be written. What was to be recorded since the last time is lost.

    Attributes:
        error: What the disk answered.
        lost: Inputs that were to be recorded.
    """

    name = PREFIX + "recording.failed"
    level = "warning"
    error: str
    lost: int


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


@dataclass(frozen=True, slots=True)
class AlertFired(Event):
    """An alert rule's condition holds.

    Attributes:
        alert: The rule's name.
        severity: page, ticket or info.
        group: Values of the fields the rule groups by.
        value: What was measured.
        threshold: What it was held against.
        at: Event time, RFC 3339 in UTC.
        summary: One line for whoever is called.
        runbook: Where to read on.
    """

    name = PREFIX + "alert.fired"
    level = "error"
    alert: str
    severity: str
    group: dict[str, str]
    value: float
    threshold: float
    at: str
    summary: str
    runbook: str | None = None


@dataclass(frozen=True, slots=True)
class AlertResolved(Event):
    """A fired alert's condition no longer holds.

    Attributes:
        alert: The rule's name.
        severity: page, ticket or info.
        group: Values of the fields the rule groups by.
        value: What was measured.
        threshold: What it was held against.
        at: Event time, RFC 3339 in UTC.
    """

    name = PREFIX + "alert.resolved"
    level = "info"
    alert: str
    severity: str
    group: dict[str, str]
    value: float
    threshold: float
    at: str


@dataclass(frozen=True, slots=True)
class FallbackUsed(Event):
    """A guarded call was served by its fallback.

    Attributes:
        entry_id: The quarantined input's entry.
    """

    name = PREFIX + "fallback.used"
    level = "info"
    entry_id: str


def _concrete(base: type[Event]) -> list[type[Event]]:
    found = [base] if "name" in vars(base) else []
    return found + [leaf for child in base.__subclasses__() for leaf in _concrete(child)]


CATALOGUE: dict[str, type[Event]] = {event.name: event for event in _concrete(Event)}
"""Every event by its name."""

LEVELS: tuple[Level, ...] = get_args(Level)
