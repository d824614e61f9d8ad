"""`dq-gate alerts export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.alerts.options import Rules
from dq_gate.cli.output import note
from dq_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from dq_gate.alerts.export.prometheus import Export

RULES_FILE = "dq_gate.rules.yml"
TESTS_FILE = "dq_gate.tests.yml"
SLOW_TESTS_FILE = "dq_gate.tests.{step}.yml"
DASHBOARD_FILE = "dq_gate.dashboard.json"


def export(
    prometheus: Annotated[
        bool, typer.Option("--prometheus", help=f"Prometheus rules and promtool tests: {RULES_FILE}, {TESTS_FILE}.")
    ] = False,
    grafana: Annotated[bool, typer.Option("--grafana", help=f"A Grafana dashboard: {DASHBOARD_FILE}.")] = False,
    rules: Rules = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when a rule cannot be exported.")] = False,
) -> None:
    """Write alert rules for Prometheus, with the unit tests that prove them, or a dashboard for Grafana.

    Tests of rules that look back for hours or days are in files of their own, by how often they look:
    dq_gate.tests.5m.yml, dq_gate.tests.1h.yml.

    Rules that PromQL cannot say over the metrics of a gate are named on stderr and in the file, with the reason.

    \b
    dq-gate alerts export --prometheus --out /etc/prometheus/rules
    promtool test rules /etc/prometheus/rules/dq_gate.tests*.yml
    """  # noqa: D301 - \b keeps the examples' lines apart
    if not prometheus and not grafana:
        raise ConfigurationError("say what for: --prometheus or --grafana")
    files: dict[str, str] = {}
    left_out = False
    if prometheus:
        exported = _export(rules)
        left_out = bool(exported.left_out)
        files |= _prometheus_files(exported)
    if grafana:
        files[DASHBOARD_FILE] = _dashboard()
    _write(files, out, force=force)
    if strict and left_out:
        raise typer.Exit(FINDINGS)


def _export(rules: Path | None) -> Export:
    """The rules in PromQL; says on stderr what is left out, and what differs."""
    from dq_gate.alerts.export.prometheus import export as export_rules
    from dq_gate.alerts.load import load_pack

    pack = load_pack(rules)
    exported = export_rules(pack.name, pack.rules)
    for one in exported.left_out:
        note(f"{one.alert}: not exported: {one.reason}")
    for rule in exported.exported:
        for difference in rule.notes:
            note(f"{rule.rule.name}: differs: {difference}")
    note(f"{len(exported.exported)} of {len(pack.rules)} alerts exported")
    return exported


def _prometheus_files(exported: Export) -> dict[str, str]:
    from dq_gate.alerts.export.promql import duration
    from dq_gate.alerts.export.promtool import STEP_MS, unit_tests

    tests = unit_tests(exported, RULES_FILE)
    names = {step: TESTS_FILE if step == STEP_MS else SLOW_TESTS_FILE.format(step=duration(step)) for step in tests}
    return {RULES_FILE: exported.rules_file(), **{names[step]: text for step, text in tests.items()}}


def _dashboard() -> str:
    import json

    from dq_gate.signals.dashboard import dashboard

    return json.dumps(dashboard(), indent=2) + "\n"


def _write(files: dict[str, str], folder: Path, *, force: bool) -> None:
    """Write all files or none: none of them may be there, unless forced."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        if not force and (folder / name).exists():
            raise ConfigurationError(f"{folder / name} is there already; add --force to write over it")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        note(f"wrote {folder / name}")
