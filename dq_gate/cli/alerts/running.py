"""`dq-gate alerts run`."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.alerts.options import Rules, State, alert_state
from dq_gate.cli.alerts.printing import account_record, printer, reading, summarise, telling_losses
from dq_gate.cli.options import OutputFormat, cli_settings
from dq_gate.cli.output import note
from dq_gate.cli.signals import default_input, json_line, stopped_by_signals
from dq_gate.errors import AlertStateError, BackendUnavailableError, ConfigurationError, LeaseLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from threading import Event

    from dq_gate.alerts.evaluation.engine import Engine
    from dq_gate.alerts.load import AlertPack
    from dq_gate.alerts.service import Account
    from dq_gate.alerts.sources.merge import Inputs
    from dq_gate.alerts.state.contract import StateStore
    from dq_gate.cli.alerts.audience import Audience

InputNames = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        metavar="FILE|-|redis://…",
        help="The lines to read; repeatable. Default: the file that events go to.",
    ),
]
Notify = Annotated[
    list[str] | None,
    typer.Option(
        "--notify",
        metavar="ADDRESS",
        help="Who is told: command:PROGRAM, webhook+https://…, alertmanager+http://…, an apprise URL; with page= or "
        "page,ticket= before it only of these. Repeatable. Default: the setting `notify`.",
    ),
]


def run(
    inputs: InputNames = None,
    rules: Rules = None,
    once: Annotated[
        bool, typer.Option("--once", help="Stop at the inputs' end; exit with 1 if an alert fired. Keeps no state.")
    ] = False,
    state: State = None,
    notify: Notify = None,
    format_: Annotated[
        OutputFormat | None,
        typer.Option("--format", help="table, json (with --once) or jsonl. Default: table on a terminal, else jsonl."),
    ] = None,
) -> None:
    """Watch a log, print alerts as they fire and resolve, and tell of them. At the end, states go to stderr.

    Without --once the log is followed, through rotations, until SIGINT, SIGTERM or SIGHUP, or the end of a pipe. What
    was read and said is kept: the next run goes on from there. Of several watches of one alert pack, one is at work.

    \b
    dq-gate alerts run
    dq-gate alerts run --input events.jsonl --once
    dq-gate alerts run --input /var/log/web.jsonl --input 'redis://localhost:6379/0?stream=dq:events'
    dq-gate alerts run --notify page=webhook+https://example.com/hook --state redis://localhost:6379/0
    kubectl logs -f deploy/support-bot | dq-gate alerts run --input - --rules alerts.yaml --format jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    shape = _shape(format_, once=once)
    keeps_state = not once or state is not None
    printed: list[dict[str, Any]] = []
    task = _task(inputs, rules, notify, printer(shape, printed), once=once, keeps_state=keeps_state)
    with stopped_by_signals(enabled=not once) as stop:
        account = _stand_by_and_watch(task, state, stop) if keeps_state else _replay(task, stop)
    if account is None:
        return
    if shape is OutputFormat.JSON:
        states = [asdict(status) for status in account.states]
        typer.echo(json_line({"alerts": printed, "states": states, "account": account_record(account)}))
    summarise(account)
    if once and account.fired:
        raise typer.Exit(FINDINGS)


def _shape(format_: OutputFormat | None, *, once: bool) -> OutputFormat:
    shape = format_ or (OutputFormat.TABLE if sys.stdout.isatty() else OutputFormat.JSONL)
    if shape is OutputFormat.JSON and not once:
        raise ConfigurationError(
            "--format json is one document, and a followed log has no end; add --once or use jsonl"
        )
    return shape


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be watched, and who is told."""

    pack: AlertPack
    inputs: Sequence[str]
    audience: Audience
    once: bool

    def open_inputs(self, positions: Mapping[str, Any] | None, engine: Engine) -> Inputs:
        from dq_gate.alerts.sources import open_sources
        from dq_gate.gate.runtime import redis_options

        return open_sources(
            self.inputs,
            follow=not self.once,
            positions=positions,
            ignored=engine.ignored,
            redis=redis_options(cli_settings()),
            say=note,
        )


def _task(
    inputs: Sequence[str] | None,
    rules: Path | None,
    notify: Sequence[str] | None,
    show: Callable[[Mapping[str, Any]], None],
    *,
    once: bool,
    keeps_state: bool,
) -> _Task:
    from dq_gate.alerts.load import load_pack
    from dq_gate.alerts.notify.address import open_recipients
    from dq_gate.cli.alerts.audience import Audience

    settings = cli_settings()
    # A replay of last week's log must not call anybody who was not named for it.
    words = notify or (settings.notify if keeps_state else ())
    recipients = open_recipients(words, webhook_secret=settings.webhook_secret)
    return _Task(load_pack(rules), inputs or [default_input()], Audience(recipients, show), once)


def _replay(task: _Task, stop: Event) -> Account:
    """Evaluate what is there, from its start, and keep nothing."""
    from dq_gate.alerts.evaluation.engine import Engine
    from dq_gate.alerts.keeping import Replay
    from dq_gate.alerts.notify.outbox import MemoryOutbox
    from dq_gate.alerts.service import Watch

    outbox, engine = MemoryOutbox(), Engine(task.pack.rules)
    watch = Watch(task.open_inputs(None, engine), engine, clock=_now_ms, is_live=False)
    with task.audience.served_from(outbox, is_kept=False) as deliver:

        def tell(record: dict[str, Any]) -> None:
            outbox.add(task.audience.addressed(record))
            deliver()

        with reading(watch.inputs) as tick:
            watch.run(Replay(tell), stop, tick)
        watch.conclude(Replay(tell))
        task.audience.drain()
    return watch.account()


def _stand_by_and_watch(task: _Task, address: str | None, stop: Event) -> Account | None:
    """Watch as the pack's one evaluator, once it is this one's turn; None when it never was."""
    store, name = alert_state(task.pack.name, address), task.pack.name
    patience = _already_set() if task.once else stop
    with contextlib.closing(store):
        while store.acquire(patience, lambda holder: note(f"{holder} watches the alert pack {name!r}; standing by")):
            try:
                return _watch(task, store, stop)
            except LeaseLostError:
                note(f"another evaluator took over the alert pack {name!r}; standing by")
                store.close()
    if task.once:
        raise BackendUnavailableError(
            f"another evaluator is watching the alert pack {name!r}; stop it, or leave out --state to keep nothing"
        )
    return None


def _watch(task: _Task, store: StateStore, stop: Event) -> Account:
    """Go on from where the last evaluator stood."""
    from dq_gate.alerts.keeping import Commits
    from dq_gate.alerts.service import Watch, engine_from

    saved = store.load()
    try:
        engine, removed = engine_from(task.pack.rules, saved)
        inputs = task.open_inputs(saved.positions, engine)
    except AlertStateError as error:
        raise AlertStateError(f"{error}; {store.way_out}") from None
    watch = Watch(inputs, engine, clock=_now_ms, is_live=not task.once)
    with task.audience.served_from(store, is_kept=True) as deliver:
        commits = Commits(
            store,
            watch.state,
            engine.take_transitions,
            address=task.audience.addressed,
            deliver=deliver,
            say=note,
            stop=stop,
        )
        commits.take(removed)
        with reading(watch.inputs) if task.once else telling_losses(watch) as tick:
            watch.run(commits, stop, tick)
        commits.finish()
        if task.once:
            task.audience.drain()
    return watch.account()


def _already_set() -> Event:
    event = threading.Event()
    event.set()
    return event


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
