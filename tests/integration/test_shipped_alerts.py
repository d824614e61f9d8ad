"""The alerts that travel with dq_gate: each proves itself, and sends whoever is called to a page that exists."""

from __future__ import annotations

import re
import shlex
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.load import load_rules, parse_rules
from dq_gate.alerts.testing.examples import run_examples
from dq_gate.alerts.testing.lint import lint
from dq_gate.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SHIPPED = load_rules()
RUNBOOKS = sorted((ROOT / "docs/how-to/runbooks").glob("*.md"))
COMMAND = re.compile(r"(?:^ *\$ |`)(dq-gate [^`\n]+)", re.MULTILINE)


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.name)
def test_every_example_holds(rule):
    assert [result for result in run_examples(rule) if not result.holds] == []


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.name)
def test_it_leaves_nothing_open_and_its_runbook_is_written(rule):
    assert lint([rule], None) == []
    assert rule.summary
    assert rule.message
    assert (ROOT / rule.runbook).read_text(encoding="utf-8").startswith(f"# {rule.name}\n")


def test_every_runbook_belongs_to_an_alert():
    assert {path.name for path in RUNBOOKS} == {Path(rule.runbook).name for rule in SHIPPED}


def commands(page: Path) -> Iterator[list[str]]:
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        yield shlex.split(line)


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbook_says_what_to_look_at_when_it_is_over_and_how_to_tune_it(page):
    text = page.read_text(encoding="utf-8")
    assert list(commands(page)) != []
    assert all(f"**{part}**" in text for part in ("It is over", "Tune"))


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_every_command_in_a_runbook_can_be_typed(page):
    assert [words for words in commands(page) if not is_understood(words)] == []


def is_understood(words: list[str]) -> bool:
    """Whether the command line knows the command and its options: only then it gets as far as its help."""
    return CliRunner().invoke(app, [*words[1:], "--help"]).exit_code == 0


def test_a_command_that_does_not_exist_would_show():
    assert is_understood(["dq-gate", "quarantine", "list", "--group", "GROUP"])
    assert not is_understood(["dq-gate", "quarantine", "list", "--grouped", "GROUP"])
    assert not is_understood(["dq-gate", "quarantine", "lists"])


class Watched:
    """The shipped alerts over a process that says something every 10 s; alerts come back as (event, alert)."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self._engine = Engine(SHIPPED)
        self._turn, self._seq = count(), count()

    def event(self, name: str, **fields: Any) -> None:
        record = {"event": f"dq_gate.{name}", "namespace": "default", "source": "web", "process": "p", **fields}
        at = 1_740_960_000_000 + 10_000 * next(self._turn)
        self.said += [
            (alert.name.removeprefix("dq_gate.alert."), alert.alert) for alert in self._engine.feed(record, at)
        ]

    def windows(self, times: int, **fields: Any) -> None:
        for _ in range(times):
            self.event("window.closed", seq=next(self._seq), mode="enforce", inputs=[], rules=[], **fields)


def test_a_store_that_is_away_explains_a_spool_that_grows():
    watched = Watched()
    watched.windows(6)
    watched.event("store.degraded", store="redis", error="TimeoutError")
    watched.windows(60, spooled=4000)
    assert watched.said == [("fired", "store-degraded")]
    watched.event("store.restored", store="redis", down_s=600.0)
    watched.windows(12, spooled=0)
    assert watched.said == [("fired", "store-degraded"), ("resolved", "store-degraded")]


def test_a_spool_that_does_not_drain_once_the_store_is_back_is_told_of_then():
    watched = Watched()
    watched.event("store.degraded", store="redis", error="TimeoutError")
    watched.windows(60, spooled=4000)
    watched.event("store.restored", store="redis", down_s=600.0)
    watched.windows(12, spooled=4000)
    assert watched.said == [("fired", "store-degraded"), ("resolved", "store-degraded"), ("fired", "spool-growing")]


def test_entries_that_are_lost_explain_inputs_that_are_stored_nowhere():
    watched = Watched()
    for _ in range(6):
        watched.event("input.quarantined", stored="none")
        watched.windows(1, unkept=1)
    assert watched.said == [("fired", "inputs-not-kept")]


def test_the_reference_lists_every_shipped_alert():
    page = (ROOT / "docs/reference/alerts.md").read_text(encoding="utf-8")
    assert [rule.name for rule in SHIPPED if f"`{rule.name}`" not in page] == []


@pytest.mark.parametrize("page", ["reference/alerts.md", "how-to/alert-from-logs.md", "explanation/alerting.md"])
def test_the_rules_on_a_page_can_be_used_as_they_stand(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    files = re.findall(r"```yaml\n(alerts:\n.*?)```", text, flags=re.DOTALL)
    assert files
    for file in files:
        parse_rules(file, path=page)
