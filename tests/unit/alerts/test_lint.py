"""What a reviewer of alert rules would say."""

from __future__ import annotations

import pytest

from dq_gate.alerts.testing.lint import lint
from tests.unit.alerts.scene import rule

WHOLE = (
    "runbook: https://example.org/page, summary: s, "
    "examples: {fires: [[{at: 0s, event: dq_gate.rule.crashed}]], quiet: [[{at: 0s}]]}"
)
CRASHES = "kind: frequency, where: {event: dq_gate.rule.crashed}, above: 0, within: 1m"


def problems(text, file=None):
    return [(found.level, found.problem) for found in lint([rule(text)], file)]


def test_a_rule_that_leaves_nothing_open_has_no_findings():
    assert problems(f"{CRASHES}, {WHOLE}") == []


def test_what_is_missing_is_a_warning():
    found = problems(CRASHES)
    assert {level for level, _ in found} == {"warning"}
    assert [problem for _, problem in found] == [
        "has no runbook",
        "has neither summary nor message",
        "has no example that fires it",
        "has no example that leaves it quiet",
    ]


@pytest.mark.parametrize(
    ("text", "level", "words"),
    [
        (
            "kind: ratio, where: {event: dq_gate.rule.crashed}, of: {event: dq_gate.pack.loaded}, above: 1, within: 1m",
            "error",
            "never fires",
        ),
        (
            "kind: ratio, where: {event: dq_gate.input.quarantined}, of: inputs, below: 2, within: 1m",
            "error",
            "always fires",
        ),
        (
            "kind: frequency, where: {event: dq_gate.input.quarantined}, count: inputs, above: 5, within: 5s",
            "error",
            "windows come every 10 s",
        ),
        (f"{CRASHES}, for: 5s", "warning", "waits for nothing"),
        (
            "kind: frequency, where: {event: dq_gate.input.quarantined}, group_by: [entry_id], above: 5, within: 5m",
            "warning",
            "entry_id has values without end",
        ),
    ],
)
def test_rules_that_cannot_do_what_they_say_are_found(text, level, words):
    (found,) = problems(f"{text}, {WHOLE}")
    assert found[0] == level
    assert words in found[1]


def test_a_runbook_is_looked_for_beside_the_file_and_above_it(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("what to do")
    text = f"{CRASHES}, {WHOLE}".replace("https://example.org/page", "docs/page.md#first")
    assert problems(text, tmp_path / "rules" / "alerts.yaml") == []
    ((level, problem),) = problems(text.replace("page.md", "other.md"), tmp_path / "rules" / "alerts.yaml")
    assert (level, "docs/other.md" in problem) == ("warning", True)
