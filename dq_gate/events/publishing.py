"""Where metrics can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dq_gate.events.base import PREFIX, Event


@dataclass(frozen=True, slots=True)
class MetricsServed(Event):
    """This process answers Prometheus from now on.

    Attributes:
        address: The setting `metrics`.
        processes: `one`: for itself. `all`: for every process that writes to `PROMETHEUS_MULTIPROC_DIR`.
    """

    name = PREFIX + "metrics.served"
    level = "info"
    address: str
    processes: Literal["one", "all"]


@dataclass(frozen=True, slots=True)
class MetricsFailed(Event):
    """Metrics cannot be kept or served, and the gate goes on; told once, until it works again.

    Attributes:
        address: The setting `metrics`.
        error: Type of the error.
        reason: What the system said: that the address is in use, for instance.
    """

    name = PREFIX + "metrics.failed"
    level = "warning"
    address: str
    error: str
    reason: str | None = None
