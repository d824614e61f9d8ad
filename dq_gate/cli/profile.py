"""`dq-gate rules profile`: a first pack, written from a clean sample."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import typer

from dq_gate.cli.check import File, InputFormatOption
from dq_gate.cli.output import note, records_output
from dq_gate.cli.progress import while_reading
from dq_gate.errors import ConfigurationError, UnreadableInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dq_gate.cli.check import InputFormat
    from dq_gate.intake.files import FileFormat
    from dq_gate.packs.profile import PackText, Sample

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")
_BARE = "text"
"""The field of lines that are bare strings."""
_MAX_ROWS = 50_000


def profile(
    file: File,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="PACK", help="Where the pack goes; - is stdout, the default."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The pack's name; default: the file's.")
    ] = None,
    rows: Annotated[
        int, typer.Option("--rows", metavar="N", min=2, help="Look at no more than N records, spread over the file.")
    ] = _MAX_ROWS,
    input_format: InputFormatOption = None,
) -> None:
    """Write a commented pack from a clean sample: types, sets, ranges, shapes, words, lengths, keys, drift.

    Each rule says what it was made of and how much good input it may refuse; together these are kept below about 1 %
    of rows. Take a sample that was looked at: everything in it counts as good. Lists and references hold values of the
    sample. With --out, long lists and references go to a folder beside the pack, PACK without its ending and with
    .references; without it, everything stands in the pack, and lists too long for that are left out.

    \b
    dq-gate rules profile customers.csv --out customers.yaml
    dq-gate rules test customers.yaml
    dq-gate check new-customers.csv --pack customers.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.packs import profile as profiles

    out = None if out == Path("-") else out
    pack_name = _pack_name(file, name)
    sample, is_cut = _read(file, input_format, rows)
    folder = None if out is None else f"{out.stem}.references"
    source = "standard input" if file == "-" else Path(file).name
    try:
        pack = profiles.profile(sample, name=pack_name, source=_one_line(source), folder=folder)
    except ValueError as error:
        raise UnreadableInputError(f"{file}: {error}") from None
    _write(pack, out)
    if is_cut:
        note(f"{is_cut} lines were left out: they hold no record")
    if len(sample.rows) < sample.total:
        note(f"{len(sample.rows)} of {sample.total} records were looked at; --rows N takes more")
    if pack.left_out:
        note(f"{len(pack.left_out)} rules were left out, too long to stand in the pack: {', '.join(pack.left_out[:5])}")
    note(f"{pack.fields} fields, {pack.rules} rules" + (f" in {out}" if out else ""))


def _pack_name(file: str, name: str | None) -> str:
    if name is not None:
        if not _NAME.match(name):
            raise ConfigurationError(f"--name {name}: lower-case letters, digits, _ and -, a letter first, at most 64")
        return name
    slug = re.sub(r"[^a-z0-9]+", "-", Path(file).stem.lower()).strip("-")[:64]
    return slug if _NAME.match(slug) else "profiled"


def _one_line(text: str) -> str:
    """A file's name as it may stand in a comment."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _read(file: str, input_format: InputFormat | None, at_most: int) -> tuple[Sample, int]:
    """A sample of a file's records, and how many of its lines hold none."""
    from dq_gate.intake.files import format_of, open_input
    from dq_gate.packs.profile import take_sample

    written: FileFormat = format_of(file) if input_format is None else input_format.value
    with open_input(file) as stream:
        if written == "parquet":
            return take_sample(_of_parquet(stream, file), at_most=at_most, has_cells=False), 0
        records = _OfLines(stream, written)
        return take_sample(records, at_most=at_most, has_cells=written == "csv"), records.broken


def _of_parquet(stream: BinaryIO, name: str) -> Iterator[Mapping[str, Any]]:
    from dq_gate.intake.parquet import read_parquet

    tables = read_parquet(stream, name).tables
    yield from while_reading(stream, (record for table in tables for record in table.to_pylist()))


class _OfLines:
    """The records of a CSV or JSON Lines stream.

    Attributes:
        broken: Lines that hold none.
    """

    def __init__(self, stream: BinaryIO, written: Literal["jsonl", "csv"]) -> None:
        self._stream = stream
        self._written = written
        self.broken = 0

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        from dq_gate.intake.files import read_records
        from dq_gate.intake.records import Row, Shape

        items = read_records(self._stream, self._written, Shape({}, {}, _BARE)).items
        for item in while_reading(self._stream, items):
            if isinstance(item, Row) and isinstance(item.value, dict):
                yield item.value
            else:
                self.broken += 1


def _write(pack: PackText, out: Path | None) -> None:
    if out is None:
        records_output().write(pack.yaml.encode())
        return
    for name, content in pack.files.items():
        path = out.parent / name
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise UnreadableInputError(f"{path.parent}: cannot be made: {error.strerror}") from None
        _write_file(path, content)
    _write_file(out, pack.yaml)


def _write_file(path: Path, content: str) -> None:
    """Write a file that appears under its name only when it is whole."""
    from dq_gate.intake.files import PendingFile

    draft = PendingFile(path)
    try:
        draft.stream.write(content.encode())
        draft.keep()
    finally:
        draft.drop()
