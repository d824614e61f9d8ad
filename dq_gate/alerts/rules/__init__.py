"""Alert rules: a file for each kind, and what all of them say in `base`."""

from __future__ import annotations

from dq_gate.alerts.rules.absence import AbsenceRule
from dq_gate.alerts.rules.base import Bounded, Clause, Counting, EventSpec, Examples, Rule, Scalar
from dq_gate.alerts.rules.burn_rate import BurnRateRule, BurnWindow
from dq_gate.alerts.rules.cardinality import CardinalityRule
from dq_gate.alerts.rules.change import ChangeRule
from dq_gate.alerts.rules.flatline import FlatlineRule
from dq_gate.alerts.rules.frequency import FrequencyRule
from dq_gate.alerts.rules.new_term import NewTermRule
from dq_gate.alerts.rules.ratio import RatioRule
from dq_gate.alerts.rules.spike import SpikeRule
from dq_gate.alerts.rules.threshold import ThresholdRule

__all__ = [
    "KINDS",
    "AbsenceRule",
    "AlertRule",
    "Bounded",
    "BurnRateRule",
    "BurnWindow",
    "CardinalityRule",
    "ChangeRule",
    "Clause",
    "Counting",
    "EventSpec",
    "Examples",
    "FlatlineRule",
    "FrequencyRule",
    "NewTermRule",
    "RatioRule",
    "Rule",
    "Scalar",
    "SpikeRule",
    "ThresholdRule",
]

AlertRule = (
    FrequencyRule
    | RatioRule
    | ThresholdRule
    | SpikeRule
    | FlatlineRule
    | NewTermRule
    | CardinalityRule
    | ChangeRule
    | AbsenceRule
    | BurnRateRule
)

KINDS: dict[str, type[AlertRule]] = {
    "frequency": FrequencyRule,
    "ratio": RatioRule,
    "threshold": ThresholdRule,
    "spike": SpikeRule,
    "flatline": FlatlineRule,
    "new_term": NewTermRule,
    "cardinality": CardinalityRule,
    "change": ChangeRule,
    "absence": AbsenceRule,
    "burn_rate": BurnRateRule,
}
"""Every kind by its name, in the order in which they are best learned."""
