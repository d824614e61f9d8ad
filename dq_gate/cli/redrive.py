"""`dq-gate quarantine redrive`: send released entries through the gate again, and on to where they were bound for."""

from __future__ import annotations

import contextlib
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dq_gate.cli import BY_SIGNAL
from dq_gate.cli.choosing import DryRun, by_id_or_filter, is_everything
from dq_gate.cli.handlers import import_handler, writing_records
from dq_gate.cli.options import Format, OutputFormat, Pack, Quarantine
from dq_gate.cli.outcomes import REASONS, entries, report_forecast, report_results
from dq_gate.cli.output import dump, note, say
from dq_gate.cli.progress import counting
from dq_gate.cli.reviewing import Session, reviewing
from dq_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from dq_gate.gate.gate import Gate
    from dq_gate.gate.redrive import Flow
    from dq_gate.gate.runs import Run
    from dq_gate.review.consumer import RedriveReport
    from dq_gate.review.redrive import Redriven, Redriver
    from dq_gate.review.selection import Selection

_UNTOLD = frozenset({"wrong_state", "not_found", "stopped"})
"""Results that say nothing about an entry which nobody named."""


@by_id_or_filter
def redrive(
    choice: Selection,
    pack: Pack = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="MODULE:FUNCTION", help="Called, or awaited, with each record that passes."),
    ] = None,
    handler: Annotated[str | None, typer.Option("--handler", hidden=True)] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Without --to: the file that what passes is appended to; - is stdout.",
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is released from now on.")] = False,
    rate: Annotated[
        float | None, typer.Option("--rate", metavar="N", help="Begin at most so many entries a second.")
    ] = None,
    dry_run: DryRun = False,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Send released entries through the gate again; what passes goes to a function or, as JSON lines, to stdout.

    Without a choice, all released entries are taken, and shared with whoever else redrives. Waived rules are skipped.
    What fails again is pending again. An entry is redriven once its function returned, or its line is on the disk: a
    function may see one twice, but never misses one; with a parameter `entry_id`, it can tell. SIGTERM ends it after
    the entry at hand. Exits with 1 when an entry is not redriven. JSON has one object an entry: id, result. With
    --dry-run it is one object: action, would, refused, by_state, held, waivers.

    \b
    dq-gate quarantine redrive --out fixed.jsonl
    dq-gate quarantine redrive --to myapp.ingest:index_document --follow --rate 50
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.gate.gate import Gate

    name, file = to or handler, None if out == Path("-") else out
    _refuse_contradictions(choice, name, out, format_, follow=follow, dry_run=dry_run)
    gate = Gate.load(pack)
    with contextlib.ExitStack() as stack:
        handle = import_handler(name) if name else None
        session = stack.enter_context(reviewing(quarantine))
        if dry_run:
            _foretell(session, gate, choice, format_)
            return
        handle = handle or stack.enter_context(writing_records(file))
        if follow:
            _follow(session, gate, handle, rate, format_)
        else:
            _redrive(session, gate, choice, handle, rate, format_)


def _refuse_contradictions(
    choice: Selection, to: str | None, out: Path | None, format_: OutputFormat, *, follow: bool, dry_run: bool
) -> None:
    if to and out:
        raise ConfigurationError("--to and --out exclude each other")
    if format_ is not OutputFormat.TABLE and not (to or dry_run or (out and out != Path("-"))):
        raise ConfigurationError(f"--format {format_} needs --to or --out: stdout carries the records")
    if follow and not is_everything(choice):
        raise ConfigurationError("--follow takes all that is released: name no entries and no filter")
    if follow and dry_run:
        raise ConfigurationError("--follow and --dry-run exclude each other")
    if follow and format_ is OutputFormat.JSON:
        raise ConfigurationError("--follow has no end to make one document of; use --format jsonl")


def _redrive(
    session: Session,
    gate: Gate,
    choice: Selection,
    handle: Callable[..., object],
    rate: float | None,
    format_: OutputFormat,
) -> None:
    """Redrive what is chosen, or all there is, and report on each entry."""
    from dq_gate.review.consumer import Consumer

    results: dict[str, str] = {}
    ids = _chosen(session, gate, choice)
    total = session.store.stats().by_state["released"] if ids is None else len(ids)
    with counting(total) as tick:

        def told(outcome: Redriven) -> None:
            if outcome.result != "stopped" and (ids is not None or outcome.result not in _UNTOLD):
                results[outcome.entry_id] = outcome.result
                tick()

        def flow(run: Run) -> Flow:
            worker = Consumer(session.store, _redriver(session, gate, run, rate=rate), told=told)
            return worker.all() if ids is None else worker.each(ids)

        _, is_stopped = _carry_out(handle, flow)
    done = sum(result == "done" for result in results.values())
    summary = f"{done} of {entries(len(results))} redriven"
    try:
        report_results(list(results.items()), format_, store=session.store, say=note, summary=summary)
    finally:
        if is_stopped:
            raise typer.Exit(BY_SIGNAL + signal.SIGTERM)


def _follow(
    session: Session, gate: Gate, handle: Callable[..., object], rate: float | None, format_: OutputFormat
) -> None:
    """Redrive what is released until a signal comes; what is not redriven is told as it comes."""
    from dq_gate.review.consumer import Consumer

    def told(outcome: Redriven) -> None:
        if outcome.result in _UNTOLD:
            return
        if format_ is OutputFormat.JSONL:
            say(dump({"id": outcome.entry_id, "result": outcome.result}))
        elif outcome.result != "done":
            note(f"{outcome.entry_id}  {REASONS[outcome.result]}")

    def flow(run: Run) -> Flow:
        return Consumer(session.store, _redriver(session, gate, run, rate=rate, follows=True), told=told).follow()

    report, _ = _carry_out(handle, flow)
    note(_summary(report))


def _foretell(session: Session, gate: Gate, choice: Selection, format_: OutputFormat) -> None:
    """Say what a redrive would come to, were no handler to fail."""
    from dq_gate.gate.runs import WaitingRun
    from dq_gate.review.selection import Forecast, snapshot

    found = Forecast()
    ids = snapshot(session.store, choice, ("released",), leave_out=session.left_out.append)
    foresee = _redriver(session, gate, WaitingRun()).foresee
    with counting(len(ids)) as tick:
        for entry_id in ids:
            result = foresee(entry_id).result
            if result == "done":
                found.would += 1
            else:
                found.refused[result] += 1
            tick()
    report_forecast(found, "redrive", format_)


def _chosen(session: Session, gate: Gate, choice: Selection) -> Sequence[str] | None:
    """Ids of the chosen entries; None for all there are.

    Raises:
        ConfigurationError: another pack refused an entry that is named.
    """
    from dq_gate.review.selection import snapshot

    if is_everything(choice):
        return None
    for entry in map(session.store.get, choice.ids):
        if entry is not None and entry.pack != gate.pack.id.name:
            raise ConfigurationError(
                f"entry {entry.id}: another pack than {gate.pack.id.name!r} refused it; use --pack"
            )
    return snapshot(session.store, choice, ("released",), leave_out=session.left_out.append)


def _redriver(session: Session, gate: Gate, run: Run, *, rate: float | None = None, follows: bool = False) -> Redriver:
    from dq_gate.gate.redrive import make_redriver

    return make_redriver(
        session.store,
        session.settings,
        pack=gate.pack.id.name,
        judge=gate.check,
        who=f"{session.review.who}@{socket.gethostname()}" if follows else session.review.who,
        emit=session.emitter.emit,
        run=run,
        rate=rate,
        follows=follows,
    )


def _carry_out(handle: Callable[..., object], flow: Callable[[Run], Flow]) -> tuple[RedriveReport, bool]:
    """Carry out a run, calling or awaiting; what it came to, and whether SIGTERM ended it."""
    import asyncio

    from dq_gate.gate.redrive import adrive, drive, is_awaited
    from dq_gate.gate.runs import AwaitingRun, WaitingRun

    async def awaiting() -> tuple[RedriveReport, bool]:
        run = AwaitingRun()
        with _ended_by_sigterm(run):
            return await adrive(flow(run), handle, run), run.is_stopped()

    if is_awaited(handle):
        return asyncio.run(awaiting())
    run = WaitingRun()
    with _ended_by_sigterm(run):
        return drive(flow(run), handle, run), run.is_stopped()


@contextlib.contextmanager
def _ended_by_sigterm(run: Run) -> Iterator[None]:
    """Let SIGTERM end a run after the entry at hand, and a second one at once."""
    at_once = signal.getsignal(signal.SIGTERM)

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, at_once)
        run.stop()

    if at_once is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, at_once)


def _summary(report: RedriveReport) -> str:
    parts = [f"{entries(report.redriven)} redriven"]
    parts += [f"{count} {what}" for what, count in (("returned", report.returned), ("died", report.died)) if count]
    left = [f"{count} {REASONS[reason]}" for reason, count in report.reasons.items()]
    return ", ".join(parts) + (f"; left: {', '.join(left)}" if left else "")
