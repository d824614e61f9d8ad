"""The dashboard shows every metric, and silence as silence."""

from __future__ import annotations

import json
import re

import pytest

from dq_gate.signals.dashboard import ROWS, dashboard
from dq_gate.signals.metrics import METRICS

PANELS = [panel for _, panels in ROWS for panel in panels]
QUERIES = [query for panel in PANELS for query, _ in panel.queries]
SERIES = {
    metric.name + suffix: metric
    for metric in METRICS
    for suffix in (("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",))
}


def series_in(query):
    return set(re.findall(r"dq_gate_\w+", query))


def test_every_metric_is_shown_and_no_other():
    shown = {name for query in QUERIES for name in series_in(query)}
    assert shown <= SERIES.keys()
    assert {SERIES[name] for name in shown} == set(METRICS)


def test_every_panel_says_what_it_shows_and_in_which_unit():
    for panel in dashboard()["panels"]:
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["description"].endswith(".")
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["targets"]


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_turns_silence_into_a_number(query):
    assert not re.search(r"\b(or|vector|absent|clamp\w*|scalar)\b", query)


def test_no_line_is_drawn_where_nothing_is_known():
    for panel in dashboard()["panels"]:
        if panel["type"] != "row":
            defaults = panel["fieldConfig"]["defaults"]
            assert defaults["custom"]["spanNulls"] is False
            assert defaults["noValue"] == "no data"


@pytest.mark.parametrize("query", QUERIES)
def test_a_counter_is_shown_as_a_rate_and_a_gauge_is_not(query):
    for name in series_in(query):
        is_rate = f"rate({name}" in query
        assert is_rate == (SERIES[name].kind != "gauge")


@pytest.mark.parametrize("query", QUERIES)
def test_labels_are_those_of_the_metric(query):
    (name, *_) = series_in(query)
    used = set(re.findall(r"(\w+)=", query))
    for group in re.findall(r"by \(([^)]*)\)", query):
        used.update(group.split(", "))
    assert used <= {*SERIES[name].labels, "le"}


def test_panels_lie_side_by_side_and_are_told_apart():
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_it_is_plain_json():
    assert json.loads(json.dumps(dashboard())) == dashboard()
