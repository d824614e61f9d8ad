"""Every kind of alert: a restart changes nothing, and order within the allowed lateness changes no sum."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.evaluation.sums import DelayedSum, SlidingSum
from dq_gate.alerts.evaluation.values import values
from dq_gate.alerts.rules import KINDS
from tests.unit.alerts.scene import START, rule

WHERE = "where: {event: dq_gate.input.quarantined}"
RULES = {
    "frequency": f"kind: frequency, {WHERE}, above: 2, resolve_below: 2, within: 1m, for: 10s, group_by: [source]",
    "frequency-below": f"kind: frequency, {WHERE}, count: inputs, below: 20, within: 1m, for: 15s, group_by: [source]",
    "frequency-until": f"kind: frequency, {WHERE}, until: {{event: dq_gate.gate.stopped}}, above: 1, within: 5m",
    "ratio": f"kind: ratio, {WHERE}, of: inputs, above: 0.3, within: 1m, for: 20s, group_by: [source]",
    "ratio-by-rule": f"kind: ratio, {WHERE}, of: inputs, above: 0.3, within: 1m, group_by: [source, rule_id]",
    "threshold": "kind: threshold, where: {event: dq_gate.store.measured}, field: pending, above: 50, within: 1m",
    "threshold-sum": (
        "kind: threshold, where: {event: dq_gate.input.quarantined}, field: put_ms, aggregate: avg, above: 3, "
        "within: 1m, for: 10s, group_by: [source]"
    ),
    "spike": (
        f"kind: spike, {WHERE}, count: inputs, within: 30s, reference: 1m, factor: 1.5, direction: both, "
        "group_by: [source]"
    ),
    "spike-lines": f"kind: spike, {WHERE}, within: 30s, reference: 1m, offset: 30s, factor: 2, for: 5s",
    "flatline": f"kind: flatline, {WHERE}, count: inputs, within: 30s, reference: 1m, below: 3, group_by: [source]",
    "flatline-lines": f"kind: flatline, {WHERE}, within: 30s, reference: 2m, for: 5s",
    "new_term": f"kind: new_term, {WHERE}, field: rules, group_by: [source], within: 1m, memory: 2m, learn: 20s",
    "cardinality": f"kind: cardinality, {WHERE}, field: rules, above: 2, within: 30s, for: 5s, group_by: [source]",
    "cardinality-below": (
        "kind: cardinality, where: {event: dq_gate.window.closed}, field: process, below: 2, within: 1m"
    ),
    "change": "kind: change, where: {event: dq_gate.window.closed}, field: mode, group_by: [source], within: 30s",
    "absence": (
        "kind: absence, where: {event: dq_gate.window.closed}, until: {event: dq_gate.gate.stopped}, "
        "group_by: [source], within: 30s"
    ),
    "burn_rate": (
        f"kind: burn_rate, {WHERE}, of: inputs, objective: 0.8, group_by: [source], "
        "windows: [{long: 1m, short: 10s, factor: 2}, {long: 2m, short: 30s, factor: 1.5}]"
    ),
}

steps = st.tuples(
    st.sampled_from([0, 1, 3, 7, 10, 10, 10, 40, 100]),
    st.integers(-20, 0),
    st.sampled_from(["window.closed", "window.closed", "input.quarantined", "store.measured", "gate.stopped"]),
    st.sampled_from(["p", "q"]),
    st.sampled_from(["web", "app"]),
    st.integers(0, 9),
)


def events(drawn):
    """Times and records of a log in which time goes on, and lines are up to 20 s late."""
    now, numbers = START, {}
    for gap, late, name, process, source, number in drawn:
        now += gap
        record = {"event": f"dq_gate.{name}", "process": process, "source": source}
        if name == "window.closed":
            numbers[process] = seq = numbers.get(process, -1) + 1
            inputs = [{"source": source, "outcome": "quarantined", "count": number}]
            inputs.append({"source": source, "outcome": "clean", "count": 10})
            failed = [{"source": source, "rule_id": f"r{number % 3}", "mode": "enforce", "count": number}]
            record |= {"seq": seq, "mode": "enforce" if number < 8 else "shadow", "inputs": inputs, "rules": failed}
        elif name == "input.quarantined":
            record |= {"rules": [f"r{number}", f"r{number % 4}"], "put_ms": number / 3}
        elif name == "store.measured":
            record |= {"pending": number * 10}
        yield (now + late) * 1000, record


def told(alerts):
    return [(alert.at, alert.id, type(alert).__name__, alert.value, tuple(alert.group.items())) for alert in alerts]


def test_every_kind_is_among_the_rules():
    assert {name.partition("-")[0] for name in RULES} == set(KINDS)


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=40)
@given(st.lists(steps, min_size=2, max_size=60), st.data())
def test_a_restart_at_any_line_changes_no_alert_afterwards(name, drawn, data):
    rules = [rule(RULES[name])]
    log = list(events(drawn))
    cut = data.draw(st.integers(0, len(log)))
    unbroken = Engine(rules)
    for at, record in log[:cut]:
        unbroken.feed(record, at)
    unbroken.take_transitions()
    restarted, removed = Engine.restored(rules, json.loads(json.dumps(unbroken.save())))
    assert not removed
    for at, record in log[cut:]:
        assert told(restarted.feed(record, at)) == told(unbroken.feed(record, at))
    assert told(restarted.finish()) == told(unbroken.finish())
    assert restarted.report() == unbroken.report()
    assert restarted.losses == unbroken.losses


amounts = st.lists(st.tuples(st.integers(0, 600_000), st.integers(-5, 50)), max_size=80)


@given(amounts, st.randoms(use_true_random=False), st.integers(600_000, 1_500_000))
def test_sums_are_the_same_whatever_order_amounts_come_in(drawn, random, until):
    for make in (lambda: SlidingSum(300_000), lambda: DelayedSum(120_000, 300_000)):
        totals = []
        for order in (sorted(drawn), random.sample(drawn, len(drawn))):
            one = make()
            for at, amount in order:
                one.add(at, amount)
            (one.move if isinstance(one, DelayedSum) else one.expire)(until)
            totals.append(one.total)
        assert totals[0] == totals[1]


@given(amounts, st.lists(st.integers(1, 60_000), max_size=30))
def test_a_delayed_sum_counts_whole_slices_of_what_is_old_enough(drawn, moves):
    """Half of the amounts are there from the start, the others come while time passes, some of them late."""
    delayed, delay, within = DelayedSum(60_000, 300_000), 60_000, 300_000
    width = within // 300
    counted, now = [], 600_000
    for at, amount in drawn[: len(drawn) // 2]:
        delayed.add(at, amount)
        counted.append((at, amount))
    rest = list(drawn[len(drawn) // 2 :])
    for step in moves:
        now += step
        if rest:
            at, amount = rest.pop()
            at = min(at, now)
            delayed.add(at, amount)
            counted.append((at, amount))
        delayed.move(now)
        end = (now - delay) // width
        assert delayed.total == sum(amount for at, amount in counted if end - 300 <= at // width < end)
        assert delayed.due > now


numbers = st.lists(
    st.tuples(st.integers(0, 600), st.integers(-50, 50)), min_size=1, max_size=60, unique_by=lambda x: x[0]
)


@given(numbers, st.randoms(use_true_random=False), st.integers(600, 900))
def test_aggregates_are_what_a_look_at_all_numbers_says(drawn, random, until):
    within = 300
    recent = [value for second, value in sorted(drawn) if second > until - within]
    wanted = {
        "last": recent[-1:],
        "max": recent and [max(recent)],
        "min": recent and [min(recent)],
        "avg": recent and [sum(recent) / len(recent)],
        "sum": recent and [sum(recent)],
        "increase": [recent[-1] - recent[0]] if len(recent) > 1 else [],
    }
    for aggregate, found in wanted.items():
        kept = values(aggregate, within * 1000)
        for second, value in random.sample(drawn, len(drawn)):
            kept.add(second * 1000, value)
        kept.expire(until * 1000)
        assert kept.result() == (found[0] if found else None)
        assert values(aggregate, within * 1000).restore(json.loads(json.dumps(kept.save()))).result() == kept.result()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
hostile_fields = st.sampled_from(
    ["process", "source", "rules", "put_ms", "pending", "mode", "seq", "inputs", "sample_rate", "rule_id"]
)


@settings(max_examples=50)
@given(st.lists(st.tuples(steps, st.dictionaries(hostile_fields, json_values, max_size=3)), max_size=30))
def test_no_event_however_malformed_stops_any_kind(drawn):
    engine = Engine([rule(text, name.replace("_", "-")) for name, text in RULES.items()])
    log = zip(events([step for step, _ in drawn]), (fields for _, fields in drawn), strict=True)
    for (at, record), fields in log:
        engine.feed(record | fields, at)
    engine.finish()
    engine.report()
    json.dumps(engine.save())
