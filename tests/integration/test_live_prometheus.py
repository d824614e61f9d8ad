"""A real Prometheus that scrapes a real gate: whatever the exported rules and the dashboard ask for is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dq_gate.alerts.export.prometheus import export
from dq_gate.alerts.load import load_pack
from dq_gate.events import RuleCrashed
from dq_gate.signals import windows
from dq_gate.signals.dashboard import dashboard
from tests.fakes import eventually
from tests.integration.gating import CALM_NO_MORE, CLEAN, refusal
from tests.prometheus_server import PrometheusServer
from tests.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dq_gate import Gate

SELECTOR = re.compile(r"dq_gate_\w+(?:\{[^}]*\})?")
EXPORTED = export("alerts", load_pack().rules)
ASKED_BY_RULES = sorted(
    set(SELECTOR.findall(" ".join(each.text for one in EXPORTED.exported for each in one.expressions)))
)
VARIABLES = {"$__rate_interval": "5s", "$namespace": ".+", "$source": ".+"}


def asked_by_panels() -> Iterator[str]:
    """Every query of the dashboard, as Grafana sends it when all is chosen."""
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"]
            for name, chosen in VARIABLES.items():
                query = query.replace(name, chosen)
            yield query


@pytest.fixture
def target() -> str:
    """Where the gate offers its metrics."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def gate(load: Callable[..., Gate], target: str, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate in a hurry, at work."""
    monkeypatch.setattr(windows, "WINDOW_SECONDS", 0.5)
    monkeypatch.setattr(windows, "TICK_SECONDS", 0.05)
    gate = load(metrics=target)
    gate.admit(CLEAN)
    return gate


@pytest.fixture
def prometheus(gate: Gate, target: str, tmp_path: Path) -> Iterator[PrometheusServer]:
    """A server that scrapes the gate, and evaluates the shipped rules."""
    rules = tmp_path / "rules.yml"
    rules.write_text(EXPORTED.rules_file(), encoding="utf-8")
    with PrometheusServer(tmp_path / "prometheus", targets=[target], rules=[rules]) as server:
        yield server


def test_whatever_rules_and_panels_ask_for_is_there(gate: Gate, prometheus: PrometheusServer) -> None:
    queries = [*ASKED_BY_RULES, *asked_by_panels()]

    def without_data() -> list[str]:
        gate.admit(CLEAN)
        gate.admit(CALM_NO_MORE)
        refusal(gate)
        gate.runtime().emitter.emit(RuleCrashed("query.text.deny", "not_matches", "TypeError"))
        return [query for query in queries if not prometheus.query(query)]

    def firing() -> set[str]:
        return {rule["name"] for rule in prometheus.rules() if rule["state"] == "firing"}

    eventually(lambda: not without_data())
    eventually(firing)
    assert firing() == {"rule-crashing"}
    assert {(rule["health"], rule.get("lastError")) for rule in prometheus.rules()} == {("ok", None)}
