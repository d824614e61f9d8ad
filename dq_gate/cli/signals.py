"""`dq-gate signals`: the event log, made readable."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli.options import Format, OutputFormat, cli_settings
from dq_gate.cli.output import note, safe, when
from dq_gate.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq_gate.alerts.sources.lines import Event
    from dq_gate.alerts.sources.merge import Inputs

app = typer.Typer(help="Read the event log.", no_args_is_help=True)

_COLOURS = {"error": typer.colors.RED, "warning": typer.colors.YELLOW, "debug": typer.colors.BRIGHT_BLACK}

Input = Annotated[
    str | None,
    typer.Option("--input", metavar="FILE|-|redis://…", help="The lines to read. Default: the file that events go to."),
]
EventNames = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="NAME", help="Only this event, such as input.quarantined; repeatable."),
]


@app.callback()
def _signals() -> None:
    """Read the event log."""


@app.command()
def tail(
    input_: Input = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on as the log grows.")] = False,
    events: EventNames = None,
    format_: Format = OutputFormat.TABLE,
) -> None:
    """Print events for reading, one a line; lines of others are skipped and counted.

    \b
    dq-gate signals tail
    dq-gate signals tail --follow --event input.quarantined --event rule.crashed
    journalctl -u support-bot -o cat | dq-gate signals tail --input -
    """  # noqa: D301 - \b keeps the examples' lines apart
    if follow and format_ is OutputFormat.JSON:
        raise ConfigurationError("--format json is one document, and a followed log has no end; use jsonl")
    wanted = frozenset(map(_event_name, events or ()))
    inputs = _open(input_ or default_input(), follow=follow)
    with stopped_by_signals(enabled=follow) as stop:
        found = (event for batch in inputs.batches(stop) for event in batch)
        _print((event for event in found if not wanted or event[0]["event"] in wanted), format_)
    ours = inputs.lines - inputs.foreign - inputs.broken
    note(f"{ours} events; skipped {inputs.foreign} foreign and {inputs.broken} broken lines")


@app.command()
def schema() -> None:
    """Print the JSON Schema that every event line follows.

    \b
    dq-gate signals schema > events.schema.json
    """  # noqa: D301 - \b keeps the example's line apart
    from dq_gate.events.schema import event_schema

    typer.echo(json.dumps(event_schema(), indent=2))


def logged_events(input_: str | None) -> Iterator[dict[str, Any]]:
    """The events of a log as it is now; of none where the file that events go to is not there yet."""
    if input_ is None and not Path(default_input()).exists():
        return
    for batch in _open(input_ or default_input(), follow=False).batches(threading.Event()):
        for record, _ in batch:
            yield record


def default_input() -> str:
    """The file that events go to: the setting `log`, or the CLI's own."""
    from dq_gate.settings import log_file

    settings = cli_settings()
    return log_file(settings.log) or str(settings.state_dir / "events.jsonl")


@contextlib.contextmanager
def stopped_by_signals(*, enabled: bool) -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set, where a command is to end well at any time.

    A SIGHUP that is ignored, as under nohup, stays so.
    """
    stop = threading.Event()
    if not enabled:
        yield stop
        return
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    numbers = [number for number in ends if signal.getsignal(number) is not signal.SIG_IGN]
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def json_line(value: Any) -> str:
    """A value as one line of JSON in printable ASCII: no terminal obeys it, whatever the log holds."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _event_name(name: str) -> str:
    from dq_gate.events import CATALOGUE, PREFIX

    full = name if name.startswith(PREFIX) else PREFIX + name
    if full not in CATALOGUE:
        short = [known.removeprefix(PREFIX) for known in CATALOGUE]
        raise ConfigurationError(f"no event {name!r}{did_you_mean(name, short)}")
    return full


def _open(input_: str, *, follow: bool) -> Inputs:
    from dq_gate.alerts.sources import open_sources
    from dq_gate.gate.runtime import redis_options

    return open_sources([input_], follow=follow, redis=redis_options(cli_settings()), say=note)


def _print(events: Iterable[Event], format_: OutputFormat) -> None:
    match format_:
        case OutputFormat.TABLE:
            for record, at in events:
                typer.secho(_text(record, at), fg=_COLOURS.get(str(record.get("level"))))
        case OutputFormat.JSONL:
            for record, _ in events:
                typer.echo(json_line(record))
        case OutputFormat.JSON:
            separator = "["
            for record, _ in events:
                typer.echo(separator + json_line(record), nl=False)
                separator = ",\n"
            typer.echo("[]" if separator == "[" else "]")


def _text(record: dict[str, Any], at: int) -> str:
    """When, how grave, what, where from, and the event's own facts."""
    from dq_gate.events import CONTEXT_FIELDS, PREFIX

    head = (
        when(at / 1000),
        f"{record.get('level', '')!s:<7}",
        f"{record['event'].removeprefix(PREFIX):<19}",
        f"{record.get('source', '')!s:<12}",
    )
    counts = _counts(record)
    own = {name: value for name, value in record.items() if name not in CONTEXT_FIELDS and value is not None}
    if counts is not None:
        own = {name: own[name] for name in ("seq", "mode", "dropped") if own.get(name)}
    facts = (f"{name}={_fact(value)}" for name, value in own.items())
    return safe("  ".join((*head, " ".join(facts), counts or "")).rstrip())


def _counts(record: dict[str, Any]) -> str | None:
    """What a window counted, in words; None of anything else."""
    from dq_gate.alerts.evaluation.windows import MalformedWindowError, Windows
    from dq_gate.alerts.fields import WINDOW_CLOSED

    if record["event"] != WINDOW_CLOSED:
        return None
    try:
        (window,) = Windows(with_rules=False).take(record | {"parts": 1})
    except MalformedWindowError:
        return None
    return "; ".join(
        f"{source}: " + ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        for source, counts in window.inputs.items()
    )


def _fact(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value) or "-"
    return json_line(value)
