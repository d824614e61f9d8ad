"""Engines: checks that leave the judging to another library, or to the user's own code. One file each.

Importing this package enters them in the catalogue; the libraries are imported when a pack asks for them.
"""

from __future__ import annotations

from dq_gate.engines import (  # noqa: F401 - imported for what they enter in the catalogue
    cel,
    great_expectations,
    pandera,
    pydantic,
    python,
)
