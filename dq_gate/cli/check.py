"""`dq-gate check` and `dq-gate admit`: a file or a stream against a pack, in constant memory."""

from __future__ import annotations

import contextlib
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.options import Format, OutputFormat, Pack, Quarantine, cli_settings
from dq_gate.cli.output import dump, note, safe
from dq_gate.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.core.model import Decision
    from dq_gate.gate.batch import BatchReport
    from dq_gate.gate.gate import Gate
    from dq_gate.intake.files import FileFormat
    from dq_gate.intake.records import Item, Shape


class InputFormat(StrEnum):
    """How a file is written."""

    JSONL = "jsonl"
    CSV = "csv"


File = Annotated[str, typer.Argument(metavar="FILE", help="A .jsonl or .csv file, or - for standard input.")]
InputFormatOption = Annotated[
    InputFormat | None,
    typer.Option("--input-format", help="How FILE is written, when its ending does not say; - is jsonl by default."),
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="THEIRS=OURS", help="A column of the file that is a field of the pack: text=query."),
]
FailOn = Annotated[
    str, typer.Option("--fail-on", metavar="any|never|RATIO", help="When to exit with 1: a share such as 0.05.")
]


def check(
    file: File,
    pack: Pack = None,
    map_: Map = None,
    input_format: InputFormatOption = None,
    fail_on: FailOn = "any",
    format_: Format = OutputFormat.TABLE,
) -> None:
    """Judge a file and print the verdicts; nothing is stored.

    \b
    dq-gate check queries.jsonl
    dq-gate check faq.csv --pack document --map answer=text
    echo '"how do I reset my card?"' | dq-gate check -
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.gate.gate import Gate
    from dq_gate.intake.files import open_input, read_items
    from dq_gate.intake.records import Row

    is_failure = _threshold(fail_on)
    gate = Gate.load(pack)
    shape, written = _shape(gate, map_), _written_as(file, input_format)
    tally = dict.fromkeys(("clean", "repaired", "quarantined"), 0)
    with open_input(file) as stream, _verdicts(format_) as print_verdict:
        for item in _with_progress(stream, read_items(stream, written, shape)):
            decision = gate.check(item.value) if isinstance(item, Row) else _broken(item)
            tally[decision.outcome] += 1
            print_verdict(item.number, decision)
    rows = sum(tally.values())
    note(f"{rows} records: " + ", ".join(f"{count} {outcome}" for outcome, count in tally.items()))
    if is_failure(tally["quarantined"], rows):
        raise typer.Exit(FINDINGS)


def admit(
    file: File,
    pack: Pack = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="CLEAN", help="Where what passed goes; stdout by default.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Name of the feed, kept with every entry.")] = None,
    max_failed: Annotated[
        float | None,
        typer.Option(
            "--max-failed", metavar="RATIO", min=0, help="Beyond this share of failures CLEAN is not written."
        ),
    ] = None,
    map_: Map = None,
    input_format: InputFormatOption = None,
    fail_on: FailOn = "any",
    quarantine: Quarantine = None,
) -> None:
    """Gate a file: what passes goes on, what fails goes to the quarantine with its reasons.

    CLEAN gets its name only when it is whole. Gating the same file again adds no second entries.

    \b
    dq-gate admit queries.jsonl --out clean.jsonl
    dq-gate admit faq.csv --pack document --map answer=text --out clean.csv --max-failed 0.05
    cat queries.jsonl | dq-gate admit - --source support-bot > clean.jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.gate.gate import Gate
    from dq_gate.packs.compile import compile_pack

    is_failure = _threshold(fail_on)
    if max_failed is not None and out is None:
        raise ConfigurationError("--max-failed needs --out: what went to stdout cannot be taken back")
    settings = cli_settings(quarantine=quarantine, source=source)
    compiled = compile_pack(pack or settings.pack, max_bytes=settings.max_input_bytes)
    with Gate(compiled, settings) as gate:
        report, kept = _gate_file(gate, file, out, max_failed, _shape(gate, map_), _written_as(file, input_format))
    _summarise(report)
    if not kept:
        note(f"{out} was not written: more than {max_failed:g} of the records failed")
    if not kept or is_failure(report.quarantined, report.rows):
        raise typer.Exit(FINDINGS)


def _gate_file(
    gate: Gate, file: str, out: Path | None, max_failed: float | None, shape: Shape, written: FileFormat
) -> tuple[BatchReport, bool]:
    from dq_gate.intake.files import PendingFile, Writer, open_input, read_items
    from dq_gate.intake.records import Row

    with open_input(file) as stream, contextlib.ExitStack() as cleanup:
        pending = None if out is None else PendingFile(out)
        if pending is not None:
            cleanup.callback(pending.drop)
        writer = Writer(sys.stdout.buffer if pending is None else pending.stream, written, shape)
        batch = cleanup.enter_context(gate.batch())
        identity = _identity(stream)
        for item in _with_progress(stream, read_items(stream, written, shape)):
            key = f"{identity}:{item.number}" if identity else None
            if not isinstance(item, Row):
                batch.refuse(item.record, item.violation, key=key)
                continue
            decision = batch.admit(item.value, key=key)
            if decision.outcome != "quarantined":
                writer.write(item, decision.value)
        report = batch.report
        kept = max_failed is None or report.quarantined <= max_failed * report.rows
        if pending is None:
            sys.stdout.buffer.flush()
        elif kept:
            pending.keep()
    return report, kept


def _summarise(report: BatchReport) -> None:
    note(
        f"{report.rows} records: {report.clean} clean, {report.repaired} repaired, {report.quarantined} quarantined"
        + (f", {report.let_through} let through because the gate does not enforce" if report.let_through else "")
    )
    for rule_id, count in report.by_rule.most_common(10):
        note(f"  {count:>7}  {rule_id}")
    if report.stored["spool"]:
        note(
            f"{report.stored['spool']} entries wait in the local spool, because the quarantine store did not answer; "
            "they move there by themselves when it does"
        )
    lost = report.stored["none"]
    if lost:
        note(f"{lost} failing records were refused but not kept; see dq-gate doctor")


def _identity(stream: BinaryIO) -> str | None:
    """Names a regular file at one point of its life, so that gating it again gives the same entries."""
    import stat

    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode):
        return None
    return f"file:{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"


def _shape(gate: Gate, renames: list[str] | None) -> Shape:
    from dq_gate.intake.records import Shape

    specs = gate.pack.specs
    pairs: dict[str, str] = {}
    for rename in renames or ():
        theirs, equals, ours = rename.partition("=")
        if not equals or not theirs:
            raise ConfigurationError(f"--map {safe(rename)}: write it as THEIRS=OURS, such as text=query")
        if ours not in specs:
            hint = did_you_mean(ours, specs)
            raise ConfigurationError(f"--map {safe(rename)}: the pack has no field {ours!r}{hint}")
        pairs[theirs] = ours
    required = [name for name, spec in specs.items() if spec.is_required]
    return Shape(
        types={name: spec.type for name, spec in specs.items()},
        renames=pairs,
        only_field=required[0] if len(required) == 1 else None,
    )


def _written_as(file: str, input_format: InputFormat | None) -> FileFormat:
    from dq_gate.intake.files import format_of

    return "csv" if input_format == "csv" else "jsonl" if input_format == "jsonl" else format_of(file)


def _threshold(fail_on: str) -> Any:
    """Whether so many failures among so many records are a finding."""
    if fail_on == "any":
        return lambda failed, _: failed > 0
    if fail_on == "never":
        return lambda *_: False
    try:
        ratio = float(fail_on)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise typer.BadParameter("any, never, or a share between 0 and 1", param_hint="--fail-on")
    return lambda failed, rows: failed > ratio * rows


def _broken(item: Any) -> Decision:
    from dq_gate.core.model import Decision

    return Decision("quarantined", None, (item.violation,))


@contextlib.contextmanager
def _verdicts(format_: OutputFormat) -> Iterator[Any]:
    """A printer of verdicts: every one as JSON; for people, those that are not plainly clean."""
    count = 0

    def as_line(number: int, decision: Decision) -> None:
        if decision.outcome == "clean" and not decision.violations:
            return
        reasons = [f"{v.rule_id}: {v.message}" for v in decision.violations]
        if decision.outcome == "repaired":
            reasons.insert(0, f"by {', '.join(decision.repaired_by)}")
        typer.echo(safe(f"{number:>8}  {decision.outcome:<11}  {'; '.join(reasons)}"))

    def as_json(number: int, decision: Decision) -> None:
        nonlocal count
        lead = "" if format_ is OutputFormat.JSONL else "[" if count == 0 else ","
        count += 1
        typer.echo(lead + dump(verdict(number, decision)))

    yield as_line if format_ is OutputFormat.TABLE else as_json
    if format_ is OutputFormat.JSON:
        typer.echo("]" if count else "[]")


def verdict(number: int, decision: Decision) -> dict[str, Any]:
    """A verdict as `check` prints it in JSON."""
    return {
        "line": number,
        "outcome": decision.outcome,
        "repaired_by": decision.repaired_by,
        "violations": [
            {
                "rule_id": v.rule_id,
                "field": v.field,
                "check": v.check,
                "on_fail": v.on_fail,
                "message": v.message,
                "span": v.span,
            }
            for v in decision.violations
        ],
        "shadowed": [v.rule_id for v in decision.shadowed],
        "crashes": [{"rule_id": c.rule_id, "error": c.error} for c in decision.crashes],
    }


def _with_progress(stream: BinaryIO, items: Iterator[Item]) -> Iterator[Item]:
    """Show on a terminal how far a file is read."""
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    total = os.fstat(stream.fileno()).st_size or None
    console = Console(stderr=True)
    with Progress(BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        for count, item in enumerate(items):
            if count % 1000 == 0:
                progress.update(task, completed=stream.tell() if stream.seekable() else None)
            yield item
