"""An alert file is written by hand, at night, in haste: each mistake must name its line and the way out."""

from __future__ import annotations

import pytest

from dq_gate.alerts.load import gaps, parse_rules
from dq_gate.alerts.rules import AbsenceRule, FrequencyRule, RatioRule
from dq_gate.errors import AlertRuleError

GOOD = """\
alerts:
  - name: quarantine-ratio-high
    kind: ratio
    where: {event: dq_gate.input.quarantined}
    of: inputs
    group_by: [source]
    above: 0.2
    min_volume: 50
    within: 5m
    for: 2m
    severity: ticket
    runbook: docs/how-to/runbooks/quarantine-ratio.md
"""


def test_every_key_of_the_language_is_read():
    (rule,) = parse_rules(GOOD)
    assert isinstance(rule, RatioRule)
    assert (rule.name, rule.of, rule.group_by, rule.above) == ("quarantine-ratio-high", "inputs", ("source",), 0.2)
    assert (rule.min_volume, rule.within, rule.hold_for) == (50, 300_000, 120_000)
    assert rule.where == {"event": ("dq_gate.input.quarantined",)}
    assert (rule.severity, rule.runbook) == ("ticket", "docs/how-to/runbooks/quarantine-ratio.md")


def test_each_kind_becomes_its_own_value():
    text = """\
alerts:
  - {name: a, kind: frequency, where: {level: [error, warning]}, below: 3, within: 1d, severity: info}
  - {name: b, kind: absence, where: {event: dq_gate.batch.completed}, within: 1h, severity: page}
  - {name: c, kind: ratio, where: {level: error}, of: {plane: batch}, above: 2, within: 90s, severity: page}
"""
    a, b, c = parse_rules(text)
    assert (type(a), type(b), type(c)) == (FrequencyRule, AbsenceRule, RatioRule)
    assert (a.within, b.within, c.within) == (86_400_000, 3_600_000, 90_000)
    assert (a.where, c.of) == ({"level": ("error", "warning")}, {"plane": ("batch",)})


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("above", "abov"), 7, "unknown key 'abov'; did you mean 'above'?"),
        (("for: 2m", "fro: 2m"), 10, "did you mean 'for'?"),
        (("kind: ratio", "kind: rato"), 3, "unknown kind 'rato'; did you mean 'ratio'?"),
        (("kind: ratio", "kind: spike"), 3, "kind 'spike' is not built yet. Allowed: absence, frequency, ratio"),
        (("kind: ratio", "kind: burn_rate"), 3, "is not built yet. Allowed: absence, frequency, ratio"),
        (("kind: ratio", "kind: [ratio]"), 3, "unknown kind"),
        (("    kind: ratio\n", ""), 2, "unknown kind 'None'"),
        (("input.quarantined", "input.quarantned"), 4, "did you mean 'dq_gate.input.quarantined'?"),
        (("quarantined}", "quarantined, sorce: web}"), 4, "has no field 'sorce'; did you mean 'source'?"),
        (("quarantined}", "quarantined, stored: {}}"), 4, "stored must equal text"),
        (("quarantined}", "quarantined, stored: []}"), 4, "stored must equal text"),
        (("quarantined}", "quarantined, stored: null}"), 4, "stored must equal text"),
        (("{event: dq_gate.input.quarantined}", "[dq_gate.input.quarantined]"), 4, "not a clause"),
        (("of: inputs", "of: input"), 5, "must be `inputs`, or a clause like `where`"),
        (("of: inputs", "of: {event: dq_gate.nothing}"), 5, "unknown event 'dq_gate.nothing'"),
        (("    of: inputs\n", ""), 2, "of is missing"),
        (("[source]", "[sources]"), 6, "cannot be grouped by 'sources'; did you mean 'source'?"),
        (("[source]", "[entry_id]"), 6, "inputs are not counted by 'entry_id'"),
        (("[source]", "[rules]"), 6, "cannot be grouped by 'rules'"),
        (("above: 0.2", "above: 20"), 7, "must be less than 1: a share of inputs, not a percentage"),
        (("above: 0.2", "above: '0.2'"), 7, "valid number"),
        (("above: 0.2", "above: .nan"), 7, "finite number"),
        (("above: 0.2", "above: 0.2\n    below: 0.1"), 2, "give either above or below"),
        (("    above: 0.2\n", ""), 2, "give either above or below"),
        (("min_volume: 50", "min_volume: 0"), 8, "greater than or equal to 1"),
        (("min_volume: 50", "min_volume: true"), 8, "valid integer"),
        (("within: 5m", "within: 5 min"), 9, "not a duration; write a whole number and a unit: 30s, 5m, 1h or 7d"),
        (("within: 5m", "within: 300"), 9, "not a duration"),
        (("within: 5m", "within: 0m"), 2, "within must be longer than nothing"),
        (("    within: 5m\n", ""), 2, "within is missing"),
        (("severity: ticket", "severity: critical"), 11, "'page', 'ticket' or 'info'"),
        (("name: quarantine-ratio-high", "name: Quarantine Ratio"), 2, "pattern"),
        (("severity: ticket", "severity: ticket\n    severity: page"), 12, "repeats the key 'severity'"),
        (("severity: ticket", "examples: {fire: []}\n    severity: ticket"), 11, "did you mean 'fires'?"),
        (
            ("severity: ticket", "examples:\n      fires:\n        - - {at: 0s, evnt: x}\n    severity: ticket"),
            13,
            "unknown key 'evnt'; did you mean 'event'?",
        ),
        (
            (
                "severity: ticket",
                "examples: {quiet: [[{at: 0s, event: dq_gate.window.closed, input: []}]]}\n    severity: ticket",
            ),
            11,
            "did you mean 'inputs'?",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_and_alert(change, line, said):
    with pytest.raises(AlertRuleError) as caught:
        parse_rules(GOOD.replace(*change), path="my/alerts.yaml")
    message = str(caught.value)
    assert message.startswith(f"my/alerts.yaml:{line}: ")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text", ["", "alerts:\n", "alerts: []\n", "- name: x\n", "alert: []\n", "alerts: {name: x}\n", "alerts: [x]\n"]
)
def test_a_file_that_is_no_alert_file_is_refused(text):
    with pytest.raises(AlertRuleError, match=r"alerts\.yaml:1: "):
        parse_rules(text)


def test_keys_beside_alerts_are_refused():
    with pytest.raises(AlertRuleError, match=r"alerts\.yaml:13: unknown key 'rules'"):
        parse_rules(GOOD + "rules: []\n")


def test_two_alerts_of_one_name_are_refused():
    with pytest.raises(AlertRuleError, match=r":13: alert quarantine-ratio-high: this name stands twice"):
        parse_rules(GOOD + GOOD.removeprefix("alerts:\n"))


def test_gaps_name_what_a_usable_alert_leaves_open():
    (rule,) = parse_rules(GOOD.replace("runbook:", "summary:"))
    assert list(gaps(rule)) == [
        "has no runbook",
        "has no example that fires it",
        "has no example that leaves it quiet",
    ]
