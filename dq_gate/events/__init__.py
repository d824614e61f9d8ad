"""The event catalogue: every event dq_gate emits, with its fields.

An event is a value. It never carries an input's content, nor a name that an input chose. A name never changes
its meaning; `docs/reference/events.md` is generated from these files.
"""

from __future__ import annotations

from dq_gate.events import alerting, judging, monitoring, publishing, reviewing, storing
from dq_gate.events.alerting import AlertFired, AlertResolved, FallbackUsed
from dq_gate.events.base import CONTEXT_FIELDS, LEVELS, PREFIX, Event, Level
from dq_gate.events.judging import (
    BatchCompleted,
    DistributionDrifted,
    GateStarted,
    GateStopped,
    InputAdmitted,
    InputQuarantined,
    InputRepaired,
    PackLoaded,
    PackRejected,
    RecordingFailed,
    RuleCrashed,
    RuleShadowed,
    SchemaDrifted,
    WindowClosed,
)
from dq_gate.events.monitoring import (
    BudgetExhausted,
    CostMetered,
    QualityMeasured,
    QualityRegressed,
    ReadinessAssessed,
)
from dq_gate.events.publishing import MetricsFailed, MetricsServed
from dq_gate.events.reviewing import (
    EntryDied,
    EntryDiscarded,
    EntryEdited,
    EntryErased,
    EntryEvent,
    EntryExpired,
    EntryImported,
    EntryLeased,
    EntryLeaseExpired,
    EntryPurged,
    EntryRedriveLost,
    EntryRedriven,
    EntryReleased,
    EntryRenewed,
    EntryReturned,
    EntryRevealed,
    EntryRewrapped,
    EntrySkipped,
    EntryUnclaimed,
    RedrivePaused,
    RedriveResumed,
)
from dq_gate.events.storing import SpoolDrained, StoreDegraded, StoreLocal, StoreMeasured, StoreRestored, StoreUnsafe

__all__ = [
    "CATALOGUE",
    "CONTEXT_FIELDS",
    "LEVELS",
    "PREFIX",
    "AlertFired",
    "AlertResolved",
    "BatchCompleted",
    "BudgetExhausted",
    "CostMetered",
    "DistributionDrifted",
    "EntryDied",
    "EntryDiscarded",
    "EntryEdited",
    "EntryErased",
    "EntryEvent",
    "EntryExpired",
    "EntryImported",
    "EntryLeaseExpired",
    "EntryLeased",
    "EntryPurged",
    "EntryRedriveLost",
    "EntryRedriven",
    "EntryReleased",
    "EntryRenewed",
    "EntryReturned",
    "EntryRevealed",
    "EntryRewrapped",
    "EntrySkipped",
    "EntryUnclaimed",
    "Event",
    "FallbackUsed",
    "GateStarted",
    "GateStopped",
    "InputAdmitted",
    "InputQuarantined",
    "InputRepaired",
    "Level",
    "MetricsFailed",
    "MetricsServed",
    "PackLoaded",
    "PackRejected",
    "QualityMeasured",
    "QualityRegressed",
    "ReadinessAssessed",
    "RecordingFailed",
    "RedrivePaused",
    "RedriveResumed",
    "RuleCrashed",
    "RuleShadowed",
    "SchemaDrifted",
    "SpoolDrained",
    "StoreDegraded",
    "StoreLocal",
    "StoreMeasured",
    "StoreRestored",
    "StoreUnsafe",
    "WindowClosed",
]

_FAMILIES = (judging, storing, publishing, reviewing, alerting, monitoring)

CATALOGUE: dict[str, type[Event]] = {
    event.name: event
    for family in _FAMILIES
    for event in vars(family).values()
    if isinstance(event, type) and issubclass(event, Event) and "name" in vars(event)
}
"""Every event by its name."""
