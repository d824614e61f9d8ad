"""The builtin checks, a module per family; importing them fills the catalogue."""

from __future__ import annotations

from dq_gate.checks import (  # noqa: F401 - imported for what they enter in the catalogue
    characters,
    encoding,
    homoglyphs,
    invisible,
    markup,
    mojibake,
    numbers,
    patterns,
    presence,
    text,
)
from dq_gate.checks.base import CATALOGUE

__all__ = ["CATALOGUE"]
