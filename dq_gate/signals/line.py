"""One event as one line: JSON in printable ASCII, under 8 KiB, whatever its fields hold. Pure."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import orjson

MAX_LINE_BYTES = 8 * 1024
"""What no line reaches, its end included."""

_CUTS = ((4096, 1000), (512, 100), (64, 32), (64, 4), (16, 0))
"""Most characters of a text and most items of a list, tried in turn until the line is short enough."""
_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


def to_line(fields: dict[str, Any]) -> bytes:
    """A line of JSON with its end.

    Texts and lists that would make it too long are shortened, and the field `cut` names them. Characters beyond ASCII
    are escaped, so that neither a terminal nor a reader of lines sees more in it than one line of text.

    Args:
        fields: By name; values are JSON's own, tuples and moments in UTC.

    Raises:
        TypeError: a value is none of these.
        ValueError: it is too long, and would be if it were cut.
    """
    try:
        line = orjson.dumps(fields, option=_OPTIONS)
    except orjson.JSONEncodeError:  # a lone surrogate, a number of more than 64 bits, or what cannot be written at all
        return _tamed(fields)
    if len(line) < MAX_LINE_BYTES and line.isascii() and b"\x7f" not in line:
        return line
    return _tamed(fields)


def _tamed(fields: dict[str, Any]) -> bytes:
    whole: dict[str, Any] = _shortened(fields, MAX_LINE_BYTES, MAX_LINE_BYTES)
    line = _escaped(whole)
    for most_text, most_items in _CUTS:
        if len(line) < MAX_LINE_BYTES:
            break
        short = {name: _shortened(value, most_text, most_items) for name, value in whole.items()}
        line = _escaped(short | {"cut": [name for name in short if short[name] != whole[name]]})
    if len(line) >= MAX_LINE_BYTES:
        raise ValueError("an event does not fit a line")
    return line


def _escaped(fields: dict[str, Any]) -> bytes:
    text = json.dumps(fields, allow_nan=False, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f").encode("ascii") + b"\n"


def _shortened(value: Any, most_text: int, most_items: int) -> Any:
    """A value as JSON can hold it, with texts and lists of so many characters and items at the most."""
    match value:
        case str():
            text = value.encode("utf-8", "replace").decode()
            return text if len(text) <= most_text else text[: most_text - 1] + "…"
        case list() | tuple():
            return [_shortened(item, most_text, most_items) for item in value[:most_items]]
        case dict():
            items = list(value.items())[:most_items]
            return {_shortened(name, most_text, 0): _shortened(item, most_text, most_items) for name, item in items}
        case float() if not math.isfinite(value):
            return None
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case _:
            return value
