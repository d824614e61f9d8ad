"""Numbers that events carry, as PromQL over the metrics that say the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dq_gate.alerts.export.counters import select
from dq_gate.alerts.export.gauges import Expression, bound
from dq_gate.alerts.export.promql import InexpressibleError, Selector, aggregate, number
from dq_gate.alerts.fields import WINDOW_CLOSED, events_of
from dq_gate.events import StoreMeasured
from dq_gate.signals import metrics

if TYPE_CHECKING:
    from dq_gate.alerts.rules import ThresholdRule
    from dq_gate.signals.metrics import Metric

_MEASURED = StoreMeasured.name


class _Gauge(NamedTuple):
    """A gauge that says what a field says, and the label that picks it."""

    metric: Metric
    matchers: tuple[tuple[str, tuple[str, ...]], ...] = ()


class _Durations(NamedTuple):
    """A histogram of what a field gives quantiles of, and how many of the field's units a second has."""

    metric: Metric
    per_second: float


_GAUGES = {
    (WINDOW_CLOSED, "spooled"): _Gauge(metrics.SPOOL_ENTRIES),
    (_MEASURED, "bytes"): _Gauge(metrics.QUARANTINE_BYTES),
    (_MEASURED, "oldest_pending_s"): _Gauge(metrics.OLDEST_PENDING),
    **{
        (_MEASURED, state): _Gauge(metrics.QUARANTINE_ENTRIES, (("state", (state,)),)) for state in metrics.ENTRY_STATES
    },
}
_COUNTERS = {
    (WINDOW_CLOSED, "dropped"): metrics.EVENTS_DROPPED,
    (WINDOW_CLOSED, "unkept"): metrics.ENTRIES_UNKEPT,
}
_HISTOGRAMS = {
    (WINDOW_CLOSED, "latency_us"): _Durations(metrics.JUDGEMENT, 1e6),
    (WINDOW_CLOSED, "put_ms"): _Durations(metrics.PUT, 1e3),
}
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_OVER_TIME = {"last": ("max", "last"), "max": ("max", "max"), "min": ("min", "min"), "avg": ("avg", "avg")}
"""How what processes say, and what one says over time, is put together."""


def threshold(rule: ThresholdRule) -> tuple[Expression, ...]:
    """A gauge over time, the growth of a counter, or a quantile of a histogram."""
    event = next(iter(events_of(rule.where)), "") if len(events_of(rule.where)) == 1 else ""
    field, _, part = rule.field.partition(".")
    if (event, rule.field) in _GAUGES:
        return (_gauge(rule, _GAUGES[event, rule.field]),)
    if (event, rule.field) in _COUNTERS:
        return (_growth(rule, _COUNTERS[event, rule.field]),)
    if (event, field) in _HISTOGRAMS and part in _QUANTILES:
        return (_quantile(rule, _HISTOGRAMS[event, field], _QUANTILES[part]),)
    raise InexpressibleError(f"no metric says {rule.field!r} of {event or 'several events'}")


def _gauge(rule: ThresholdRule, gauge: _Gauge) -> Expression:
    own = select(gauge.metric, rule.where, rule.group_by)
    series = Selector(own.metric, own.matchers + gauge.matchers)
    if rule.aggregate not in _OVER_TIME:
        raise InexpressibleError(
            f"{gauge.metric.name} is sampled at other times: no {rule.aggregate} of what windows say"
        )
    how, over_time = _OVER_TIME[rule.aggregate]
    measured = aggregate(how, rule.group_by, f"{over_time}_over_time({series.over(rule.within)})")
    note = "of several processes the highest counts, not the one that spoke last" if rule.aggregate == "last" else None
    return Expression(f"{measured} {bound(rule)}", note=note)


def _growth(rule: ThresholdRule, metric: Metric) -> Expression:
    """A window's count is what a counter grew by in it: the sum of all, or whether any was more than nothing."""
    if rule.aggregate != "sum" and (rule.aggregate not in ("max", "last") or rule.above != 0):
        raise InexpressibleError(f"{metric.name} knows no single windows: only a sum, or that it grew (max, above: 0)")
    series = select(metric, rule.where, rule.group_by)
    grown = aggregate("sum", rule.group_by, f"increase({series.over(rule.within)})")
    return Expression(f"{grown} {bound(rule)}")


def _quantile(rule: ThresholdRule, durations: _Durations, quantile: float) -> Expression:
    if rule.aggregate not in ("last", "max", "avg"):
        raise InexpressibleError(f"{durations.metric.name} has no {rule.aggregate} of quantiles")
    own = select(durations.metric, rule.where, rule.group_by)
    buckets = Selector(own.metric, own.matchers, "_bucket")
    rates = aggregate("sum", (*rule.group_by, "le"), f"rate({buckets.over(rule.within)})")
    note = f"the quantile is that of all inputs in `within`, to the next bucket, not the {rule.aggregate} of windows"
    scaled = f"histogram_quantile({number(quantile)}, {rates}) * {number(durations.per_second)}"
    return Expression(f"{scaled} {bound(rule)}", note=note)
