"""`dq-gate quarantine export`, `import`, `purge`, `upgrade`: take entries out, bring them back, keep house."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from dq_gate.cli.choosing import DryRun, Yes, by_id_or_filter, state_of
from dq_gate.cli.options import Format, OutputFormat, Quarantine
from dq_gate.cli.outcomes import completing, entries, report, report_forecast
from dq_gate.cli.output import ask, dump, note, records_output, show_one
from dq_gate.cli.progress import while_counting
from dq_gate.cli.reviewing import DAY_S, Session, reviewing
from dq_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import Entry
    from dq_gate.review.selection import Selection
    from dq_gate.review.service import Outcome


class ExportFormat(StrEnum):
    """How an export is written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


AnyState = Annotated[
    str,
    typer.Option(
        "--state", metavar="STATE", help="pending, leased, released, redriven, discarded, dead, expired, or any."
    ),
]


@by_id_or_filter
def export(
    choice: Selection,
    state: AnyState = "any",
    format_: Annotated[
        ExportFormat, typer.Option("--format", help="jsonl for programs and for import, csv for sheets, or parquet.")
    ] = ExportFormat.JSONL,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The file; without it, or with -, stdout.")
    ] = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="With what the inputs contained. This is recorded.")] = False,
    quarantine: Quarantine = None,
) -> None:
    """Write every matching entry, oldest first; payloads by their shape unless revealed.

    A file gets its name when it is whole, and can be read by you alone. JSONL has one object an entry: export (1),
    revealed, id, namespace, state, created_at, source, pack, pack_digest, group, attempts, seen, replayable, verdict,
    violations, waivers, history, subjects, payload, problem; a revealed payload is what is stored, such as
    {"v":1,"value":{...}}. CSV and Parquet have the columns id, state, created_at, source, pack, rules, reasons, group,
    attempts, seen, replayable, verdict, waived, last_action, last_who, last_at, payload (JSON), problem. CSV is for
    Excel: a cell that would be calculated has a ' before it, an unprintable character is escaped, and a cell of more
    than 32,767 characters is cut. Exits with 1 when an entry could not be read, or its payload not opened.

    \b
    dq-gate quarantine export --state discarded --format csv --out discarded.csv
    dq-gate quarantine export --reveal --source faq > faq.jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    chosen = replace(choice, where=replace(choice.where, state=state_of(state)))
    file = None if out is None or out == Path("-") else out
    if format_ is ExportFormat.PARQUET and file is None and sys.stdout.isatty():
        raise ConfigurationError("Parquet is not for a terminal: add --out FILE")
    problems: list[str] = []
    with reviewing(quarantine) as session, _opened(file) as stream:
        rows = while_counting(_exported(session, chosen, problems, reveal=reveal))
        count = _write(stream, format_, rows)
    if file is not None:
        note(f"{entries(count)} in {file}")
    if problems:
        payloads = "1 payload" if len(problems) == 1 else f"{len(problems)} payloads"
        note(f"{payloads} could not be opened; the first: {problems[0]}")
    if problems or session.left_out:
        raise typer.Exit(1)


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A revealed export in JSONL, or - .")],
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Bring the entries of a revealed export back: under their ids, pending, with nothing decided.

    They count as having come now; their history says when they first did. What is there already stays as it is, so
    that repeating an import does no harm. Exits with 1 when an entry is not brought back. JSON has one object an entry:
    id, result.

    \b
    dq-gate quarantine import faq.jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.intake.files import open_input
    from dq_gate.review.transfer import imported

    with reviewing(quarantine) as session, open_input(file) as stream:
        outcomes: list[Outcome] = []
        try:
            for outcome in while_counting(imported(session.review, _lines(stream), session.settings.namespace)):
                outcomes.append(outcome)  # noqa: PERF402 - what came before an interruption counts
        except BaseException:
            if outcomes:
                note(f"stopped after {entries(len(outcomes))}; repeat the command to go on")
            raise
        report(outcomes, format_, store=session.store, done="imported")


@by_id_or_filter
def purge(
    choice: Selection,
    state: AnyState = "any",
    yes: Yes = False,
    dry_run: DryRun = False,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Remove finished entries (redriven, discarded, dead, expired) for good, once you have said yes.

    Their ids are remembered for `tombstone_days`, so that a late duplicate is known. Exits with 1 when an entry cannot
    be removed. JSON has one object an entry: id, result; with --dry-run it is one object: action, would, refused,
    by_state, held, waivers.

    \b
    dq-gate quarantine purge --state discarded --older-than 30d
    dq-gate quarantine purge --older-than 90d --yes
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.review.selection import considered, forecast
    from dq_gate.review.service import batches

    states = _finished(state)
    with reviewing(quarantine) as session:
        if dry_run:
            found = while_counting(considered(session.store, choice, states, leave_out=session.left_out.append))
            report_forecast(forecast(found, "purge", token="", now=session.review.now()), "purge", format_)
            return
        by_state = _snapshots(session, choice, states)
        ids = [entry_id for found in by_state.values() for entry_id in found]
        _confirm(f"Remove {_counted(by_state)} for good?", yes=yes, needed=bool(ids))
        tombstone_s = session.settings.tombstone_days * DAY_S
        steps = (one for batch in batches(ids) for one in session.review.purge(batch, tombstone_s))
        report(completing(steps, len(ids), "removed"), format_, store=session.store, done="removed")


def upgrade(yes: Yes = False, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Have this namespace written in the newest schema from now on, once you have said yes.

    Entries that are there stay and can be read. Releases of dq_gate before this one cannot read what is written from
    then on: run it when none of them uses the namespace any more. JSON is one object: before, now.

    \b
    dq-gate quarantine upgrade
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.quarantine.entry import SCHEMA_VERSION

    with reviewing(quarantine) as session:
        before = session.store.schema()
        if before < SCHEMA_VERSION:
            note(
                f"namespace {session.settings.namespace} is written in schema {before}; in schema {SCHEMA_VERSION}, "
                "releases before this one cannot read its new entries, and there is no way back"
            )
            _confirm("Go on?", yes=yes, needed=True)
            session.store.upgrade()
        if format_ is not OutputFormat.TABLE:
            show_one({"before": before, "now": SCHEMA_VERSION}, format_)
        elif before < SCHEMA_VERSION:
            typer.echo(f"written in schema {SCHEMA_VERSION} from now on")
        else:
            typer.echo(f"written in schema {before}, the newest; nothing to do")


def _exported(session: Session, choice: Selection, problems: list[str], *, reveal: bool) -> Iterator[dict[str, Any]]:
    """The rows of an export; revealed ones are recorded before they are given on."""
    from dq_gate.quarantine.entry import MAX_BATCH
    from dq_gate.review.selection import matching
    from dq_gate.review.transfer import exported

    for batch in _in_batches(matching(session.store, choice, session.left_out.append), MAX_BATCH):
        ids = [entry.id for entry in batch]
        shown = set(session.reveal(ids, "export") if reveal else ids)
        for entry in filter(lambda entry: entry.id in shown, batch):
            row = exported(session.review, entry, reveal=reveal)
            if row["problem"]:
                problems.append(row["problem"])
            yield row


def _in_batches(found: Iterator[Entry], size: int) -> Iterator[list[Entry]]:
    from itertools import islice

    while batch := list(islice(found, size)):
        yield batch


def _write(stream: BinaryIO, format_: ExportFormat, rows: Iterable[dict[str, Any]]) -> int:
    from dq_gate.review.sheets import write_csv, write_parquet

    if format_ is ExportFormat.CSV:
        return write_csv(stream, rows)
    if format_ is ExportFormat.PARQUET:
        return write_parquet(stream, rows)
    count = 0
    for row in rows:
        stream.write(dump(row).encode() + b"\n")
        count += 1
    return count


@contextlib.contextmanager
def _opened(file: Path | None) -> Iterator[BinaryIO]:
    """Standard output; or a file of the user's alone, which gets its name when all is well."""
    from dq_gate.intake.files import PendingFile

    if file is None:
        yield records_output()
        return
    pending = PendingFile(file)
    try:
        os.fchmod(pending.stream.fileno(), 0o600)
        yield pending.stream
        pending.keep()
    finally:
        pending.drop()


def _lines(stream: BinaryIO) -> Iterator[tuple[int, Any]]:
    """Numbers and JSON values of a stream's lines; None for one that is not JSON."""
    import orjson

    for number, line in enumerate(stream, start=1):
        if line.strip():
            try:
                yield number, orjson.loads(line)
            except orjson.JSONDecodeError:
                yield number, None


def _finished(state: str) -> Sequence[State]:
    from dq_gate.core.lifecycle import CLOSED

    only = state_of(state)
    if only is not None and only not in CLOSED:
        raise ConfigurationError(f"--state {state}: is not finished; discard what is to go, or wait for the retention")
    return sorted(CLOSED) if only is None else (only,)


def _snapshots(session: Session, choice: Selection, states: Sequence[State]) -> dict[str, list[str]]:
    from dq_gate.review.selection import snapshot

    if choice.ids:
        return {"named": list(choice.ids)}
    return {state: snapshot(session.store, choice, (state,), leave_out=session.left_out.append) for state in states}


def _counted(by_state: dict[str, list[str]]) -> str:
    parts = [f"{len(ids)} {state}" for state, ids in by_state.items() if ids]
    return f"{entries(sum(map(len, by_state.values())))} ({', '.join(parts)})"


def _confirm(question: str, *, yes: bool, needed: bool) -> None:
    """Have the user say yes to what cannot be undone.

    Raises:
        ConfigurationError: there is nobody to ask.
    """
    if yes or not needed:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError("this cannot be undone: say yes on a terminal, or add --yes")
    if not ask(question, default=False):
        note("nothing was changed")
        raise typer.Exit(1)
