"""Options that several commands share, and the settings they lead to."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.settings import Settings

_OF_THE_APPLICATION = frozenset({"stdout", "otel", "structlog", "logging"})
"""Destinations of the setting `log` that a command leaves out: its standard output is for results, and the
application's own logging is configured in the application alone."""


class OutputFormat(StrEnum):
    """How a command prints what it lists or reports."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


Format = Annotated[
    OutputFormat, typer.Option("--format", help="table for people, json for one document, jsonl for one object a line.")
]
Quarantine = Annotated[
    str | None,
    typer.Option("--quarantine", metavar="URL", help="The quarantine store, such as redis://localhost:6379/0."),
]
Pack = Annotated[
    str | None,
    typer.Option("--pack", "-p", metavar="PACK", help="A shipped pack's name, name@version, or a path to a YAML file."),
]


def cli_settings(**arguments: Any) -> Settings:
    """The settings of a command: events go where set, the application's own logging left out; else to a file."""
    from dq_gate.settings import load_settings, log_destinations

    settings = load_settings(**arguments)
    kept = [word for word in log_destinations(settings.log or "") if word not in _OF_THE_APPLICATION]
    return settings.model_copy(update={"log": ",".join(kept) or str(settings.state_dir / "events.jsonl")})


def open_pack(reference: str | None) -> CompiledPack:
    """Load and compile a pack, the settings' own where none is named, as they allow.

    Raises:
        PackError: it cannot be used.
    """
    from dq_gate.packs.compile import compile_pack
    from dq_gate.settings import load_settings

    settings = load_settings()
    return compile_pack(
        reference or settings.pack, max_bytes=settings.max_input_bytes, trusted_packages=settings.trusted_packages
    )
