"""What the pack language's field types mean for values. Strict: only an int passes as float, nothing is converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dq_gate.checks.base import FieldType


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_list_of_str(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


_NUMERIC_KINDS = ("f", "i", "u")


def _is_vector(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    if dtype is not None:
        return getattr(dtype, "kind", None) in _NUMERIC_KINDS and getattr(value, "ndim", 0) == 1
    return isinstance(value, (list, tuple)) and all(map(_is_number, value))


class _NoType:
    """No value is of exactly this type, so every value is looked at."""


TYPES: dict[FieldType, tuple[type, Callable[[Any], bool]]] = {
    "str": (str, lambda value: isinstance(value, str)),
    "int": (int, _is_int),
    "float": (float, _is_number),
    "bool": (bool, lambda value: isinstance(value, bool)),
    "datetime": (datetime, lambda value: isinstance(value, datetime)),
    "list[str]": (_NoType, _is_list_of_str),
    "vector": (_NoType, _is_vector),
    "object": (dict, lambda value: isinstance(value, Mapping)),
    "any": (_NoType, lambda _: True),
}
"""For each type: the Python type whose values need no further look, and the test for all others."""
