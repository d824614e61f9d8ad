"""Fixtures for redriving without a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.core.model import Decision, Violation
from dq_gate.core.redrive import Limits
from dq_gate.quarantine.vault import Vault
from dq_gate.review.redrive import Redriver
from tests.fakes import Reports
from tests.unit.review.shelf import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.review.shelf import Shelf


@pytest.fixture
def told() -> Reports:
    """What was reported."""
    return Reports()


@pytest.fixture
def stage() -> Stage:
    """Carries out what a redrive wants."""
    return Stage()


def judge(record: Any, *, waived: frozenset[str]) -> Decision:
    """Refuses a blank query, unless that rule is waived."""
    if record["query"].strip() or "query.text.present" in waived:
        return Decision("clean", record)
    return Decision("quarantined", None, (Violation("query.text.present", "query", "not_blank", "quarantine", "no"),))


@pytest.fixture
def redriver(told: Reports, stage: Stage) -> Callable[..., Redriver]:
    """Makes what redrives the entries of a shelf."""

    def redriver(shelf: Shelf, **options: Any) -> Redriver:
        given: dict[str, Any] = {
            "pack": "query",
            "judge": judge,
            "vault": Vault(),
            "who": "worker-1",
            "emit": told,
            "limits": Limits(max_attempts=3, backoff_s=10.0, backoff_max_s=3600.0, lease_s=60.0),
            "stopped": lambda: False,
            "patience_s": 60.0,
            "clock": stage.clock,
        }
        return Redriver(shelf, **given | options)

    return redriver
