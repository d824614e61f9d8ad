"""The alerts that travel with dq_gate: each proves itself, and sends whoever is called to a page that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dq_gate.alerts.examples import run_examples
from dq_gate.alerts.load import gaps, load_rules, parse_rules

ROOT = Path(__file__).parents[2]
SHIPPED = load_rules()


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.name)
def test_every_example_holds(rule):
    assert [result for result in run_examples(rule) if not result.holds] == []


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.name)
def test_it_leaves_nothing_open_and_its_runbook_is_written(rule):
    assert list(gaps(rule)) == []
    assert rule.summary
    assert rule.name in (ROOT / rule.runbook).read_text(encoding="utf-8")


def test_every_runbook_belongs_to_an_alert():
    written = {path.name for path in (ROOT / "docs/how-to/runbooks").glob("*.md")}
    assert written == {Path(rule.runbook).name for rule in SHIPPED}


def test_the_reference_lists_every_shipped_alert():
    page = (ROOT / "docs/reference/alerts.md").read_text(encoding="utf-8")
    assert [rule.name for rule in SHIPPED if f"`{rule.name}`" not in page] == []


@pytest.mark.parametrize("page", ["reference/alerts.md", "how-to/alert-from-logs.md"])
def test_the_rules_on_a_page_can_be_used_as_they_stand(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    files = re.findall(r"```yaml\n(alerts:\n.*?)```", text, flags=re.DOTALL)
    assert files
    for file in files:
        parse_rules(file, path=page)
