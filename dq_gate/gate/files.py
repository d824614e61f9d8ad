"""A file through the gate: its records or tables judged in one batch, what passes written as it was read."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from dq_gate.core.model import Decision
from dq_gate.gate.frames import TablePass
from dq_gate.gate.streams import judged
from dq_gate.intake.files import Writer, read_records
from dq_gate.intake.parquet import ParquetWriter, read_parquet
from dq_gate.intake.records import Broken, Row
from dq_gate.packs.batch import BatchVerdict, RecordPass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeVar

    import pyarrow as pa

    from dq_gate.gate.batch import Batch
    from dq_gate.gate.frames import Reject
    from dq_gate.gate.rejects import Rejects
    from dq_gate.intake.files import FileFormat
    from dq_gate.intake.parquet import Pieces
    from dq_gate.intake.records import Item, Records, Shape
    from dq_gate.packs.compile import CompiledPack

    T = TypeVar("T")
    Telling = Callable[[Iterable[T]], Iterator[T]]
    """Gives things on, telling how far it has come."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be gated.

    Attributes:
        stream: Opened for reading.
        written: How it is written.
        shape: How its rows become records.
    """

    stream: BinaryIO
    written: FileFormat
    shape: Shape


class FileCheck:
    """A file judged, and nothing else done about it.

    Attributes:
        whole: The verdict on the file as a whole, once all its rows are judged.

    Args:
        pack: The rules.
        source: The file.
    """

    def __init__(self, pack: CompiledPack, source: Source) -> None:
        self.whole = BatchVerdict()
        self._pack = pack
        self._source = source

    def decisions(self) -> Iterator[tuple[int, Decision]]:
        """The number of each record, a line's or a row's, with its decision."""
        return self._of_tables() if self._source.written == "parquet" else self._of_records()

    def _of_records(self) -> Iterator[tuple[int, Decision]]:
        records = RecordPass(self._pack)
        for item, decision, _ in judged(_records(self._source).items, records):
            yield item.number, decision or _broken(item)
        self.whole = records.rules.end()

    def _of_tables(self) -> Iterator[tuple[int, Decision]]:
        tables = TablePass(self._pack)
        pieces, names = _pieces(self._source, tables)
        first = 1
        for table in pieces.tables:
            verdict = tables.check(table.rename_columns(names))
            sound = Decision("clean", None, verdict.everywhere)
            for number in range(table.num_rows):
                yield first + number, verdict.decisions.get(number, sound)
            first += table.num_rows
        self.whole = tables.end()


def items_of(source: Source) -> Iterator[Item]:
    """What a file holds, one by one, whatever its format."""
    if source.written != "parquet":
        yield from _records(source).items
        return
    pieces = read_parquet(source.stream, source.stream.name)
    names = source.shape.names(pieces.schema.names)
    rows = (row for table in pieces.tables for row in table.rename_columns(names).to_pylist())
    for number, row in enumerate(rows, start=1):
        yield Row(number, row, b"")


def admit_file(
    batch: Batch, source: Source, clean: BinaryIO, telling: Telling[Any], rejects: Rejects | None = None
) -> None:
    """Gate a file.

    Args:
        batch: What the file is; entered.
        source: The file.
        clean: Takes what passes, in the same format.
        telling: Shows progress.
        rejects: Takes what fails.
    """
    admit = _admit_tables if source.written == "parquet" else _admit_records
    admit(batch, source, clean, telling, _ignore if rejects is None else rejects.write)


def _ignore(number: int, record: Any, decision: Decision) -> None:
    """Set nothing aside."""


def _admit_records(batch: Batch, source: Source, clean: BinaryIO, telling: Telling[Item], reject: Reject) -> None:
    key_of = _keys(source.stream)
    records = _records(source)
    writer = Writer(clean, source.shape, header=records.header)
    judge = RecordPass(batch.rules.pack)
    for item, decision, latency_ns in judged(telling(records.items), judge):
        if not isinstance(item, Row):
            reject(item.number, item.record, batch.refuse(item.record, item.violation, key=key_of(item.number)))
            continue
        if batch.mode == "off":
            batch.let_through(1)
            writer.write(item, item.value)
            continue
        assert decision is not None
        stands = batch.settle(item.value, decision, latency_ns=latency_ns, key=key_of(item.number))
        if stands.outcome == "quarantined":
            reject(item.number, item.value, stands)
        else:
            writer.write(item, stands.value)
    batch.conclude(judge.rules.end(), key=key_of(0))


def _admit_tables(batch: Batch, source: Source, clean: BinaryIO, telling: Telling[pa.Table], reject: Reject) -> None:
    key_of = _keys(source.stream)
    tables = TablePass(batch.rules.pack)
    pieces, names = _pieces(source, tables)
    first = 1
    with ParquetWriter(clean, pieces.schema) as writer:
        for table in telling(pieces.tables):
            passed = tables.admit(
                table.rename_columns(names), batch, _numbered(key_of, first), _rejecting(reject, first)
            )
            writer.write(passed.rename_columns(pieces.schema.names))
            first += table.num_rows
    batch.conclude(tables.end(), key=key_of(0))


def _records(source: Source) -> Records:
    assert source.written != "parquet"
    return read_records(source.stream, source.written, source.shape)


def _broken(item: Item) -> Decision:
    assert isinstance(item, Broken)
    return Decision("quarantined", None, (item.violation,))


def _pieces(source: Source, tables: TablePass) -> tuple[Pieces, list[str]]:
    """A Parquet file, and the pack's names for its columns."""
    pieces = read_parquet(source.stream, source.stream.name, whole=tables.needs_whole)
    return pieces, source.shape.names(pieces.schema.names)


def _numbered(key_of: Callable[[int], str | None], first: int) -> Callable[[int], str | None]:
    """Names for the rows of a piece that begins with a certain row."""
    return lambda number: key_of(first + number)


def _rejecting(reject: Reject, first: int) -> Reject:
    """Sets aside the rows of a piece that begins with a certain row."""
    return lambda number, record, decision: reject(first + number, record, decision)


def _keys(stream: BinaryIO) -> Callable[[int], str | None]:
    """Names for a file's rows, so that gating the same file again gives the same entries; None where it has none."""
    status = os.fstat(stream.fileno())
    if not stat.S_ISREG(status.st_mode):
        return lambda _: None
    identity = f"file:{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{stream.tell()}"
    return lambda number: f"{identity}:{number}"
