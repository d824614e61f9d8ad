"""Counts are exact, durations are kept once, and no part of a window outgrows a line."""

from __future__ import annotations

import json

from dq_gate.core.model import Decision, Violation
from dq_gate.core.window import ROWS_PER_PART, Window, split

FAILED = Violation("query.text.present", "query", "not_blank", "quarantine", "is blank")
WARNED = Violation("query.text.short", "query", "length", "warn", "is long")
SHADOWED = Violation("query.text.calm", "query", "not_matches", "quarantine", "is loud")


def test_inputs_are_counted_by_source_and_outcome():
    window = Window(0.0)
    window.count("faq", "clean", Decision("clean", {}), 100)
    window.count("faq", "clean", None, 0, times=1000)
    window.count("bot", "unjudged", None, 0, times=2)
    inputs, rules = window.rows()
    assert inputs == [
        {"source": "bot", "outcome": "unjudged", "count": 2},
        {"source": "faq", "outcome": "clean", "count": 1001},
    ]
    assert rules == []


def test_rules_are_counted_by_the_mode_that_they_were_in():
    window = Window(0.0)
    decision = Decision("quarantined", None, (FAILED, WARNED), shadowed=(SHADOWED,))
    window.count("faq", "quarantined", decision, 100)
    window.count("faq", "shadowed", decision, 100)
    _, rules = window.rows()
    assert [(row["rule_id"], row["mode"], row["count"]) for row in rules] == [
        ("query.text.calm", "shadow", 2),
        ("query.text.present", "enforce", 1),
        ("query.text.present", "shadow", 1),
        ("query.text.short", "enforce", 1),
        ("query.text.short", "shadow", 1),
    ]


def test_a_judgement_that_was_not_timed_does_not_count_as_instant():
    window = Window(0.0)
    window.count("faq", "clean", None, 0)
    window.count("faq", "repaired", Decision("repaired", {}), 0)
    assert window.take_durations() == ([], [])


def test_durations_are_handed_over_once():
    window = Window(0.0)
    window.count("faq", "clean", Decision("clean", {}), 100)
    window.puts_ns.append(200)
    assert window.take_durations() == ([100], [200])
    assert window.take_durations() == ([], [])


def test_an_empty_window_has_one_part():
    assert split([], []) == [((), ())]


def test_parts_hold_every_row_once_in_order():
    inputs = [{"number": number} for number in range(30)]
    rules = [{"number": number} for number in range(100, 150)]
    parts = split(inputs, rules)
    assert len(parts) == -(-80 // ROWS_PER_PART)
    assert [row for part, _ in parts for row in part] == inputs
    assert [row for _, part in parts for row in part] == rules
    assert all(len(one) + len(other) <= ROWS_PER_PART for one, other in parts)


def test_a_part_of_the_longest_names_fits_a_line():
    rules = [
        {"source": "s" * 64, "rule_id": f"r{number:03}" + "x" * 124, "mode": "enforce", "count": 10**9}
        for number in range(ROWS_PER_PART)
    ]
    assert len(json.dumps(split([], rules)[0])) < 7 * 1024
