"""The Grafana dashboard, made from the metrics catalogue.

A chart has a gap where nothing is known: no query turns silence into a zero, and no line is drawn across it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.signals import metrics

if TYPE_CHECKING:
    from dq_gate.signals.metrics import Metric

UID = "dq-gate"
_WIDTH, _HEIGHT, _COLUMNS = 12, 8, 24
_SILENT_AFTER_S = 60
_GAP_AFTER_MS = 60_000
_VARIABLES = ("namespace", "source")
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart.

    Attributes:
        title: What it shows.
        description: How to read it.
        unit: Grafana's name of the unit.
        queries: PromQL expressions, each with the legend of its series.
        red_above: Where the chart turns red.
    """

    title: str
    description: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    red_above: float | None = None


def _of(metric: Metric, *matchers: str, suffix: str = "") -> str:
    """The series of a metric that the dashboard's variables choose."""
    chosen = [f'{name}=~"${name}"' for name in _VARIABLES if name in metric.labels]
    return f"{metric.name}{suffix}{{{', '.join([*chosen, *matchers])}}}"


def _rate(metric: Metric, *matchers: str, suffix: str = "") -> str:
    return f"rate({_of(metric, *matchers, suffix=suffix)}[$__rate_interval])"


def _quantiles(metric: Metric) -> tuple[tuple[str, str], ...]:
    buckets = f"sum by (le) ({_rate(metric, suffix='_bucket')})"
    return tuple((f"histogram_quantile({share}, {buckets})", f"p{share * 100:g}") for share in (0.5, 0.95, 0.99))


_QUARANTINED = f"""sum by (source) ({_rate(metrics.INPUTS, 'outcome="quarantined"')})"""

ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Inputs",
        (
            Panel(
                "Inputs by outcome",
                "How many inputs a second were clean, repaired, quarantined, or let through in shadow mode or off.",
                "cps",
                ((f"sum by (outcome) ({_rate(metrics.INPUTS)})", "{{outcome}}"),),
            ),
            Panel(
                "Inputs by source",
                "How many inputs a second came from each application or feed.",
                "cps",
                ((f"sum by (source) ({_rate(metrics.INPUTS)})", "{{source}}"),),
            ),
            Panel(
                "Quarantine ratio by source",
                "Which share of the inputs went to the quarantine. Without inputs there is no ratio, and a gap.",
                "percentunit",
                ((f"{_QUARANTINED} / sum by (source) ({_rate(metrics.INPUTS)})", "{{source}}"),),
            ),
            Panel(
                "Gates by mode",
                "In shadow and off every input passes, whatever is wrong with it.",
                "short",
                ((f"sum by (source, mode) ({_of(metrics.MODE)}) > 0", "{{source}} {{mode}}"),),
            ),
        ),
    ),
    (
        "Rules",
        (
            Panel(
                "Rules that fail most",
                "Failures a second of the ten enforced rules that fail most.",
                "cps",
                (
                    (
                        f"""topk(10, sum by (rule_id) ({_rate(metrics.RULE_FAILURES, 'mode="enforce"')}))""",
                        "{{rule_id}}",
                    ),
                ),
            ),
            Panel(
                "Rules on trial",
                "Failures a second of rules in shadow mode, which refuse nothing: what enforcing them would do.",
                "cps",
                (
                    (
                        f"""topk(10, sum by (rule_id) ({_rate(metrics.RULE_FAILURES, 'mode="shadow"')}))""",
                        "{{rule_id}}",
                    ),
                ),
            ),
            Panel(
                "Rules that crash or drift",
                "Rules that raised instead of judging, and those by which what came lately is spread otherwise.",
                "cps",
                ((f"sum by (event, rule_id) ({_rate(metrics.RULE_EVENTS)}) > 0", "{{event}} {{rule_id}}"),),
            ),
        ),
    ),
    (
        "Latency",
        (
            Panel(
                "Judgement",
                "What judging an input took, from the call to the verdict.",
                "s",
                _quantiles(metrics.JUDGEMENT),
            ),
            Panel(
                "Put",
                "What storing a quarantine entry took, from its submission to the receipt; no caller waits 300 ms.",
                "s",
                _quantiles(metrics.PUT),
                red_above=0.3,
            ),
        ),
    ),
    (
        "Quarantine",
        (
            Panel(
                "Entries by state",
                "What the quarantine holds. A gap: the store does not answer, or no gate has asked it yet.",
                "short",
                ((f"max by (namespace, state) ({_of(metrics.QUARANTINE_ENTRIES)})", "{{namespace}} {{state}}"),),
            ),
            Panel(
                "Age of the oldest pending entry",
                "How long the entry that has waited longest for review has waited. A gap: it is not known.",
                "s",
                ((f"max by (namespace) ({_of(metrics.OLDEST_PENDING)})", "{{namespace}}"),),
            ),
            Panel(
                "Size",
                "What all entries take in the store. A gap: it is not known.",
                "bytes",
                ((f"max by (namespace) ({_of(metrics.QUARANTINE_BYTES)})", "{{namespace}}"),),
            ),
            Panel(
                "Spooled entries",
                "Entries on the gates' own disks that wait for the store, of processes that run.",
                "short",
                ((f"sum by (namespace, source) ({_of(metrics.SPOOL_ENTRIES)})", "{{namespace}} {{source}}"),),
            ),
            Panel(
                "Where entries went",
                "Refused inputs a second, by what took their entries: the store, the spool, or nobody.",
                "cps",
                ((f"sum by (stored) ({_rate(metrics.QUARANTINED)})", "{{stored}}"),),
            ),
            Panel(
                "Gates without their store",
                "Gates whose store did not answer when it was last asked; what they refuse goes to the spool.",
                "short",
                ((f"sum by (namespace, source) ({_of(metrics.STORE_DEGRADED)})", "{{namespace}} {{source}}"),),
                red_above=0.5,
            ),
        ),
    ),
    (
        "The gate itself",
        (
            Panel(
                "Time since the last window",
                "Every process closes a window each 10 s, also when nothing comes. A line that rises: its gates are "
                "silent. A gap: Prometheus reaches none of them.",
                "s",
                (
                    (
                        f"time() - max by (namespace, source) ({_of(metrics.WINDOW_CLOSED_AT)})",
                        "{{namespace}} {{source}}",
                    ),
                ),
                red_above=_SILENT_AFTER_S,
            ),
            Panel(
                "What was lost",
                "Events that could not be written; refused inputs whose entries nobody took; updates of metrics that "
                "went to `other`.",
                "cps",
                (
                    (f"sum by (source) ({_rate(metrics.EVENTS_DROPPED)})", "events of {{source}}"),
                    (f"sum by (source) ({_rate(metrics.ENTRIES_UNKEPT)})", "entries of {{source}}"),
                    (f"sum by (metric) ({_rate(metrics.SAMPLES_FOLDED)})", "updates of {{metric}}"),
                ),
                red_above=0.0,
            ),
            Panel(
                "Events",
                "Events a second, by name, of those that there were. The log tells each in full.",
                "cps",
                ((f"sum by (event) ({_rate(metrics.EVENTS)}) > 0", "{{event}}"),),
            ),
            Panel(
                "Releases",
                "Scraped endpoints by the release of dq_gate behind them.",
                "short",
                ((f"count by (version) ({_of(metrics.BUILD_INFO)})", "{{version}}"),),
            ),
        ),
    ),
)
"""The panels, by the row they stand in."""


def dashboard() -> dict[str, Any]:
    """The dashboard, as Grafana imports it."""
    return {
        "uid": UID,
        "title": "dq_gate",
        "description": "Input data quality in front of retrieval. Made by `dq-gate alerts export --grafana`.",
        "tags": ["dq_gate"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": _templating()},
        "panels": _panels(),
    }


def _templating() -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return [source, *(_variable(name) for name in _VARIABLES)]


def _variable(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": _DATASOURCE,
        "query": f"label_values({metrics.MODE.name}, {name})",
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    top = 0
    for title, panels in ROWS:
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        made.append({"id": len(made) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place})
        top += 1
        for number, panel in enumerate(panels):
            column = number * _WIDTH % _COLUMNS
            place = {"x": column, "y": top, "w": _WIDTH, "h": _HEIGHT}
            made.append({"id": len(made) + 1, "gridPos": place, **_panel(panel)})
            if column + _WIDTH == _COLUMNS or number + 1 == len(panels):
                top += _HEIGHT
    return made


def _panel(panel: Panel) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "noValue": "no data",
        "custom": {"spanNulls": False, "insertNulls": _GAP_AFTER_MS, "thresholdsStyle": {"mode": "off"}},
    }
    if panel.red_above is not None:
        steps = [{"color": "green", "value": None}, {"color": "red", "value": panel.red_above}]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        defaults["custom"]["thresholdsStyle"] = {"mode": "line"}
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": expr, "legendFormat": legend, "datasource": _DATASOURCE}
            for number, (expr, legend) in enumerate(panel.queries)
        ],
    }
