"""Rules as PromQL: what is said, what is left out and why, and text that could be taken for code."""

from __future__ import annotations

import pytest
import yaml

from dq_gate.alerts.export.prometheus import export
from tests.unit.alerts.scene import rule

RATIO = "kind: ratio, where: {event: dq_gate.input.quarantined}, of: inputs, above: 0.2, within: 5m"
CRASHES = "kind: frequency, where: {event: dq_gate.rule.crashed}, above: 0, within: 10m"


def exported(*texts):
    return export("pack", [rule(text, f"rule-{number}") for number, text in enumerate(texts)])


def one(text):
    (document,) = yaml.safe_load(exported(text).rules_file())["groups"][0]["rules"]
    return document


def test_a_ratio_asks_for_enough_of_the_whole():
    assert one(f"{RATIO}, min_volume: 50, group_by: [source]")["expr"].endswith(">= 50")


def test_a_ratio_by_rule_is_held_against_the_inputs_of_its_other_groups():
    text = one(f"{RATIO}, group_by: [source, rule_id]")["expr"]
    assert "/ on (source) group_left ()" in text
    assert 'dq_gate_rule_failures_total{mode="enforce"}' in text


def test_waits_are_told_and_left_out_where_there_are_none():
    assert "for" not in one(CRASHES)
    document = one(f"{CRASHES}, for: 90s, keep_firing_for: 1h")
    assert (document["for"], document["keep_firing_for"]) == ("90s", "1h")


def test_labels_say_who_should_care():
    assert one(CRASHES)["labels"] == {"pack": "pack", "severity": "page"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{CRASHES}, group_by: [process]", "no label for the field 'process'"),
        ("kind: frequency, where: {event: dq_gate.window.closed}, above: 0, within: 1m", "windows are not counted"),
        ("kind: change, where: {event: dq_gate.pack.loaded}, field: pack_version, within: 1h", "no metric keeps"),
        (
            "kind: threshold, where: {event: dq_gate.batch.completed}, field: rows, above: 5, within: 1h",
            "no metric says 'rows'",
        ),
        (f"{CRASHES}, until: {{event: dq_gate.pack.loaded}}", "`until`"),
    ],
)
def test_what_no_metric_tells_is_left_out_with_the_reason(text, reason):
    (left_out,) = exported(text).left_out
    assert reason in left_out.reason
    assert f"# rule-0: not exported: {left_out.reason}" in exported(text).rules_file()


def test_a_file_without_rules_is_still_one():
    assert yaml.safe_load(exported(f"{CRASHES}, group_by: [process]").rules_file()) == {"groups": []}


def test_hysteresis_is_noted_as_missing():
    (found,) = exported(f"{RATIO}, resolve_below: 0.1").exported
    assert "resolve_below" in found.notes[0]


def test_inhibitions_and_mutes_are_named_as_alertmanagers():
    muted = exported(f"{RATIO}, mute: [{{days: [sun], reason: quiet}}]").exported[0]
    assert "Alertmanager" in muted.notes[-1]


def test_values_of_a_clause_are_no_expressions():
    text = one("kind: frequency, where: {event: dq_gate.rule.crashed, source: ['a.b', 'c\"|d']}, above: 0, within: 1m")
    assert r'source=~"a\\.b|c\"\\|d"' in text["expr"]


def test_a_message_becomes_a_template():
    found = one(f"{RATIO}, group_by: [source], message: '{{value:.1%}} of {{source}}, bound {{threshold}}'")
    assert found["annotations"]["description"] == "{{ $value | humanizePercentage }} of {{ $labels.source }}, bound 0.2"


def test_braces_in_a_summary_are_no_template():
    assert one(f"{CRASHES}, summary: 'a {{{{ query }}}} b'")["annotations"]["summary"] == 'a {{ "{{" }} query }} b'


def test_the_age_of_the_last_window_and_its_never_coming_are_two_rules():
    text = "kind: absence, where: {event: dq_gate.window.closed}, until: {event: dq_gate.gate.stopped}, within: 1m"
    (group,) = yaml.safe_load(exported(text).rules_file())["groups"]
    assert [rule["labels"].get("seen") for rule in group["rules"]] == [None, "never"]
    assert group["rules"][1]["for"] == "1m"


def test_what_was_never_seen_is_not_told_by_a_group_and_a_number_that_it_has_not():
    text = (
        "kind: absence, where: {event: dq_gate.window.closed}, group_by: [source], within: 1m, "
        'summary: Nobody reports., message: "{source} for {value:.0f} s"'
    )
    (group,) = yaml.safe_load(exported(text).rules_file())["groups"]
    was_seen, never = (rule["annotations"]["description"] for rule in group["rules"])
    assert "$labels.source" in was_seen
    assert never == "Nobody reports. None has been seen at all."
