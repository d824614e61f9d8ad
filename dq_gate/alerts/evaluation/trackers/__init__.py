"""Alert rules at work: a tracker for each kind, and what all of them do in `base`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation.trackers.absence import AbsenceTracker
from dq_gate.alerts.evaluation.trackers.burn_rate import BurnRateTracker
from dq_gate.alerts.evaluation.trackers.cardinality import CardinalityTracker
from dq_gate.alerts.evaluation.trackers.change import ChangeTracker
from dq_gate.alerts.evaluation.trackers.flatline import FlatlineTracker
from dq_gate.alerts.evaluation.trackers.frequency import FrequencyTracker
from dq_gate.alerts.evaluation.trackers.new_term import NewTermTracker
from dq_gate.alerts.evaluation.trackers.ratio import RatioTracker
from dq_gate.alerts.evaluation.trackers.spike import SpikeTracker
from dq_gate.alerts.evaluation.trackers.threshold import ThresholdTracker
from dq_gate.alerts.rules import (
    AbsenceRule,
    AlertRule,
    BurnRateRule,
    CardinalityRule,
    ChangeRule,
    FlatlineRule,
    FrequencyRule,
    NewTermRule,
    RatioRule,
    SpikeRule,
    ThresholdRule,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.alerts.evaluation.trackers.base import Heard, Tracker

_TRACKERS: dict[type[AlertRule], Callable[[Any, Heard, int], Tracker]] = {
    AbsenceRule: AbsenceTracker,
    BurnRateRule: BurnRateTracker,
    CardinalityRule: CardinalityTracker,
    ChangeRule: ChangeTracker,
    FlatlineRule: FlatlineTracker,
    FrequencyRule: FrequencyTracker,
    NewTermRule: NewTermTracker,
    RatioRule: RatioTracker,
    SpikeRule: SpikeTracker,
    ThresholdRule: ThresholdTracker,
}


def track(rule: AlertRule, heard: Heard, max_groups: int) -> Tracker:
    """Set a rule to work."""
    return _TRACKERS[type(rule)](rule, heard, max_groups)
