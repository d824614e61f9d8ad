"""What is wrong with usable alert rules, or open: unreachable bounds, groups without end, pages that are not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dq_gate.alerts.fields import asks_for_inputs
from dq_gate.alerts.rules import RatioRule
from dq_gate.signals.windows import WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dq_gate.alerts.rules import AlertRule

_WINDOW_MS = round(WINDOW_SECONDS * 1000)

_UNBOUNDED = frozenset({"entry_id", "process", "trace_id", "span_id", "at", "fired_at", "opened_at", "closed_at", "id"})
"""Fields that have a value of their own in every event, process or trace."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a rule.

    Attributes:
        alert: The rule's name.
        level: error (it cannot do what it says) or warning (it leaves something open).
        problem: What it is.
    """

    alert: str
    level: Literal["error", "warning"]
    problem: str


def lint(rules: Sequence[AlertRule], file: Path | None) -> list[Finding]:
    """Look at rules as a reviewer would; errors first.

    Args:
        rules: The rules.
        file: Where they stand, for the pages they name; None for those that travel with dq_gate.
    """
    found = [Finding(rule.name, "error", problem) for rule in rules for problem in _unreachable(rule)]
    warnings = ((rule, problem) for rule in rules for problem in (*_gaps(rule), *_doubts(rule), *_no_page(rule, file)))
    return found + [Finding(rule.name, "warning", problem) for rule, problem in warnings]


def _unreachable(rule: AlertRule) -> Iterator[str]:
    if isinstance(rule, RatioRule) and rule.above is not None and rule.above >= 1:
        yield "above: no share is more than 1; it never fires"
    if isinstance(rule, RatioRule) and rule.below is not None and rule.below > 1:
        yield "below: every share is less than that; it always fires"
    if asks_for_inputs(rule) and rule.within < _WINDOW_MS:
        yield "within: windows come every 10 s; shorter than that they count nothing most of the time"


def _gaps(rule: AlertRule) -> Iterator[str]:
    if rule.runbook is None:
        yield "has no runbook"
    if rule.summary is None and rule.message is None:
        yield "has neither summary nor message"
    if not rule.examples.fires:
        yield "has no example that fires it"
    if not rule.examples.quiet:
        yield "has no example that leaves it quiet"


def _doubts(rule: AlertRule) -> Iterator[str]:
    if 0 < rule.hold_for < _WINDOW_MS:
        yield "for: shorter than a window of 10 s, it waits for nothing"
    for field in rule.group_fields:
        if field in _UNBOUNDED:
            yield f"group_by: {field} has values without end; each makes a group"


def _no_page(rule: AlertRule, file: Path | None) -> Iterator[str]:
    """A runbook that is a path is looked for beside the file, and in the folders above it."""
    if file is None or rule.runbook is None or "://" in rule.runbook:
        return
    page = rule.runbook.partition("#")[0]
    if not any((folder / page).is_file() for folder in file.resolve().parents):
        yield f"runbook: there is no {page} beside the file or in a folder above it"
