"""What the gate did: processes, packs, inputs, batches, rules, windows, recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dq_gate.events.base import PREFIX, Event


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
        mode: enforce, shadow or off, at its end; anything but enforce lets input through.
        inputs: Counts by source and outcome: clean, repaired, quarantined, shadowed or unjudged.
        rules: Failures by source, rule and mode.
        latency_us: Quantiles p50, p95, p99 of the judgement, microseconds, within 1 %; absent without any.
        put_ms: Quantiles p50, p95, p99 of storing an entry, milliseconds, within 1 %; absent without any.
        dropped: Events that could not be written in this window.
        unkept: Refused inputs whose entries neither store nor spool took; those that a flood only counts are none.
        spooled: Entries that wait in this process's spool at the window's end.
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
    spooled: int = 0


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
