"""Which series of the metrics catalogue say what an alert rule asks for, or why none does. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.alerts.evaluation import groups
from dq_gate.alerts.export.promql import InexpressibleError, Selector
from dq_gate.alerts.fields import ADMITTED, JUDGED, OUTCOMES, QUARANTINED, counts_rules, events_of
from dq_gate.events import PREFIX, DistributionDrifted, RuleCrashed, SchemaDrifted
from dq_gate.signals import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq_gate.alerts.rules import Clause
    from dq_gate.signals.metrics import Metric

_ABOUT_RULES = frozenset({RuleCrashed.name, SchemaDrifted.name, DistributionDrifted.name})
_CONTEXT = ("namespace", "source")


def inputs(where: Clause, group_by: tuple[str, ...]) -> Selector:
    """Judged inputs by outcome, or failures of enforced rules where a rule is asked for.

    Raises:
        InexpressibleError: they are to be told apart by something that is no label.
    """
    if counts_rules(where, group_by):
        return select(metrics.RULE_FAILURES, where, group_by, fixed={"mode": ["enforce"]}, fields=("rule_id",))
    outcomes = sorted(OUTCOMES[name] for name in events_of(where))
    return select(metrics.INPUTS, where, group_by, fixed={"outcome": outcomes})


def judged(where: Clause, group_by: tuple[str, ...]) -> Selector:
    """Every judged input of the sources that a clause asks for: the whole of a share."""
    own = {field: wanted for field, wanted in where.items() if field == "source"}
    by = tuple(field for field in group_by if field != "rule_id")
    return select(metrics.INPUTS, own, by, fixed={"outcome": sorted(JUDGED)})


def lines(where: Clause, group_by: tuple[str, ...]) -> Selector:
    """Events by name. Lines of admitted inputs are a sample that stands for all, so all are counted.

    Raises:
        InexpressibleError: they are to be told apart by something that is no label.
    """
    events, asked = events_of(where), {*where, *group_by}
    if events == {ADMITTED}:
        return inputs(where, group_by)
    if events == {QUARANTINED} and "stored" in asked:
        return select(metrics.QUARANTINED, where, group_by, fields=("stored",))
    names = {"event": sorted(name.removeprefix(PREFIX) for name in events)} if events else {}
    if events and events <= _ABOUT_RULES and not asked.isdisjoint({"rule_id", "mode"}):
        return select(metrics.RULE_EVENTS, where, group_by, fixed=names, fields=("rule_id", "mode"))
    return select(metrics.EVENTS, where, group_by, fixed=names)


def select(
    metric: Metric,
    where: Clause,
    by: Iterable[str],
    *,
    fixed: Mapping[str, Iterable[str]] | None = None,
    fields: tuple[str, ...] = (),
) -> Selector:
    """Series of a metric as a clause asks for them.

    Args:
        metric: The metric.
        where: The rule's clause.
        by: The rule's groups.
        fixed: What labels that are no field of the events must say.
        fields: Labels, beside namespace and source, that are fields of the events. A label by a field's name may be
            something else: the `mode` of failures is a rule's, that of windows the gate's.

    Raises:
        InexpressibleError: a field is no label.
    """
    labels = [label for label in metric.labels if label in (*_CONTEXT, *fields)]
    for field in (*(where.keys() - {"event"}), *by):
        if field not in labels:
            raise InexpressibleError(f"{metric.name} has no label for the field {field!r}")
    matchers = {label: tuple(values) for label, values in (fixed or {}).items()}
    matchers |= {label: tuple(groups.label(value) for value in where[label]) for label in labels if label in where}
    return Selector(metric, tuple(matchers.items()))
