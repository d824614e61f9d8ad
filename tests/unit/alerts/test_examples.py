"""Examples are how a rule is trusted before its first night, so a wrong one must not pass."""

from __future__ import annotations

import pytest

from dq_gate.alerts.load import parse_rules
from dq_gate.alerts.testing.examples import run_examples
from dq_gate.errors import AlertRuleError

RULE = """\
alerts:
  - name: crashes
    kind: frequency
    where: {event: dq_gate.rule.crashed}
    above: 2
    within: 1m
    severity: page
    examples:
"""


def results(examples):
    (rule,) = parse_rules(RULE + examples)
    return [(result.expected, result.number, result.holds) for result in run_examples(rule)]


def test_examples_that_hold_and_that_do_not_are_told_apart():
    assert results(
        "      fires:\n"
        "        - - {at: 0s, every: 1s, times: 3, event: dq_gate.rule.crashed}\n"
        "        - - {at: 0s, every: 30s, times: 30, event: dq_gate.rule.crashed}\n"
        "      quiet:\n"
        "        - - {at: 0s, times: 3, event: dq_gate.rule.crashed}\n"
        "        - - {at: 0s, event: dq_gate.rule.crashed}\n"
    ) == [("fires", 1, True), ("fires", 2, False), ("quiet", 1, False), ("quiet", 2, True)]


def test_events_are_told_in_the_order_of_their_times():
    assert results(
        "      fires:\n"
        "        - - {at: 1h, event: dq_gate.rule.crashed}\n"
        "          - {at: 0s, times: 2, event: dq_gate.rule.crashed}\n"
        "          - {at: 59s, event: dq_gate.rule.crashed}\n"
    ) == [("fires", 1, True)]


def test_a_window_without_a_windows_shape_is_an_error_and_not_quiet():
    with pytest.raises(AlertRuleError, match=r"alert crashes: an example's dq_gate\.window\.closed needs inputs"):
        results("      quiet: [[{at: 0s, event: dq_gate.window.closed, inputs: [{source: web}]}]]\n")
