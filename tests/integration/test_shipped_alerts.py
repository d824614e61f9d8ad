"""The alerts that travel with dq_gate: each proves itself, and sends whoever is called to a page that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from dq_gate.alerts.examples import run_examples
from dq_gate.alerts.load import gaps, load_rules

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
