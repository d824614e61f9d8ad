"""The builtin checks, a module per family; importing them fills the catalogue."""

from __future__ import annotations

from dq_gate.checks import (  # noqa: F401 - imported for what they enter in the catalogue
    batch,
    characters,
    denylist,
    dependencies,
    drift,
    duplicates,
    encoding,
    formula,
    gibberish,
    homoglyphs,
    injection,
    invisible,
    language,
    markup,
    mojibake,
    moments,
    near_duplicates,
    numbers,
    patterns,
    pii,
    presence,
    references,
    repetition,
    schema_drift,
    secrets,
    text,
    tokens,
    vectors,
    vocabulary,
)
from dq_gate.checks.base import CATALOGUE

__all__ = ["CATALOGUE"]
