"""Case files: what they find, and how precisely they are refused."""

from __future__ import annotations

import gzip
import json

import pytest

from dq_gate.alerts.testing.cases import Firing, run_cases
from dq_gate.errors import AlertRuleError

RULES = """\
alerts:
  - name: crashes
    kind: frequency
    where: {event: dq_gate.rule.crashed}
    group_by: [rule_id]
    above: 0
    within: 5m
    severity: page
"""
CASE = """\
rules: alerts.yaml
cases:
  - name: one crash
    events:
      - {at: 0s, every: 10s, times: 90, event: dq_gate.window.closed}
      - {at: 2m, event: dq_gate.rule.crashed, rule_id: r}
    expect:
      - {at: 1m, alerts: []}
      - {at: 3m, alerts: [{alert: crashes, group: {rule_id: r}}]}
      - {at: 12m, alerts: []}
    fired: {crashes: 1}
    resolved: {crashes: 1}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "alerts.yaml").write_text(RULES, encoding="utf-8")
    return tmp_path


def run(folder, text):
    path = folder / "case.yaml"
    path.write_text(text, encoding="utf-8")
    return list(run_cases(path))


def test_a_case_holds_when_every_minute_is_as_expected(folder):
    (result,) = run(folder, CASE)
    assert (result.name, result.line, result.holds) == ("one crash", 3, True)


def test_a_minute_that_is_otherwise_tells_what_was_expected_and_what_came(folder):
    (result,) = run(folder, CASE.replace("{at: 1m, alerts: []}", "{at: 4m, alerts: []}"))
    failed = [moment for moment in result.moments if not moment.holds]
    assert [(moment.at, moment.expected, moment.got) for moment in failed] == [
        (240_000, (), (Firing("crashes", {"rule_id": "r"}),))
    ]
    assert not result.holds


def test_a_total_that_is_otherwise_fails(folder):
    (result,) = run(folder, CASE.replace("fired: {crashes: 1}", "fired: {}"))
    assert [(total.what, total.alert, total.expected, total.got) for total in result.totals if not total.holds] == [
        ("fired", "crashes", 0, 1)
    ]


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_a_log_is_read_as_it_was_written(folder, name):
    lines = [
        {"timestamp": f"2025-01-01T00:0{minute}:00Z", "event": "dq_gate.rule.crashed", "rule_id": "r", "process": "p"}
        for minute in range(3)
    ]
    text = "not ours\n" + "".join(json.dumps(line) + "\n" for line in lines)
    data = text.encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    (result,) = run(folder, f"rules: alerts.yaml\ncases:\n  - {{name: n, log: {name}, fired: {{crashes: 1}}}}\n")
    assert result.holds


def test_other_rules_can_be_tried(folder):
    (folder / "strict.yaml").write_text(RULES.replace("above: 0", "above: 5"), encoding="utf-8")
    path = folder / "case.yaml"
    path.write_text(CASE, encoding="utf-8")
    (result,) = run_cases(path, folder / "strict.yaml")
    assert not result.holds


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cases:", "casse:", "case.yaml:2: unknown key 'casse'"),
        ("- {at: 1m, alerts: []}", "- {at: soon, alerts: []}", "case.yaml:8: cases.expect.at: not a duration"),
        ("{alert: crashes, ", "{alert: crashs, ", "case.yaml:9: the rules have no alert 'crashs'"),
        ("group: {rule_id: r}", "group: {source: r}", "case.yaml:9: crashes is told apart by: rule_id"),
        ("fired: {crashes: 1}", "fired: {crash: 1}", "case.yaml:11: the rules have no alert 'crash'"),
        ("    events:\n", "    log: none.jsonl\n    events:\n", "give either log or events"),
        ("rules: alerts.yaml", "rules: other.yaml", "other.yaml"),
    ],
)
def test_a_mistake_is_told_with_its_line(folder, old, new, message):
    with pytest.raises(AlertRuleError) as caught:
        run(folder, CASE.replace(old, new))
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"no gzip"])
def test_a_log_that_cannot_be_read_is_told_with_its_line(folder, content):
    if content is not None:
        (folder / "log.jsonl.gz").write_bytes(content)
    with pytest.raises(AlertRuleError, match=r"case\.yaml:3: .*log"):
        run(folder, "rules: alerts.yaml\ncases:\n  - {name: n, log: log.jsonl.gz, fired: {}}\n")
