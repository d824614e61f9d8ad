"""Which lines only tell that time passes, as no rule counts them: one of a second is enough of these. Pure.

What a rule says does not depend on how densely lines come, so leaving out the others changes nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dq_gate.alerts.rules import FrequencyRule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq_gate.alerts.evaluation.trackers.base import Tracker
    from dq_gate.alerts.rules import AlertRule

Needles = tuple[bytes, ...]
"""Texts of which one stands in every line that counts."""

_written_as_it_is = re.compile(r"[A-Za-z0-9._-]+").fullmatch


def uncounted(routes: Mapping[str, Iterable[Tracker]]) -> dict[str, Needles]:
    """Events whose lines do not count unless they hold one of certain texts.

    Args:
        routes: Who is shown an event, by its name.
    """
    found = {}
    for name, trackers in routes.items():
        needles = [_needles(tracker.rule) for tracker in trackers]
        if None not in needles:
            found[name] = tuple(needle for one in needles for needle in one or ())
    return found


def _needles(rule: AlertRule) -> Needles | None:
    """What stands in every line that a rule counts; None where that cannot be told."""
    if not isinstance(rule, FrequencyRule) or rule.until is not None or rule.count != "lines":
        return None
    for field, wanted in rule.where.items():
        if field != "event" and all(isinstance(value, str) and _written_as_it_is(value) for value in wanted):
            return tuple(f'"{value}"'.encode() for value in wanted)
    return None
