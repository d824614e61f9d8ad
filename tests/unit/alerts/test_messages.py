"""What is said of a group goes to people: it says what the rule's author wrote, and no label adds to it."""

from __future__ import annotations

import pytest

from dq_gate.alerts.evaluation.messages import MAX_TEXT, placeholders, render
from tests.unit.alerts.scene import Scene


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{value:.1%} of {volume:,.0f} from {source}", "31.4% of 12,000 from web"),
        ("{value} {threshold}", "0.314159 0.2"),
        ("{{{source}}}", "{web}"),
        ("{missing} {nothing} {none:.1f}", "- - -"),
        ("plain", "plain"),
    ],
)
def test_a_template_is_filled(template, said):
    fields = {"value": 0.314159265, "threshold": 0.2, "volume": 12000.0, "source": "web", "nothing": "", "none": None}
    assert render(template, fields) == said


def test_placeholders_are_the_names_a_template_asks_for():
    assert placeholders("{value:.1%} {{no}} {source} {value}") == {"value", "source"}


@pytest.mark.parametrize(
    "template",
    ["{", "}", "{}", "{0}", "{a.b}", "{a[0]}", "{value!r}", "{source:>9}", "{value:999999999}", "{value:{volume}}",
     "{a b}", "{value:x}", "{value.__class__}"],
)  # fmt: skip
def test_what_is_no_plain_name_is_refused(template):
    with pytest.raises(ValueError, match=r"placeholder|format|brace|'\{'|'\}'"):
        placeholders(template)


def test_a_hostile_label_stays_on_its_line_and_is_cut():
    said = render("{source}!", {"source": "a\nFIRED b\x1b[31m\u202e{value}" + "x" * 1000})
    assert said.startswith("a\\nFIRED b\\u001b[31m\\u202e{value}xx")
    assert said.isprintable()
    assert len(said) <= 6 * MAX_TEXT + 1


def test_an_alert_says_its_message():
    scene = Scene(
        "kind: frequency, where: {event: dq_gate.rule.crashed}, group_by: [rule_id], above: 0, within: 1m, "
        "message: '{alert} ({severity}): {rule_id} {value:.0f} > {threshold:.0f} at {at}'"
    )
    alerts = []
    scene._keep = alerts.extend
    scene.event(0, "rule.crashed", rule_id="a.b\n")
    scene.ends()
    assert [alert.message for alert in alerts] == [
        "rule-0 (page): a.b\\n 1 > 0 at 2023-11-14T22:13:20.000Z",
    ]
