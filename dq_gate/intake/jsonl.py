"""JSON Lines to records."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

import orjson

from dq_gate.intake.lines import Line, read_lines
from dq_gate.intake.records import Broken, ClashingNamesError, Item, Row, Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 128
_BOM = b"\xef\xbb\xbf"
_long_number = re.compile(rb"[0-9]{19}").search


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
        return Row(line.number, shape.from_json(_parse(data)), data + line.end)
    except UnicodeDecodeError as error:
        return Broken(line.number, data, f"not UTF-8 at byte {error.start}")
    except RecursionError:
        return Broken(line.number, data, f"nested deeper than {MAX_DEPTH} levels")
    except ClashingNamesError as error:
        return Broken(line.number, data, str(error))
    except ValueError as error:
        return Broken(line.number, data, f"not JSON: {_reason(error)}")


def _parse(data: bytes) -> Any:
    """Parse with orjson; what it refuses or would round gets a second opinion.

    Lone surrogates in escapes are JSON, and so are whole numbers of any length, which orjson makes floats of.
    """
    value = _parse_exactly(data) if _long_number(data) else _parse_fast(data)
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _nests_deeper(value, MAX_DEPTH):
        raise RecursionError
    return value


def _parse_fast(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _parse_exactly(data)


def _parse_exactly(data: bytes) -> Any:
    return json.loads(data.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite)


def _nests_deeper(value: Any, levels: int) -> bool:
    """Whether a value holds containers in more than so many levels; without recursion."""
    level = [value]
    for _ in range(levels):
        level = [item for holder in level for item in _items(holder)]
    return any(isinstance(item, (dict, list)) for item in level)


def _items(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON values")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is too large for a float")
    return number


def _reason(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return str(error).splitlines()[0]
