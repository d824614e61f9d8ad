"""The series that a gate would have offered, in promtool's notation."""

from __future__ import annotations

from dq_gate.alerts.export.scrapes import scrape

STEP = 10_000


def record(event, **fields):
    context = {"process": "p", "namespace": "n", "source": "web"}
    return {"event": f"dq_gate.{event}", **context, **fields}


def window(**fields):
    return record("window.closed", **{"mode": "enforce", "inputs": [], "rules": [], **fields})


def series(sampled, name, *parts):
    (found,) = [
        values for key, values in sampled.items() if key.startswith(name) and all(part in key for part in parts)
    ]
    return found


def test_a_counter_is_there_as_zero_with_its_process_before_it_counts():
    sampled = scrape([(20_000, record("rule.crashed", rule_id="r"))], 40_000, STEP, known=[])
    assert series(sampled, "dq_gate_events_total", "rule.crashed") == "_x2 0+1x1 1+0x1"


def test_an_event_that_never_comes_is_counted_as_zero():
    sampled = scrape([(0, window())], 20_000, STEP, known=["dq_gate.rule.crashed"])
    assert series(sampled, "dq_gate_events_total", "rule.crashed") == "0+0x3"


def test_inputs_grow_by_what_windows_say():
    rows = [{"source": "web", "outcome": "clean", "count": 7}]
    sampled = scrape([(at, window(inputs=rows)) for at in range(0, 40_000, STEP)], 30_000, STEP, known=[])
    assert series(sampled, "dq_gate_inputs_total", "clean") == "0+7x4"


def test_a_process_that_stopped_is_scraped_no_more():
    events = [(0, window()), (10_000, record("gate.stopped")), (50_000, record("pack.loaded", process="q"))]
    assert series(scrape(events, 50_000, STEP, known=[]), "dq_gate_mode", "enforce") == "_x1 1+0x1 _x4"


def test_a_process_that_fell_silent_is_scraped_no_more():
    events = [(0, window()), (60_000, record("pack.loaded", process="q"))]
    assert series(scrape(events, 60_000, STEP, known=[]), "dq_gate_mode", "enforce") == "_x1 1 _x6"


def test_quantiles_become_buckets():
    sampled = scrape([(0, window(latency_us={"p50": 4.0, "p99": 2_000.0}))], 0, STEP, known=[])
    assert series(sampled, "dq_gate_judgement", 'le="5e-06"') == "0+50x1"
    assert series(sampled, "dq_gate_judgement", 'le="+Inf"') == "0+55x1"
