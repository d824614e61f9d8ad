"""`dq-gate alerts`: rules over the event log, in event time."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.options import Format, OutputFormat
from dq_gate.cli.output import note, safe, show
from dq_gate.cli.signals import Input, default_input, json_line, stopped_by_signals
from dq_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.alerts.engine import Alert, Losses, Status
    from dq_gate.alerts.service import Account

app = typer.Typer(help="Watch the event log, try alert rules.", no_args_is_help=True)

Rules = Annotated[
    Path | None, typer.Option("--rules", metavar="FILE", help="Alert rules. Default: those that come with dq_gate.")
]
_COLOURS = {"page": typer.colors.RED, "ticket": typer.colors.YELLOW, "info": typer.colors.BLUE}
_LOSSES = {
    "late": "events came too late",
    "ahead": "events were far ahead of the clock",
    "duplicates": "windows came twice",
    "missing": "windows are missing",
    "incomplete": "windows lacked parts",
    "evicted": "groups were dropped: their rule has too many",
    "forgotten": "processes were dropped: there are too many",
}
_SECONDS_BETWEEN_NOTES = 60.0


@app.command()
def run(
    input_: Input = None,
    rules: Rules = None,
    once: Annotated[
        bool, typer.Option("--once", help="Stop at the input's end; exit with 1 if an alert fired.")
    ] = False,
    format_: Annotated[
        OutputFormat | None,
        typer.Option("--format", help="table, json (with --once) or jsonl. Default: table on a terminal, else jsonl."),
    ] = None,
) -> None:
    """Watch a log and print alerts as they fire and resolve. What every rule says at the end goes to stderr.

    Without --once the log is followed, through rotations, until SIGINT or SIGTERM, or the end of a pipe.

    \b
    dq-gate alerts run
    dq-gate alerts run --input events.jsonl --once
    kubectl logs -f deploy/support-bot | dq-gate alerts run --input - --rules alerts.yaml --format jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.alerts.follow import open_source
    from dq_gate.alerts.load import load_rules
    from dq_gate.alerts.service import watch

    shape = format_ or (OutputFormat.TABLE if sys.stdout.isatty() else OutputFormat.JSONL)
    if shape is OutputFormat.JSON and not once:
        raise ConfigurationError(
            "--format json is one document, and a followed log has no end; add --once or use jsonl"
        )
    loaded = load_rules(rules)
    source = open_source(input_ or default_input(), follow=not once)
    alerts: list[dict[str, Any]] = []
    emit = _printer(shape, alerts)
    with stopped_by_signals(enabled=not once) as stop:
        account = watch(source, loaded, emit=emit, rest=_loss_notes(), clock=_now_ms, live=not once, stop=stop)
    if shape is OutputFormat.JSON:
        states = [asdict(state) for state in account.states]
        typer.echo(json_line({"alerts": alerts, "states": states, "account": _account(account)}))
    _summarise(account)
    if once and account.fired:
        raise typer.Exit(FINDINGS)


@app.command()
def test(rules: Rules = None, format_: Format = OutputFormat.TABLE) -> None:
    """Run the examples in an alert rule file. Exits with 1 when one does not hold.

    \b
    dq-gate alerts test
    dq-gate alerts test --rules alerts.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.alerts.examples import run_examples
    from dq_gate.alerts.load import load_rules

    results = [result for rule in load_rules(rules) for result in run_examples(rule)]
    failed = [asdict(result) for result in results if not result.holds]
    show(failed, format_, ["alert", "expected", "number"], empty=f"all {len(results)} examples hold")
    if failed:
        note(f"{len(failed)} of {len(results)} examples do not hold")
        raise typer.Exit(FINDINGS)


@app.command()
def lint(rules: Rules = None, format_: Format = OutputFormat.TABLE) -> None:
    """Check an alert rule file: errors first, then alerts without a runbook or examples. Exits with 1 on findings.

    \b
    dq-gate alerts lint --rules alerts.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.alerts.load import gaps, load_rules

    loaded = load_rules(rules)
    findings = [{"alert": rule.name, "problem": problem} for rule in loaded for problem in gaps(rule)]
    show(findings, format_, ["alert", "problem"], empty=f"{len(loaded)} alerts, no findings")
    if findings:
        raise typer.Exit(FINDINGS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _printer(shape: OutputFormat, alerts: list[dict[str, Any]]) -> Callable[[Alert], None]:
    """What to do with an alert: print it, or keep it for the document at the end."""

    def emit(alert: Alert) -> None:
        match shape:
            case OutputFormat.TABLE:
                colour = typer.colors.GREEN if alert.level == "info" else _COLOURS[alert.severity]
                typer.secho(_text(alert), fg=colour)
            case OutputFormat.JSONL:
                typer.echo(json_line(_record(alert)))
            case OutputFormat.JSON:
                alerts.append(_record(alert))

    return emit


def _loss_notes() -> Callable[[Losses], None]:
    """What says on stderr, now and then, that more was lost: a watch may run for months before its account."""
    said: dict[str, int] = {}
    next_note = 0.0

    def rest(losses: Losses) -> None:
        nonlocal said, next_note
        lost = asdict(losses)
        if lost != said and time.monotonic() >= next_note:
            for name, words in _LOSSES.items():
                if lost[name] != said.get(name, 0):
                    note(f"so far {lost[name]} {words}")
            said, next_note = lost, time.monotonic() + _SECONDS_BETWEEN_NOTES

    return rest


def _record(alert: Alert) -> dict[str, Any]:
    """An alert as an event line."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"timestamp": now, "level": alert.level, "event": alert.name, **alert.payload()}


def _text(alert: Alert) -> str:
    """An alert as one line: when, what, where, how much, and what to do."""
    from dq_gate.events import AlertFired

    what = "FIRED" if isinstance(alert, AlertFired) else "resolved"
    measured = f"{alert.value:g} (bound {alert.threshold:g})"
    parts = [alert.at, f"{what:<8}", f"{alert.severity:<6}", alert.alert, _labels(alert.group), measured]
    if isinstance(alert, AlertFired):
        parts += [alert.summary, f"-> {alert.runbook}" if alert.runbook else ""]
    return safe("  ".join(part for part in parts if part))


def _labels(group: dict[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in group.items())


def _account(account: Account) -> dict[str, Any]:
    numbers = {"lines": account.lines, "ours": account.ours, "foreign": account.foreign, "broken": account.broken}
    return {**numbers, "fired": account.fired, **asdict(account.losses)}


def _summarise(account: Account) -> None:
    """Say on stderr what every rule says at the end, what was read and what was not counted."""
    for state in account.states:
        note(_state(state))
    note(f"{account.lines} lines: {account.ours} events, {account.foreign} foreign, {account.broken} broken")
    losses = asdict(account.losses)
    for name, words in _LOSSES.items():
        if losses[name]:
            note(f"{losses[name]} {words}")


def _state(state: Status) -> str:
    measured = "-" if state.value is None else f"{state.value:.4g}"
    volume = "" if state.volume is None else f" of {state.volume:g}"
    return f"{state.state:<8}  {state.alert}  {_labels(state.group)}  {measured}{volume}"
