"""How a rate or a share goes over time. Times are seconds since the log begins."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable

Curve = Callable[[float], float]

HOUR = 3600.0
DAY = 24 * HOUR


def constant(value: float) -> Curve:
    """Always the same."""
    return lambda _: value


def steps(*changes: tuple[float, float]) -> Curve:
    """From each time on another value; the first pair is the beginning."""
    times = [time for time, _ in changes]
    return lambda at: changes[max(0, bisect_right(times, at) - 1)][1]


def rising(low: float, high: float, *, begins: float, ends: float) -> Curve:
    """Low at first, then in a straight line up to high, and low again from `ends` on."""

    def curve(at: float) -> float:
        if not begins <= at < ends:
            return low
        return low + (high - low) * (at - begins) / (ends - begins)

    return curve


def daily(night: float, noon: float) -> Curve:
    """A rhythm of a day: least at midnight, most at noon."""
    return lambda at: night + (noon - night) * (1 - math.cos(2 * math.pi * at / DAY)) / 2
