"""JSON Lines to records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import orjson

from dq_gate.intake.lines import Line, read_lines
from dq_gate.intake.records import Broken, Item, Row, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOM = b"\xef\xbb\xbf"


def read_jsonl(stream: BinaryIO, shape: Shape) -> Iterator[Item]:
    """Every line as a record; blank lines are passed over."""
    for line in read_lines(stream):
        data = line.data.removeprefix(_BOM) if line.number == 1 else line.data
        if data.strip():
            yield _item(line, data, shape)


def _item(line: Line, data: bytes, shape: Shape) -> Item:
    if line.is_cut:
        return Broken(line.number, data, f"{line.size} bytes are too long for a line")
    try:
        return Row(line.number, shape.from_json(_parse(data)), data)
    except UnicodeDecodeError as error:
        return Broken(line.number, data, f"not UTF-8 at byte {error.start}")
    except RecursionError:
        return Broken(line.number, data, "nested too deeply")
    except ValueError as error:
        return Broken(line.number, data, f"not JSON: {_reason(error)}")


def _parse(data: bytes) -> Any:
    """Parse with orjson; what it refuses gets a second opinion, as lone surrogates in escapes are JSON too."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON values")


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error).splitlines()[0]
