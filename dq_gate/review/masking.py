"""The shape of a payload without its content: types and sizes, and names that can be a field's."""

from __future__ import annotations

import re
from typing import Any

from dq_gate.quarantine.codec import Erased, Head

_is_plain_name = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}").fullmatch


def mask(value: Any) -> Any:
    """A value's shape, as plain JSON."""
    if isinstance(value, dict):
        return {_mask_name(number, name): mask(item) for number, (name, item) in enumerate(value.items(), start=1)}
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    if isinstance(value, (bytes, list, tuple, set, frozenset)):
        return f"<{len(value)} {'bytes' if isinstance(value, bytes) else 'items'}>"
    if isinstance(value, Head):
        return {"head": mask(value.text), "bytes": value.bytes, "sha256": value.sha256}
    if isinstance(value, Erased):
        return "<erased>"
    return None if value is None else f"<{type(value).__name__}>"


def _mask_name(number: int, name: Any) -> str:
    return name if isinstance(name, str) and _is_plain_name(name) else f"<name {number}, {len(str(name))} characters>"
