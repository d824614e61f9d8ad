"""Opening what is to be gated, by name or from standard input, and writing what passed."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from dq_gate.errors import UnreadableInputError
from dq_gate.intake.csv import read_csv
from dq_gate.intake.jsonl import read_jsonl
from dq_gate.intake.records import Records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.intake.records import Row, Shape

FileFormat = Literal["jsonl", "csv", "parquet"]
_FORMATS: dict[str, FileFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


def format_of(name: str) -> FileFormat:
    """A file's format by its ending; standard input is JSON Lines.

    Raises:
        UnreadableInputError: the ending says nothing.
    """
    if name == "-":
        return "jsonl"
    suffix = Path(name).suffix.lower()
    if suffix not in _FORMATS:
        raise UnreadableInputError(
            f"{name}: unknown ending {suffix or '(none)'}; name the format with --input-format jsonl, csv or parquet"
        )
    return _FORMATS[suffix]


@contextlib.contextmanager
def open_input(name: str) -> Iterator[BinaryIO]:
    """Open a file for reading, or standard input for `-`.

    Raises:
        UnreadableInputError: it cannot be opened.
    """
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = open(name, "rb")  # noqa: SIM115, PTH123 - closed below; a name may be any text
    except (OSError, ValueError) as error:
        raise UnreadableInputError(f"{name}: {getattr(error, 'strerror', None) or error}") from None
    with stream:
        yield stream


def read_records(stream: BinaryIO, file_format: Literal["jsonl", "csv"], shape: Shape) -> Records:
    """Every record of a stream, and every line that is none.

    Raises:
        UnreadableInputError: a CSV file's header cannot be used.
    """
    return read_csv(stream, shape) if file_format == "csv" else Records(b"", read_jsonl(stream, shape))


class Writer:
    """Writes what passed, in the format it came in: rows that were not changed as they stood.

    Args:
        stream: Where to.
        shape: How records were made of rows.
        header: What the input has above its rows.
    """

    def __init__(self, stream: BinaryIO, shape: Shape, *, header: bytes = b"") -> None:
        self._stream = stream
        self._shape = shape
        self._write_line(header)

    def write(self, row: Row, value: Any) -> None:
        """Write a row.

        Args:
            row: As it was read.
            value: What the gate made of it.
        """
        if value is row.value:
            self._write_line(row.source)
        elif row.cells is None:
            self._stream.write(self._to_json(row, value) + row.end)
        else:
            self._stream.write(self._to_csv(row.value, row.cells, value) + row.end)

    def _write_line(self, line: bytes) -> None:
        self._stream.write(line)
        if line and not line.endswith(b"\n"):
            self._stream.write(b"\n")

    def _to_csv(self, before: dict[str, Any], cells: dict[str, str], value: dict[str, Any]) -> bytes:
        """The row with the changed cells, and no others, written anew."""
        changed = {name: item for name, item in value.items() if item is not before.get(name)}
        changed = self._shape.back(changed)
        return _csv_line([to_cell(changed[name]) if name in changed else cell for name, cell in cells.items()])

    def _to_json(self, row: Row, value: dict[str, Any]) -> bytes:
        if row.source.lstrip().startswith(b'"') and self._shape.only_field:
            return to_json(value[self._shape.only_field])
        return to_json(self._shape.back(value))


def to_json(value: Any) -> bytes:
    """A value as one JSON line; what orjson refuses, such as lone surrogates, is escaped."""
    import json

    import orjson

    try:
        return orjson.dumps(value, default=str)
    except TypeError:
        return json.dumps(value, default=str).encode()


def to_cell(value: Any) -> str:
    """A value as a CSV cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, dict)):
        return to_json(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _csv_line(cells: list[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue().encode("utf-8", "surrogatepass")


class PendingFile:
    """A file that appears under its name only when it is whole.

    Args:
        path: The name it is to have.
        mode: Permissions it is to have, less those that the process's umask takes away.
    """

    def __init__(self, path: Path, *, mode: int = 0o666) -> None:
        self._path = path
        try:
            if path.exists() and not path.is_file():
                raise UnreadableInputError(f"{path}: is no regular file; name one that is, or none yet")
            self._draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            self.stream: BinaryIO = os.fdopen(descriptor, "wb")
        except OSError as error:
            raise UnreadableInputError(f"{path}: cannot be written: {error.strerror}") from None

    def keep(self) -> None:
        """Make it durable and give it its name.

        Raises:
            UnreadableInputError: the disk refused.
        """
        try:
            self.stream.flush()
            os.fsync(self.stream.fileno())
            self.stream.close()
            self._draft.replace(self._path)
            _sync_directory(self._path.parent)
        except OSError as error:
            raise UnreadableInputError(f"{self._path}: cannot be written: {error.strerror}") from None

    def drop(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(OSError):  # a full disk refuses the last bytes again
            self.stream.close()
        self._draft.unlink(missing_ok=True)


def _sync_directory(path: Path) -> None:
    """Have a new name in a directory outlive a power cut."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
