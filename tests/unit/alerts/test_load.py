"""An alert file is written by hand, at night, in haste: each mistake must name its line and the way out."""

from __future__ import annotations

import re

import pytest

from dq_gate.alerts.load import load_pack, parse_rules
from dq_gate.alerts.rules import KINDS, AbsenceRule, FrequencyRule, RatioRule
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
        (("severity: ticket", "inhibit: [nothing]\n    severity: ticket"), 11, "there is no alert 'nothing'"),
        (("severity: ticket", "inhibit: [quarantine-ratio-high]\n    severity: ticket"), 11, "cannot inhibit itself"),
        (("severity: ticket", "mute: [{day: [mon]}]\n    severity: ticket"), 11, "did you mean 'days'?"),
        (("severity: ticket", "mute: [{days: [monday]}]\n    severity: ticket"), 11, "'mon', 'tue'"),
        (("severity: ticket", "message: '{valu}'\n    severity: ticket"), 11, "did you mean 'value'?"),
        (("severity: ticket", "message: '{rule_id}'\n    severity: ticket"), 11, "there is no {rule_id} in it"),
        (("severity: ticket", "message: '{source:.1%}'\n    severity: ticket"), 11, "takes no format spec"),
        (("severity: ticket", "message: '{value:.1q}'\n    severity: ticket"), 11, "no format spec"),
        (("severity: ticket", "message: '{value:9999999}'\n    severity: ticket"), 11, "no format spec"),
        (("severity: ticket", "message: '{value.real}'\n    severity: ticket"), 11, "plain name"),
        (("severity: ticket", "message: '{value[0]}'\n    severity: ticket"), 11, "plain name"),
        (("severity: ticket", "message: '{value!r}'\n    severity: ticket"), 11, "plain name"),
        (("severity: ticket", "message: '{value'\n    severity: ticket"), 11, "expected '}'"),
        (("above: 0.2", "above: 0.2\n    resolve_below: 0.3"), 2, "must not be more than it"),
        (("above: 0.2", "above: 0.2\n    resolve_above: 0.1"), 2, "resolve_above goes with below"),
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


def kind(text, event="dq_gate.input.quarantined"):
    """One alert of a kind, each of its keys on a line: those of `text` from line 4 on."""
    lines = ["alerts:", "  - name: tested", f"    where: {{event: {event}}}", *text.split("; ")]
    return "\n".join([*lines[:3], *(f"    {line}" for line in lines[3:]), "    severity: info"]) + "\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("kind: threshold; within: 5m; above: 1; field: latency", 7, "did you mean 'latency_us'?"),
        (
            "kind: threshold; within: 5m; above: 1; field: stored",
            7,
            "'stored' is no number of dq_gate.input.quarantined",
        ),
        ("kind: threshold; within: 5m; above: 1; field: rules.a.b", 7, "is no number"),
        ("kind: threshold; within: 5m; above: 1; field: put_ms; aggregate: mean", 8, "'last', 'max'"),
        ("kind: spike; within: 5m; reference: 1m; factor: 3", 6, "must not be shorter than within"),
        ("kind: spike; within: 5m; reference: 1h; factor: 1", 7, "greater than 1"),
        ("kind: spike; within: 5m; reference: 1h; factor: 3; direction: sideways", 8, "'up', 'down' or 'both'"),
        ("kind: spike; within: 5m; reference: 1h; factor: 3; offset: 29d", 8, "must not be more than 200 times"),
        ("kind: spike; within: 5m; reference: 2d; factor: 3; offset: 29d", 6, "further back than 30d"),
        ("kind: flatline; within: 5m; reference: 1m", 6, "must not be shorter than within"),
        ("kind: flatline; within: 1d; reference: 30d", 6, "further back than 30d"),
        ("kind: flatline; within: 5m; reference: 1h; below: 0.5", 7, "valid integer"),
        ("kind: new_term; within: 1h; field: rule", 6, "did you mean 'rules'?"),
        ("kind: new_term; within: 1h; field: source; group_by: [source]", 6, "is in group_by too"),
        ("kind: new_term; within: 1h; field: rules; for: 1h", 7, "must be less than within"),
        ("kind: new_term; within: 1h; field: rules; memory: 1m", 7, "must not be shorter than within"),
        ("kind: new_term; within: 1h; field: rules; memory: 2h; learn: 3h", 8, "must not be longer than memory"),
        ("kind: cardinality; within: 1h; field: source; above: 1; group_by: [source]", 6, "is in group_by too"),
        ("kind: cardinality; within: 1h; field: put; above: 1", 6, "has no field 'put'"),
        ("kind: change; within: 1h; field: rules", 6, "has no field 'rules' to tell values apart by"),
        ("kind: change; within: 1h; field: source; for: 1h", 7, "must be less than within"),
        ("kind: frequency; within: 5m; above: 1; count: input", 7, "'lines' or 'inputs'"),
        (
            "kind: frequency; within: 5m; above: 1; count: inputs; group_by: [stored]",
            8,
            "inputs are not counted by 'stored'",
        ),
        ("kind: new_term; within: 5m; count: inputs; field: rules", 7, "did you mean 'rule_id'?"),
        ("kind: burn_rate; of: inputs; objective: 1; windows: [{long: 1h, short: 5m, factor: 2}]", 6, "less than 1"),
        ("kind: burn_rate; of: inputs; objective: 0.9; windows: []", 7, "at least 1 item"),
        (
            "kind: burn_rate; of: inputs; objective: 0.9; windows: [{long: 1h, short: 1h, factor: 2}]",
            7,
            "shorter than long",
        ),
        (
            "kind: burn_rate; of: inputs; objective: 0.9; windows: [{long: 31d, short: 1h, factor: 2}]",
            7,
            "longer than 30d",
        ),
        (
            "kind: burn_rate; of: inputs; objective: 0.9; windows: [{long: 1h, short: 5m, factor: 14.4}]",
            7,
            "never reached",
        ),
        (
            "kind: burn_rate; of: inputs; objective: 0.9; windows: [{long: 1h, short: 5m, factor: 2, lang: 1h}]",
            7,
            "did you mean 'long'?",
        ),
        (
            "kind: burn_rate; of: inputs; objective: 0.9; windows: [{long: 1h, short: 5m, factor: 2}]; within: 1h",
            8,
            "unknown key 'within'",
        ),
    ],
)
def test_what_contradicts_itself_in_a_kind_is_named_with_its_line(text, line, said):
    with pytest.raises(AlertRuleError) as caught:
        parse_rules(kind(text))
    assert str(caught.value).startswith(f"alerts.yaml:{line}: alert tested: ")
    assert said in str(caught.value)


def test_only_events_that_windows_count_can_be_counted_as_inputs():
    text = "kind: frequency; within: 5m; above: 1; count: inputs"
    with pytest.raises(
        AlertRuleError, match=r"where must name events that windows count inputs by: dq_gate\.input\.admitted"
    ):
        parse_rules(kind(text, "dq_gate.rule.crashed"))
    with pytest.raises(AlertRuleError, match=r"where must name dq_gate\.input\.quarantined alone"):
        parse_rules(kind(text + "; group_by: [rule_id]", "dq_gate.input.repaired"))


def test_alerts_do_not_inhibit_each_other_in_a_circle():
    def alert(name, *inhibited):
        return (
            f"  - {{name: {name}, kind: absence, where: {{level: info}}, within: 1m, severity: info, "
            f"inhibit: [{', '.join(inhibited)}]}}\n"
        )

    assert parse_rules("alerts:\n" + alert("a", "b", "c") + alert("b", "c") + alert("c"))
    with pytest.raises(AlertRuleError, match=r"alerts\.yaml:2: alert a: inhibits in a circle: 'b' inhibits 'a'"):
        parse_rules("alerts:\n" + alert("a", "b") + alert("b", "c") + alert("c", "a"))


def test_every_kind_is_read_with_what_it_must_say_and_no_more():
    least = {
        "frequency": "within: 5m, above: 1",
        "ratio": "within: 5m, above: 0.1, of: inputs",
        "threshold": "within: 5m, above: 1, field: put_ms",
        "spike": "within: 5m, reference: 1h, factor: 3",
        "flatline": "within: 5m, reference: 1h",
        "new_term": "within: 5m, field: rules",
        "cardinality": "within: 5m, field: rules, above: 3",
        "change": "within: 5m, field: pack_digest",
        "absence": "within: 5m",
        "burn_rate": "of: inputs, objective: 0.99, windows: [{long: 1h, short: 5m, factor: 14.4}]",
    }
    assert least.keys() == KINDS.keys()
    for name, text in least.items():
        (rule,) = parse_rules(
            f"alerts: [{{name: a, kind: {name}, where: {{event: dq_gate.input.quarantined}}, severity: info, {text}}}]"
        )
        assert (type(rule), rule.kind) == (KINDS[name], name)
        assert rule.threshold >= 0
        assert rule.within >= 300_000


def test_a_file_is_a_pack_with_a_name_and_a_digest_of_what_its_rules_say(tmp_path):
    path = tmp_path / "support-bot.yaml"
    path.write_text(GOOD, encoding="utf-8")
    pack = load_pack(path)
    assert (pack.name, [rule.name for rule in pack.rules]) == ("support-bot", ["quarantine-ratio-high"])
    path.write_text("# a comment\npack: support\n" + GOOD, encoding="utf-8")
    assert (load_pack(path).name, load_pack(path).digest) == ("support", pack.digest)
    path.write_text(GOOD.replace("above: 0.2", "above: 0.3"), encoding="utf-8")
    assert load_pack(path).digest != pack.digest


def test_a_pack_has_a_name_that_can_be_a_files(tmp_path):
    path = tmp_path / "My Alerts.yaml"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(AlertRuleError, match="write `pack: NAME` in it"):
        load_pack(path)
    for name in ("../up", "", "UPPER", "a" * 65, "[a]"):
        path.write_text(f"pack: {name}\n{GOOD}", encoding="utf-8")
        with pytest.raises(AlertRuleError, match=re.escape(f"{path}:1: pack must be")):
            load_pack(path)
