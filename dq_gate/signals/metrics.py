"""The metrics catalogue: every metric that a gate offers to Prometheus. Plain data.

The endpoint, the exported rules, the dashboard and the reference page are all made from it. Names and units follow the
conventions of Prometheus; label values come from settings, packs and the event catalogue, never from an input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ENTRY_STATES = ("pending", "leased", "released", "dead")
"""Values of the label `state`, each a field of `StoreMeasured`."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: Its name, with its unit and, for counters, `_total`.
        kind: counter, gauge or histogram.
        help: What it says.
        labels: What it is told apart by.
        buckets: Upper bounds of a histogram's buckets.
        across: How the gauges of several processes become one; of those that are dead none counts.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ("namespace", "source")
    buckets: tuple[float, ...] = ()
    across: Literal["livesum", "livemax", "livemostrecent"] = "livesum"


INPUTS = Metric("dq_gate_inputs_total", "counter", "Inputs by what became of them.", ("namespace", "source", "outcome"))
RULE_FAILURES = Metric(
    "dq_gate_rule_failures_total",
    "counter",
    "Inputs that failed a rule, by the mode it ran in.",
    ("namespace", "source", "rule_id", "mode"),
)
EVENTS = Metric(
    "dq_gate_events_total", "counter", "Events by name, without `dq_gate.`.", ("namespace", "source", "event")
)
RULE_EVENTS = Metric(
    "dq_gate_rule_events_total",
    "counter",
    "Events about one rule, by name: rule.crashed (without a mode), schema.drifted, distribution.drifted.",
    ("namespace", "source", "event", "rule_id", "mode"),
)
QUARANTINED = Metric(
    "dq_gate_quarantined_total",
    "counter",
    "Quarantined single inputs by where their entries went: store, spool, none or unknown.",
    ("namespace", "source", "stored"),
)
EVENTS_DROPPED = Metric("dq_gate_events_dropped_total", "counter", "Events that could not be written.")
ENTRIES_UNKEPT = Metric(
    "dq_gate_entries_unkept_total", "counter", "Refused inputs whose entries neither store nor spool took."
)
JUDGEMENT = Metric(
    "dq_gate_judgement_duration_seconds",
    "histogram",
    "What judging one input took.",
    buckets=(5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 5e-2, 0.1, 1.0),
)
PUT = Metric(
    "dq_gate_put_duration_seconds",
    "histogram",
    "What storing one quarantine entry took.",
    buckets=(1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0),
)
MODE = Metric(
    "dq_gate_mode",
    "gauge",
    "Gates in this mode; all but enforce let every input through.",
    ("namespace", "source", "mode"),
)
STORE_DEGRADED = Metric("dq_gate_store_degraded", "gauge", "Gates whose store does not answer.")
SPOOL_ENTRIES = Metric("dq_gate_spool_entries", "gauge", "Entries that wait in the spools for the store.")
QUARANTINE_ENTRIES = Metric(
    "dq_gate_quarantine_entries",
    "gauge",
    "Entries in the quarantine by state; NaN while the store does not answer.",
    ("namespace", "state"),
    across="livemostrecent",
)
QUARANTINE_BYTES = Metric(
    "dq_gate_quarantine_bytes",
    "gauge",
    "What all entries take in the store; NaN while it does not answer.",
    ("namespace",),
    across="livemostrecent",
)
OLDEST_PENDING = Metric(
    "dq_gate_quarantine_oldest_pending_age_seconds",
    "gauge",
    "Age of the oldest entry that waits for review; 0 without any, NaN while the store does not answer.",
    ("namespace",),
    across="livemostrecent",
)
WINDOW_CLOSED_AT = Metric(
    "dq_gate_last_window_timestamp_seconds",
    "gauge",
    "When a process last closed a window, seconds since the epoch.",
    across="livemax",
)
SAMPLES_FOLDED = Metric(
    "dq_gate_metric_samples_folded_total",
    "counter",
    "Updates that went to a series labelled `other`, because their metric had too many.",
    ("metric",),
)
BUILD_INFO = Metric(
    "dq_gate_build_info", "gauge", "1, labelled with the release of dq_gate.", ("version",), across="livemax"
)

METRICS: tuple[Metric, ...] = (
    INPUTS,
    RULE_FAILURES,
    EVENTS,
    RULE_EVENTS,
    QUARANTINED,
    EVENTS_DROPPED,
    ENTRIES_UNKEPT,
    JUDGEMENT,
    PUT,
    MODE,
    STORE_DEGRADED,
    SPOOL_ENTRIES,
    QUARANTINE_ENTRIES,
    QUARANTINE_BYTES,
    OLDEST_PENDING,
    WINDOW_CLOSED_AT,
    SAMPLES_FOLDED,
    BUILD_INFO,
)
