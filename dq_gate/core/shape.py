"""The shape of a value: what it looks like with every letter and digit taken out of it."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

_LOWER, _UPPER = re.compile("[a-z]"), re.compile("[A-Z]")
_DIGIT = re.compile("[0-9]")
_MAX_DEPTH = 16
_HUGE = 10**18


def shape(text: str) -> str:
    """A text with `x`, `X` and `9` for its letters and digits; all else, white space too, stays.

    What is no ASCII letter or digit but a letter or number all the same becomes `x`, so that nothing can be read.
    Length in code points stays the same.
    """
    plain = _DIGIT.sub("9", _UPPER.sub("X", _LOWER.sub("x", text)))
    if plain.isascii():
        return plain
    return "".join("x" if ord(char) > 0x7F and char.isalnum() else char for char in plain)  # noqa: PLR2004 - ASCII


def masked(value: Any, depth: int = 0) -> Any:
    """A value with nothing to be read in it: texts by their shape, numbers by their order of magnitude.

    Args:
        value: Anything a record may hold, or a record, whose own names stay.
        depth: How deep it lies.

    Returns:
        Plain data: what has no shape stands as the name of its type.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return shape(value)
    if type(value) is int:
        return _magnitude(value)
    if type(value) is float:
        return float(_magnitude(int(value))) if isfinite(value) else value
    if depth < _MAX_DEPTH and isinstance(value, (list, tuple)):
        return [masked(item, depth + 1) for item in value]
    if depth < _MAX_DEPTH and isinstance(value, dict):
        return {key if depth == 0 else shape(str(key)): masked(item, depth + 1) for key, item in value.items()}
    return f"<{type(value).__name__}>"


def _magnitude(value: int) -> int:
    """The power of ten at or below it, with its sign."""
    if abs(value) >= _HUGE:
        return _HUGE if value > 0 else -_HUGE
    size: int = 10 ** (len(str(abs(value))) - 1) if value else 0
    return size if value > 0 else -size
