"""What `dq-gate alerts run` prints: alerts as lines and as JSON, what was read, what was lost."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from dq_gate.cli.options import OutputFormat
from dq_gate.cli.output import note, safe
from dq_gate.cli.progress import clear, ticking
from dq_gate.cli.signals import json_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dq_gate.alerts.evaluation.engine import Status
    from dq_gate.alerts.service import Account, Watch
    from dq_gate.alerts.sources.merge import Inputs

_LOSSES = {
    "gone": "files or stream entries were gone before they were read",
    "late": "events came too late",
    "skewed": "events came from clocks that run ahead, and count at another time than they say",
    "duplicates": "windows came twice",
    "missing": "windows are missing",
    "incomplete": "windows lacked parts",
    "evicted": "groups were dropped: their rule has too many",
    "forgotten": "processes were dropped: there are too many",
    "not_numbers": "values were to be numbers and are none",
}
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_BETWEEN_NOTES = 60.0
_MEGABYTE = 1_000_000
_COLOURS = {"page": typer.colors.RED, "ticket": typer.colors.YELLOW, "info": typer.colors.BLUE}


def printer(shape: OutputFormat, kept: list[dict[str, Any]]) -> Callable[[Mapping[str, Any]], None]:
    """What to do with an alert event: print it, or keep it for the document at the end."""
    from dq_gate.events import AlertFired

    def show(alert: Mapping[str, Any]) -> None:
        clear()
        match shape:
            case OutputFormat.TABLE:
                is_firing = alert["event"] == AlertFired.name
                colour = _COLOURS[alert["severity"]] if is_firing else typer.colors.GREEN
                typer.secho(_text(alert, is_firing=is_firing), fg=colour)
            case OutputFormat.JSONL:
                typer.echo(json_line(dict(alert)))
            case OutputFormat.JSON:
                kept.append(dict(alert))

    return show


def _text(alert: Mapping[str, Any], *, is_firing: bool) -> str:
    """An alert as one line: when, what, where, how much, and what to do."""
    what = f"{'FIRED' if is_firing else 'resolved':<8}"
    measured = f"{alert['value']:g} (bound {alert['threshold']:g})"
    parts = [alert["at"], what, f"{alert['severity']:<6}", alert["alert"], labels(alert["group"]), measured]
    if is_firing:
        parts += [alert.get("message") or alert["summary"], f"-> {alert['runbook']}" if alert.get("runbook") else ""]
    return safe("  ".join(part for part in parts if part))


def labels(group: dict[str, str]) -> str:
    """The values of the fields that a rule groups by."""
    return ",".join(f"{name}={value}" for name, value in group.items())


@contextlib.contextmanager
def reading(inputs: Inputs) -> Iterator[Callable[[], None]]:
    """Show on a terminal how much was read; gives what to call now and then."""

    def state(_count: int) -> str:
        read, size = inputs.progress()
        return f"{read / _MEGABYTE:.1f} of {size / _MEGABYTE:.1f} MB, {inputs.lines} lines"

    with ticking(state) as tick:
        yield tick


@contextlib.contextmanager
def telling_losses(watch: Watch) -> Iterator[Callable[[], None]]:
    """Say on stderr, now and then, that more was lost: a watch may run for months before its account.

    Gives what to call often.
    """
    said: dict[str, int] = {}
    next_look = 0.0

    def look() -> None:
        nonlocal said, next_look
        now = time.monotonic()
        if now < next_look:
            return
        lost = {"gone": watch.inputs.lost, **asdict(watch.engine.losses)}
        next_look = now + (_SECONDS_BETWEEN_LOOKS if lost == said else _SECONDS_BETWEEN_NOTES)
        for name, words in _LOSSES.items():
            if lost[name] != said.get(name, 0):
                note(f"so far {lost[name]} {words}")
        said = lost

    yield look


def account_record(account: Account) -> dict[str, Any]:
    """An account as JSON has it."""
    numbers = {"lines": account.lines, "ours": account.ours, "foreign": account.foreign, "broken": account.broken}
    return {**numbers, "fired": account.fired, "gone": account.gone, **asdict(account.losses)}


def summarise(account: Account) -> None:
    """Say on stderr what every rule says at the end, what was read and what was not counted."""
    for state in account.states:
        note(_state(state))
    note(f"{account.lines} lines: {account.ours} events, {account.foreign} foreign, {account.broken} broken")
    if account.lines and not account.ours:
        note("no line is an event of dq_gate: name the file that events go to with --input, in UTF-8")
    lost = account_record(account)
    for name, words in _LOSSES.items():
        if lost[name]:
            note(f"{lost[name]} {words}")


def _state(state: Status) -> str:
    measured = "-" if state.value is None else f"{state.value:.4g}"
    volume = "" if state.volume is None else f" of {state.volume:g}"
    return f"{state.state:<8}  {state.alert}  {labels(state.group)}  {measured}{volume}"
