"""What the event log and the quarantine say about each rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dq_gate.core.model import Violation
from dq_gate.quarantine.entry import Waiver
from dq_gate.review.statistics import Statistics
from tests.fakes import make_entry


def violation(rule_id, on_fail="quarantine"):
    return Violation(rule_id, "query", "not_matches", on_fail, "matches")


def entry(*rule_ids, waived=(), **changes):
    violations = tuple(violation(rule_id) for rule_id in rule_ids)
    waivers = tuple(Waiver(rule_id, "digest", "ann", "fine") for rule_id in waived)
    return replace(make_entry("e"), violations=violations, waivers=waivers, **changes)


def window(*rows):
    return {"event": "dq_gate.window.closed", "rules": list(rows)}


def row(rule_id, count, mode="enforce"):
    return {"source": "s", "rule_id": rule_id, "mode": mode, "count": count}


def figures(statistics, rule_id):
    found = statistics.of(rule_id)
    return found.hits, found.shadow_hits, found.open, found.right, found.wrong


def test_hits_are_summed_over_windows_by_mode():
    statistics = Statistics()
    statistics.add_event(window(row("a.b", 2), row("a.b", 5, "shadow"), row("c.d", 1)))
    statistics.add_event(window(row("a.b", 3)))
    assert figures(statistics, "a.b") == (5, 5, 0, 0, 0)
    assert figures(statistics, "c.d") == (1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "event",
    [{}, {"event": "dq_gate.input.quarantined", "rules": ["a.b"]}, window("a.b"), window({"rule_id": 1}),
     {"event": "dq_gate.window.closed", "rules": 5}, window({"rule_id": "a.b", "mode": "enforce", "count": "9"})],
)  # fmt: skip
def test_whatever_is_no_row_of_a_window_counts_for_nothing(event):
    statistics = Statistics()
    statistics.add_event(event)
    assert statistics.rules == {}


def test_a_discarded_entry_speaks_for_its_rules_and_a_waiver_against_one():
    statistics = Statistics()
    statistics.add_entries(
        [
            entry("a.b", "c.d", state="discarded", verdict="invalid"),
            entry("a.b", "c.d", waived=["a.b"], state="released", verdict="valid"),
            entry("a.b", state="redriven"),
            entry("a.b"),
            entry("a.b", state="leased"),
        ]
    )
    assert figures(statistics, "a.b") == (0, 0, 2, 1, 1)
    assert figures(statistics, "c.d") == (0, 0, 0, 1, 0)
    assert statistics.of("a.b").precision == 0.5
    assert statistics.of("c.d").precision == 1.0


@pytest.mark.parametrize(
    ("changes", "ab", "cd"),
    [
        ({"verdict": "invalid", "state": "released"}, "right", "right"),
        ({"verdict": "invalid", "state": "released", "waived": ["a.b"]}, "wrong", "right"),
        ({"verdict": "invalid", "state": "discarded", "waived": ["a.b"]}, "right", "right"),
        ({"verdict": "valid", "state": "discarded"}, "wrong", "wrong"),
        ({"verdict": "valid", "state": "released", "waived": ["c.d"]}, None, "wrong"),
    ],
)
def test_a_verdict_speaks_for_or_against_each_rule(changes, ab, cd):
    statistics = Statistics()
    statistics.add_entries([entry("a.b", "c.d", **changes)])
    for rule_id, expected in (("a.b", ab), ("c.d", cd)):
        found = statistics.of(rule_id)
        assert (found.right, found.wrong) == (expected == "right", expected == "wrong")


def test_a_rule_that_nobody_judged_has_no_precision():
    statistics = Statistics()
    statistics.add_entries([entry("a.b")])
    assert statistics.of("a.b").precision is None


def test_a_warning_put_no_entry_into_the_quarantine():
    statistics = Statistics()
    warned = replace(entry("a.b"), violations=(violation("a.b"), violation("w.x", "warn")))
    statistics.add_entries([warned])
    assert set(statistics.rules) == {"a.b"}
