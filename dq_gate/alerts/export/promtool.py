"""Unit tests for exported rules: promtool holds what Prometheus says against what our own engine says. Pure.

Each test is an event stream, an example of the rule or one made from it. Its events become the series that a gate's
endpoint would have offered; the alerts expected are those that the engine has firing when it reads the same events.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation import feeds
from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.evaluation.notices import rfc3339
from dq_gate.alerts.evaluation.sums import SLICES
from dq_gate.alerts.evaluation.trackers.hearing import TICKS
from dq_gate.alerts.export.document import commented, dump
from dq_gate.alerts.export.prometheus import labels, without_hysteresis
from dq_gate.alerts.export.promql import duration, quoted
from dq_gate.alerts.export.scrapes import scrape
from dq_gate.alerts.export.streams import Stream, streams
from dq_gate.alerts.fields import events_of
from dq_gate.alerts.rules import AbsenceRule, Counting, FlatlineRule, FrequencyRule, SpikeRule, ThresholdRule
from dq_gate.alerts.testing.examples import START_MS, expand
from dq_gate.events import AlertFired, AlertResolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.evaluation.engine import Status
    from dq_gate.alerts.evaluation.notices import Alert
    from dq_gate.alerts.evaluation.windows import Record
    from dq_gate.alerts.export.prometheus import Export, Exported
    from dq_gate.alerts.rules import AlertRule

STEP_MS = 10_000
"""How often Prometheus looks in most tests."""

_STEPS = ((2 * 3_600_000, STEP_MS), (2 * 86_400_000, 300_000))
"""How far rules look back at the most, and the time from one scrape to the next that suits them."""

_LONGEST_STEP_MS = 3_600_000
_CHECKS = 8
"""How many moments of a stretch without a change are tested, about."""

MAX_STEPS = 1_500
"""How many scrapes of a stream are tested; what takes longer is tested at its beginning."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Moment:
    """What fires at a scrape, where Prometheus and our engine must say the same.

    Attributes:
        at: Time of the scrape, ms.
        firing: Labels of each alert.
    """

    at: int
    firing: frozenset[Labels]


def unit_tests(export: Export, rules_file: str) -> dict[int, str]:
    """The unit tests of an export, by the time from one scrape to the next, ms: rules that look back far have longer.

    Args:
        export: The rules.
        rules_file: The file they are in, relative to that of the tests.
    """
    steps = sorted({_step(one.rule) for one in export.exported})
    return {step: _tests_file(export, rules_file, step) for step in steps}


def _tests_file(export: Export, rules_file: str, step: int) -> str:
    rules = [one for one in export.exported if _step(one.rule) == step]
    tests = [test for one in rules for test in _tests(one, export.pack, step)]
    remark = "Run with: promtool test rules FILE. What gates count in a stream of events, and which alerts then fire."
    document = {"rule_files": [rules_file], "evaluation_interval": duration(step), "tests": tests}
    return commented([remark]) + dump(document)


def _step(rule: AlertRule) -> int:
    """Time between scrapes that lets all that a rule looks back over fit into a test."""
    fields = ("within", "hold_for", "reference", "offset", "learn")
    span = sum(getattr(rule, name, 0) for name in fields)
    if isinstance(rule, FrequencyRule) and rule.until is not None:
        span = rule.hold_for
    return next((step for limit, step in _STEPS if span <= limit), _LONGEST_STEP_MS)


def _tests(exported: Exported, pack: str, step: int) -> Iterator[dict[str, Any]]:
    rule = exported.rule
    for stream in _all_streams(rule, step):
        events = [(at - START_MS, record) for at, record in expand(stream.specs)]
        moments = _timeline(exported, events, step)
        if not moments:
            continue
        said = [(at, record) for at, record in events if record is not None]
        sampled = scrape(said, moments[-1].at - step, step, known=events_of(rule.where))
        read = [(series, values) for series, values in sampled.items() if exported.reads(series.partition("{")[0])]
        yield {
            "name": f"{rule.name}: {stream.shows}",
            "interval": duration(step),
            "input_series": [{"series": series, "values": values} for series, values in read],
            "promql_expr_test": [_check(rule, pack, moment) for moment in _telling(moments, rule.within // step // 2)],
        }


def _all_streams(rule: AlertRule, step: int) -> Iterator[Stream]:
    """Streams made from the rule and its examples, but for a good-bye, which no metric hears."""
    yield from streams(rule, step)
    said = events_of(rule.until) if isinstance(rule, AbsenceRule) and rule.until is not None else ()
    for kind, examples in (("fires", rule.examples.fires), ("quiet", rule.examples.quiet)):
        for count, specs in enumerate(examples, start=1):
            if not any(spec.event in said for spec in specs):
                yield Stream(f"example {kind} {count}", specs)


def _timeline(exported: Exported, events: list[tuple[int, Record | None]], step: int) -> list[_Moment]:
    """What our engine says at every scrape, which sees the events up to a step before it."""
    rule, unseen = exported.rule, exported.expressions[-1].labels
    engine, matches = Engine([without_hysteresis(rule)]), feeds.matcher(rule.where)
    waiting, is_seen, sharp_from = list(reversed(events)), False, 0
    moments: list[_Moment] = []
    for now in range(0, min(MAX_STEPS * step, events[-1][0] + step), step):
        alerts: list[Alert] = []
        while waiting and waiting[-1][0] <= now:
            at, record = waiting.pop()
            is_seen |= record is not None and matches(record)
            alerts += engine.feed(record, START_MS + at) if record is not None else engine.advance(START_MS + at)
        alerts += engine.advance(START_MS + now)
        if any(isinstance(alert, AlertResolved) or alert.at != rfc3339(START_MS + now) for alert in alerts):
            sharp_from = now + step + _lag(rule)
        if any(isinstance(alert, AlertFired) for alert in alerts):
            moments = [moment for moment in moments if moment.at < now + step - _lead(rule, step)]
        firing = [status for status in engine.report() if status.state == "firing"]
        if now >= sharp_from and all(status.value is not None for status in firing):
            moments.append(
                _Moment(now + step, frozenset(_labels(status, () if is_seen else unseen) for status in firing))
            )
    return moments


def _lag(rule: AlertRule) -> int:
    """How much later Prometheus may resolve: by a slice of our sums; quantiles and means when `within` is over."""
    is_mean = isinstance(rule, ThresholdRule) and ("." in rule.field or rule.aggregate == "avg")
    return rule.within if is_mean else rule.within // SLICES


def _lead(rule: AlertRule, step: int) -> int:
    """How much earlier Prometheus may fire.

    It does not ask whether all of `within` was heard, and waits from a scrape that came before the first line.
    """
    if isinstance(rule, AbsenceRule):
        return step
    is_about_few = isinstance(rule, FlatlineRule | SpikeRule) or getattr(rule, "below", None) is not None
    return rule.within // TICKS + step if is_about_few and isinstance(rule, Counting) else 0


def _labels(status: Status, more: Labels) -> Labels:
    """Labels of an alert; Prometheus knows no empty ones."""
    return tuple((field, value) for field, value in status.group.items() if value) + more


def _telling(moments: list[_Moment], most: int) -> Iterator[_Moment]:
    """The first and the last moment of each stretch in which the same alerts fire, and some between them.

    Args:
        moments: All of them.
        most: How many lie between two at the most.
    """
    for _, stretch in groupby(moments, key=lambda moment: moment.firing):
        found = list(stretch)
        stride = max(1, min(most, len(found) // _CHECKS))
        yield from found[:-1:stride]
        yield found[-1]


def _check(rule: AlertRule, pack: str, moment: _Moment) -> dict[str, Any]:
    own = {"alertname": rule.name, "alertstate": "firing"}
    expected = [own | labels(rule, pack) | dict(group) for group in sorted(moment.firing)]
    return {
        "expr": f"ALERTS{_selector(own)}",
        "eval_time": duration(moment.at),
        "exp_samples": [{"labels": f"ALERTS{_selector(one)}", "value": 1} for one in expected],
    }


def _selector(pairs: dict[str, str]) -> str:
    return "{" + ",".join(f"{label}={quoted(value)}" for label, value in pairs.items()) + "}"
