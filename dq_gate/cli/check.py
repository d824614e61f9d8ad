"""`dq-gate check` and `dq-gate admit`: a file or a stream against a pack, in constant memory."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.options import Format, OutputFormat, Pack, Quarantine, cli_settings, open_pack
from dq_gate.cli.output import dump, note, records_output, safe, say, show_one
from dq_gate.cli.progress import while_reading
from dq_gate.cli.spool import count_spooled, note_spooled
from dq_gate.errors import BackendUnavailableError, ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dq_gate.core.model import Decision, Violation
    from dq_gate.gate.batch import BatchReport
    from dq_gate.gate.gate import Gate
    from dq_gate.intake.files import FileFormat, PendingFile
    from dq_gate.intake.records import Shape
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.settings import Settings


class InputFormat(StrEnum):
    """How a file is written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


File = Annotated[str, typer.Argument(metavar="FILE", help="A .jsonl, .csv or .parquet file, or - for standard input.")]
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
    """Judge a file and print the verdicts; nothing is stored. Exits with 1 when records fail.

    As a table, records that are plainly clean are left out. JSON has one object a record: line, outcome,
    repaired_by, violations (rule_id, field, check, on_fail, message, span), shadowed, crashes (rule_id, error).

    \b
    dq-gate check queries.jsonl
    dq-gate check faq.csv --pack document --map answer=text
    echo '"how do I reset my card?"' | dq-gate check -
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.gate.files import FileCheck, Source
    from dq_gate.intake.files import open_input

    is_failure = _threshold(fail_on)
    compiled = open_pack(pack)
    shape, written = shape_of(compiled, map_), _written_as(file, input_format)
    tally = dict.fromkeys(("clean", "repaired", "quarantined"), 0)
    with open_input(file) as stream, _verdicts(format_) as print_verdict:
        judged = FileCheck(compiled, Source(stream, written, shape))
        for number, decision in while_reading(stream, judged.decisions()):
            tally[decision.outcome] += 1
            print_verdict(number, decision)
    rows = sum(tally.values())
    note(f"{rows} records: " + ", ".join(f"{count} {outcome}" for outcome, count in tally.items()))
    _tell_failures(judged.whole.violations)
    if is_failure(tally["quarantined"], rows) or judged.whole.is_refused:
        raise typer.Exit(FINDINGS)


def admit(
    file: File,
    pack: Pack = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="CLEAN", help="Where what passed goes; - is stdout, the default."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="NAME", help="Name of the feed, kept with every entry.")
    ] = None,
    max_failed: Annotated[
        float | None,
        typer.Option(
            "--max-failed", metavar="RATIO", min=0, max=1, help="Beyond this share of failures CLEAN is not written."
        ),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="REJECTS", help="Where what failed goes as well, each with its reasons."),
    ] = None,
    map_: Map = None,
    input_format: InputFormatOption = None,
    fail_on: FailOn = "any",
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Gate a file: what passes goes on, what fails goes to the quarantine. Exits with 1 when records fail.

    CLEAN gets its name only when it is whole. Gating the same file again adds no second entries. The summary goes to
    stderr; as JSON to stdout: rows, clean, repaired, quarantined, let_through, by_rule, failures (of the file as a
    whole; one that quarantines keeps CLEAN from being written), stored (store, spool, none: where entries went at
    first), waiting_in_spool (what is there now), out, rejects.

    REJECTS is JSON Lines, for the owner's eyes alone, and written whatever the share of failures: number (line or
    row), record (as it came, nothing masked), violations (rule_id, field, check, message). It has every failing
    record, also those of a flood that the quarantine only counts.

    \b
    dq-gate admit queries.jsonl --out clean.jsonl
    dq-gate admit faq.csv --pack document --map answer=text --out clean.csv --max-failed 0.05
    dq-gate admit huge.parquet --out clean.parquet --rejects failed.jsonl
    cat queries.jsonl | dq-gate admit - --source support-bot > clean.jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.gate.gate import Gate

    is_failure = _threshold(fail_on)
    out = None if out == Path("-") else out
    _refuse_shared_files(file, out, rejects)
    if out is None and max_failed is not None:
        raise ConfigurationError("--max-failed needs --out: what went to stdout cannot be taken back")
    if out is None and format_ is not OutputFormat.TABLE:
        raise ConfigurationError(f"--format {format_} needs --out: stdout carries the records")
    log = cli_settings(quarantine=quarantine, source=source).log
    gate = Gate.load(pack, quarantine=quarantine, source=source, log=log)
    shape, written = shape_of(gate.pack, map_), _written_as(file, input_format)
    with _draft(out) as clean, _draft(rejects, mode=0o600) as failed:
        with gate:
            report = _gate_file(gate, file, written, shape, records_output() if clean is None else clean.stream, failed)
        if failed is not None:
            failed.keep()
        loss = _loss(report, gate.settings)
        is_kept = loss is None and not report.is_refused
        is_kept = is_kept and (max_failed is None or report.quarantined <= max_failed * report.rows)
        if clean is not None and is_kept:
            clean.keep()
    _summarise(report, gate.settings, format_, out=out if is_kept else None, rejects=rejects)
    if loss is not None:
        raise loss
    if report.is_refused:
        note(f"{out} was not written" if out else "what went to standard output is not to be used")
    elif not is_kept:
        note(f"{out} was not written: more than {max_failed:g} of the records failed")
    if not is_kept or is_failure(report.quarantined, report.rows):
        raise typer.Exit(FINDINGS)


def _refuse_shared_files(file: str, out: Path | None, rejects: Path | None) -> None:
    """Refuse to write over what is read, or over what is written."""
    if rejects == Path("-"):
        raise ConfigurationError("--rejects needs a file: stdout carries the clean records")
    source = None if file == "-" else Path(file).resolve()
    for name, path in (("--out", out), ("--rejects", rejects)):
        if path is not None and path.resolve() == source:
            raise ConfigurationError(f"{name} names the input file, which it would replace; write to another one")
    if out is not None and rejects is not None and rejects.resolve() == out.resolve():
        raise ConfigurationError("--rejects and --out name the same file")


def _gate_file(
    gate: Gate, file: str, written: FileFormat, shape: Shape, clean: BinaryIO, failed: PendingFile | None
) -> BatchReport:
    from dq_gate.gate.files import Source, admit_file
    from dq_gate.gate.rejects import Rejects
    from dq_gate.intake.files import open_input

    rejects = None if failed is None else Rejects(failed.stream)
    with open_input(file) as stream, gate.batch() as batch:
        admit_file(batch, Source(stream, written, shape), clean, partial(while_reading, stream), rejects)
    return batch.report


@contextlib.contextmanager
def _draft(out: Path | None, *, mode: int = 0o666) -> Iterator[PendingFile | None]:
    """The file that becomes CLEAN or REJECTS, removed unless it is kept; None where none is wanted."""
    from dq_gate.intake.files import PendingFile

    if out is None:
        yield None
        return
    draft = PendingFile(out, mode=mode)
    try:
        yield draft
    finally:
        draft.drop()


def _loss(report: BatchReport, settings: Settings) -> BackendUnavailableError | None:
    """Why failing records are kept nowhere; None when none is lost, as those of a full group are counted on purpose."""
    from dq_gate.gate.runtime import connect

    if not report.stored["none"]:
        return None
    with contextlib.closing(connect(settings)) as store:
        try:
            store.ping()
        except BackendUnavailableError as error:
            return error
    return None


def _summarise(
    report: BatchReport, settings: Settings, format_: OutputFormat, *, out: Path | None, rejects: Path | None
) -> None:
    if format_ is not OutputFormat.TABLE:
        files = {"out": None if out is None else str(out), "rejects": None if rejects is None else str(rejects)}
        show_one(_account(report, settings) | files, format_)
        return
    note(
        f"{report.rows} records: {report.clean} clean, {report.repaired} repaired, {report.quarantined} quarantined"
        + (f", {report.let_through} let through because the gate does not enforce" if report.let_through else "")
    )
    for rule_id, count in report.by_rule.most_common(10):
        note(f"  {count:>7}  {rule_id}")
    _tell_failures(report.failures)
    note_spooled(settings)
    lost = report.stored["none"]
    if lost:
        note(f"{lost} failing {'record was' if lost == 1 else 'records were'} refused but not kept")


def _tell_failures(violations: Iterable[Violation]) -> None:
    """Say what is wrong with the file as a whole."""
    for violation in violations:
        note(f"the file fails {violation.rule_id}: {violation.message}")


def _account(report: BatchReport, settings: Settings) -> dict[str, Any]:
    """The summary as `admit` prints it in JSON, but for the files written."""
    return {
        "rows": report.rows,
        "clean": report.clean,
        "repaired": report.repaired,
        "quarantined": report.quarantined,
        "let_through": report.let_through,
        "by_rule": dict(report.by_rule),
        "failures": [asdict(violation) for violation in report.failures],
        "stored": {place: report.stored[place] for place in ("store", "spool", "none")},
        "waiting_in_spool": count_spooled(settings),
    }


def shape_of(pack: CompiledPack, renames: list[str] | None) -> Shape:
    """How rows become records of a pack, given what `--map` says.

    Raises:
        ConfigurationError: it maps to a field that is none, or twice.
    """
    from dq_gate.intake.records import Shape

    specs = pack.specs
    pairs: dict[str, str] = {}
    for rename in renames or ():
        theirs, equals, ours = rename.partition("=")
        if not equals or not theirs:
            raise ConfigurationError(f"--map {rename}: write it as THEIRS=OURS, such as text=query")
        if ours not in specs:
            raise ConfigurationError(f"--map {rename}: the pack has no field {ours!r}{did_you_mean(ours, specs)}")
        if theirs in pairs:
            raise ConfigurationError(f"--map {rename}: {theirs!r} is mapped to {pairs[theirs]!r} already")
        pairs[theirs] = ours
    required = [name for name, spec in specs.items() if spec.is_required]
    return Shape(
        types={spelling: spec.type for name, spec in specs.items() for spelling in (name, *spec.aliases)},
        renames=pairs,
        only_field=required[0] if len(required) == 1 else None,
    )


def _written_as(file: str, input_format: InputFormat | None) -> FileFormat:
    from dq_gate.intake.files import format_of

    return format_of(file) if input_format is None else input_format.value


def _threshold(fail_on: str) -> Callable[[int, int], bool]:
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
        raise ConfigurationError(f"--fail-on {fail_on}: write any, never, or a share between 0 and 1")
    return lambda failed, rows: failed > ratio * rows


@contextlib.contextmanager
def _verdicts(format_: OutputFormat) -> Iterator[Callable[[int, Decision], None]]:
    """A printer of verdicts: every one as JSON; for people, those that are not plainly clean."""
    count = 0

    def as_line(number: int, decision: Decision) -> None:
        reasons = [f"by {', '.join(decision.repaired_by)}"] if decision.repaired_by else []
        reasons += [f"{v.rule_id}: {v.message}" for v in decision.violations]
        reasons += [f"{v.rule_id}, in shadow mode: {v.message}" for v in decision.shadowed]
        reasons += [f"{c.rule_id} crashed: {c.error}" for c in decision.crashes]
        if decision.outcome == "clean" and not reasons:
            return
        say(safe(f"{number:>8}  {decision.outcome:<11}  {'; '.join(reasons)}"))

    def as_json(number: int, decision: Decision) -> None:
        nonlocal count
        lead = "" if format_ is OutputFormat.JSONL else "[" if count == 0 else ","
        count += 1
        say(lead + dump(_verdict(number, decision)))

    yield as_line if format_ is OutputFormat.TABLE else as_json
    if format_ is OutputFormat.JSON:
        say("]" if count else "[]")


def _verdict(number: int, decision: Decision) -> dict[str, Any]:
    """A verdict as `check` prints it in JSON."""
    return {
        "line": number,
        "outcome": decision.outcome,
        "repaired_by": decision.repaired_by,
        "violations": [asdict(violation) for violation in decision.violations],
        "shadowed": [v.rule_id for v in decision.shadowed],
        "crashes": [{"rule_id": c.rule_id, "error": c.error} for c in decision.crashes],
    }
