"""Alert rules as Prometheus rules: what PromQL can say over our metrics, and the reasons why it cannot say the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.export import counting, gauges, thresholds
from dq_gate.alerts.export.document import commented, dump
from dq_gate.alerts.export.promql import InexpressibleError, duration
from dq_gate.alerts.export.wording import said_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dq_gate.alerts.export.gauges import Expression
    from dq_gate.alerts.rules import AlertRule

_KINDS: dict[str, Callable[[Any], tuple[Expression, ...]]] = {
    "frequency": counting.frequency,
    "ratio": counting.ratio,
    "threshold": thresholds.threshold,
    "spike": counting.spike,
    "flatline": counting.flatline,
    "new_term": counting.new_term,
    "cardinality": counting.cardinality,
    "change": gauges.change,
    "absence": gauges.absence,
    "burn_rate": counting.burn_rate,
}
_HYSTERESIS = ("resolve_below", "resolve_above")


@dataclass(frozen=True, slots=True)
class Exported:
    """A rule that PromQL can say.

    Attributes:
        rule: The rule.
        expressions: Its conditions, each a rule of Prometheus by the same name.
        notes: Where Prometheus will say something else than `alerts run`.
    """

    rule: AlertRule
    expressions: tuple[Expression, ...]
    notes: tuple[str, ...]

    def reads(self, metric: str) -> bool:
        """Whether any of its conditions is about a metric."""
        return any(re.search(rf"\b{metric}\b", expression.text) for expression in self.expressions)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A rule that PromQL cannot say.

    Attributes:
        alert: Its name.
        reason: Why.
    """

    alert: str
    reason: str


@dataclass(frozen=True, slots=True)
class Export:
    """An alert pack for Prometheus.

    Attributes:
        pack: The pack's name.
        exported: Rules that PromQL can say.
        left_out: Those that it cannot.
    """

    pack: str
    exported: tuple[Exported, ...]
    left_out: tuple[LeftOut, ...]

    def rules_file(self) -> str:
        """The rule file."""
        rules = [_document(one.rule, expression, self.pack) for one in self.exported for expression in one.expressions]
        groups = [{"name": f"dq_gate.{self.pack}", "rules": rules}] if rules else []
        return commented(self._remarks()) + dump({"groups": groups})

    def _remarks(self) -> list[str]:
        remarks = [f'Made from the alert pack "{self.pack}" by: dq-gate alerts export --prometheus']
        remarks += [f"{one.alert}: not exported: {one.reason}" for one in self.left_out]
        remarks += [f"{one.rule.name}: differs: {note}" for one in self.exported for note in one.notes]
        return remarks


def export(pack: str, rules: Sequence[AlertRule]) -> Export:
    """Say rules in PromQL.

    Args:
        pack: The alert pack's name.
        rules: Its rules.
    """
    exported: list[Exported] = []
    left_out: list[LeftOut] = []
    for rule in rules:
        try:
            expressions = _KINDS[rule.kind](rule)
        except InexpressibleError as error:
            left_out.append(LeftOut(rule.name, str(error)))
        else:
            exported.append(Exported(rule, expressions, _notes(rule, expressions)))
    return Export(pack, tuple(exported), tuple(left_out))


def labels(rule: AlertRule, pack: str) -> dict[str, str]:
    """Labels of a rule's alerts, beside those it groups by."""
    return {"pack": pack, "severity": rule.severity}


def without_hysteresis(rule: AlertRule) -> AlertRule:
    """A rule as PromQL can say it: it resolves at the bound that it fires by."""
    given = {name: None for name in _HYSTERESIS if getattr(rule, name, None) is not None}
    return rule.model_copy(update=given) if given else rule


def _document(rule: AlertRule, expression: Expression, pack: str) -> dict[str, Any]:
    times = {"for": rule.hold_for + expression.hold_for, "keep_firing_for": rule.keep_firing_for}
    return {
        "alert": rule.name,
        "expr": expression.text,
        **{key: duration(time) for key, time in times.items() if time},
        "labels": labels(rule, pack) | dict(expression.labels),
        "annotations": said_of(rule, was_seen=expression.labels != gauges.NEVER_SEEN),
    }


def _notes(rule: AlertRule, expressions: tuple[Expression, ...]) -> tuple[str, ...]:
    notes = [expression.note for expression in expressions if expression.note]
    notes += [
        f"PromQL has no hysteresis: {name} is left out, and it resolves at the bound it fires by"
        for name in _HYSTERESIS
        if getattr(rule, name, None) is not None
    ]
    if rule.mute or rule.inhibit:
        notes.append("mute and inhibit are Alertmanager's: mute_time_intervals and inhibit_rules")
    return tuple(notes)
