"""Random logs of a few gates, and a pack with a rule of every kind, some of which inhibit or mute others."""

from __future__ import annotations

from hypothesis import strategies as st

from dq_gate.alerts.load import parse_rules
from tests.unit.alerts.scene import START

PACK = """
alerts:
  - {name: ratio, kind: ratio, severity: ticket, where: {event: dq_gate.input.quarantined}, of: inputs,
     group_by: [source], above: 0.3, resolve_below: 0.2, min_volume: 20, within: 1m, for: 20s}
  - {name: by-rule, kind: ratio, severity: ticket, where: {event: dq_gate.input.quarantined}, of: inputs,
     group_by: [source, rule_id], above: 0.1, min_volume: 20, within: 1m, keep_firing_for: 30s}
  - {name: frequency, kind: frequency, severity: page, where: {event: dq_gate.rule.crashed}, group_by: [source],
     above: 2, within: 1m, inhibit: [ratio, change]}
  - {name: too-few, kind: frequency, severity: info, where: {event: dq_gate.rule.crashed}, below: 2, within: 2m,
     mute: [{from: "22:14", to: "22:20"}]}
  - {name: absence, kind: absence, severity: page, where: {event: dq_gate.window.closed},
     until: {event: dq_gate.gate.stopped}, group_by: [source], within: 30s, inhibit: [too-few, flatline]}
  - {name: by-process, kind: absence, severity: page, where: {event: dq_gate.window.closed}, group_by: [process],
     within: 30s, for: 10s, keep_firing_for: 20s, mute: [{from: "22:16", to: "22:18"}]}
  - {name: threshold, kind: threshold, severity: ticket, where: {event: dq_gate.store.measured}, field: pending,
     aggregate: max, group_by: [source], above: 50, within: 1m, for: 10s, inhibit: [spike]}
  - {name: spike, kind: spike, severity: ticket, where: {event: dq_gate.rule.crashed}, group_by: [source], within: 30s,
     reference: 1m, factor: 2, min_volume: 2, min_reference: 1, direction: up}
  - {name: flatline, kind: flatline, severity: ticket, where: {event: dq_gate.rule.crashed}, group_by: [source],
     within: 30s, reference: 1m, for: 5s}
  - {name: new-term, kind: new_term, severity: info, where: {event: dq_gate.rule.crashed}, field: rule_id,
     within: 1m, memory: 1h, learn: 1m, inhibit: [cardinality]}
  - {name: cardinality, kind: cardinality, severity: info, where: {event: dq_gate.rule.crashed}, field: rule_id,
     above: 2, within: 1m}
  - {name: change, kind: change, severity: info, where: {event: dq_gate.window.closed}, field: mode,
     group_by: [source], within: 1m}
  - {name: burn, kind: burn_rate, severity: page, where: {event: dq_gate.input.quarantined}, of: inputs,
     group_by: [source], objective: 0.9, min_volume: 20, windows: [{long: 2m, short: 20s, factor: 3}]}
"""
RULES = parse_rules(PACK)
"""`START` is a Tuesday, 22:13:20 UTC."""

SOURCES = ("web", "app")
PROCESSES = ("p", "q", "r")


def _window(process, number, clean, bad, mode):
    source = SOURCES[PROCESSES.index(process) % 2]
    inputs = [{"source": source, "outcome": "clean", "count": clean}]
    inputs += [{"source": source, "outcome": "quarantined", "count": bad}]
    rules = [{"source": source, "rule_id": "a.b", "mode": "enforce", "count": bad}]
    return {"event": "dq_gate.window.closed", "seq": number, "inputs": inputs, "rules": rules, "mode": mode}


def _event(process, number, kind):
    what, clean, bad, mode = kind
    own = {
        "window": lambda: _window(process, number, clean, bad, mode),
        "crashed": lambda: {"event": "dq_gate.rule.crashed", "rule_id": f"a.{bad % 5}"},
        "measured": lambda: {"event": "dq_gate.store.measured", "pending": clean * 4},
        "stopped": lambda: {"event": "dq_gate.gate.stopped", "unwritten": 0},
        "other": lambda: {"event": "dq_gate.store.local"},
    }[what]()
    return {
        "process": process,
        "source": SOURCES[PROCESSES.index(process) % 2],
        "namespace": "n",
        "level": "info",
    } | own


kinds = st.tuples(
    st.sampled_from(["window"] * 6 + ["crashed"] * 5 + ["measured", "stopped", "other"]),
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from(["enforce", "enforce", "shadow"]),
)
gaps = st.sampled_from([0, 1, 250, 999, 2_000, 5_000, 5_000, 10_000, 10_000, 29_999, 60_000])


@st.composite
def logs(draw, max_delay=0, skews=(0,)):
    """Lines as (when it reaches the log, record, what its clock says), in the order in which they do; milliseconds."""
    steps = draw(
        st.lists(
            st.tuples(gaps, st.sampled_from(PROCESSES), kinds, st.integers(0, max_delay)), min_size=20, max_size=80
        )
    )
    skew = {process: draw(st.sampled_from(skews)) for process in PROCESSES}
    now, lines = START * 1000, []
    for number, (gap, process, kind, delay) in enumerate(steps):
        now += gap
        lines.append((now + delay, number, _event(process, number, kind), now + skew[process]))
    return [(read, record, at) for read, _, record, at in sorted(lines, key=lambda line: line[:2])]
