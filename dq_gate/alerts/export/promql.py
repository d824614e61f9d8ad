"""PromQL as text: selectors, sums by label, durations. Pure; times are milliseconds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dq_gate.signals.metrics import Metric

_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


class InexpressibleError(ValueError):
    """A rule that PromQL cannot say over our metrics; the text is why."""


def duration(milliseconds: int) -> str:
    """A duration as Prometheus writes it, in the largest unit that is whole: 90s, 5m, 1d."""
    for unit, size in _UNITS:
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms"


def number(value: float) -> str:
    """A number that reads back as the same float."""
    return repr(int(value)) if float(value).is_integer() else repr(value)


@dataclass(frozen=True, slots=True)
class Selector:
    """Series of one metric.

    Attributes:
        metric: The metric.
        matchers: Values that labels may have.
        suffix: Of a histogram's series: `_bucket` or `_count`.
    """

    metric: Metric
    matchers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    suffix: str = ""

    def __str__(self) -> str:
        matchers = ",".join(_matcher(label, values) for label, values in self.matchers)
        return f"{self.metric.name}{self.suffix}{{{matchers}}}" if matchers else f"{self.metric.name}{self.suffix}"

    def over(self, within: int, *, offset: int = 0) -> str:
        """A range of them."""
        return f"{self}[{duration(within)}]{_offset(offset)}"

    def before(self, offset: int) -> str:
        """What they were a while ago."""
        return f"{self}{_offset(offset)}"


def aggregate(how: str, by: tuple[str, ...], what: str) -> str:
    """One value for each combination of labels: `sum by (source) (…)`."""
    return f"{how} by ({', '.join(by)}) ({what})" if by else f"{how}({what})"


def increase(series: Selector, by: tuple[str, ...], within: int, *, offset: int = 0) -> str:
    """By how much counters grew, by group."""
    return aggregate("sum", by, f"increase({series.over(within, offset=offset)})")


def existed(series: Selector, by: tuple[str, ...], ago: int) -> str:
    """Groups that were there some time ago: what is measured since is measured in full."""
    return aggregate("count", by, series.before(ago))


def _offset(offset: int) -> str:
    return f" offset {duration(offset)}" if offset else ""


def _matcher(label: str, values: tuple[str, ...]) -> str:
    if len(values) == 1:
        return f"{label}={quoted(values[0])}"
    choices = "|".join(_SPECIAL.sub(r"\\\1", value) for value in values)
    return f"{label}=~{quoted(choices)}"


def quoted(text: str) -> str:
    """A string of PromQL, which escapes as JSON and Go do."""
    return json.dumps(text, ensure_ascii=False)
