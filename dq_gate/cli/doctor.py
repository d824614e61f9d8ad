"""`dq-gate doctor`: is everything there that the gate relies on?"""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

import typer

from dq_gate import __version__
from dq_gate.cli import FINDINGS, UNAVAILABLE
from dq_gate.cli.options import Format, OutputFormat, Pack, Quarantine, cli_settings
from dq_gate.cli.output import show
from dq_gate.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.settings import Settings

Result = Literal["ok", "warning", "unavailable"]
_LIBRARIES = ("pydantic", "structlog", "redis", "google-re2", "ftfy", "polars")


def doctor(pack: Pack = None, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Check settings, pack, state directory, quarantine store and spool.

    Exits with 1 when something is unsafe, with 3 when the store does not answer.

    \b
    dq-gate doctor --quarantine redis://localhost:6379/0
    """  # noqa: D301 - \b keeps the examples' lines apart
    settings = cli_settings(quarantine=quarantine)
    rows = list(_examinations(settings, pack or settings.pack))
    show(rows, format_, ["what", "result", "detail"], empty="")
    results = {row["result"] for row in rows}
    if "unavailable" in results:
        raise typer.Exit(UNAVAILABLE)
    if "warning" in results:
        raise typer.Exit(FINDINGS)


def _row(what: str, result: Result, detail: str) -> dict[str, Any]:
    return {"what": what, "result": result, "detail": detail}


def _examinations(settings: Settings, pack: str) -> Iterator[dict[str, Any]]:
    yield _row("dq_gate", "ok", f"{__version__} on Python {platform.python_version()}")
    yield _row("libraries", "ok", ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES))
    yield _mode(settings)
    yield _pack(pack)
    yield _state_dir(settings)
    yield from _store(settings)
    yield _spool(settings)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "(not installed)"


def _mode(settings: Settings) -> dict[str, Any]:
    from dq_gate.gate.runtime import mode_of

    mode = mode_of(settings)
    if mode == "enforce":
        return _row("mode", "ok", "enforce")
    return _row("mode", "warning", f"{mode}: failing input is let through")


def _pack(pack: str) -> dict[str, Any]:
    from dq_gate.packs.compile import compile_pack

    compiled = compile_pack(pack)
    return _row("pack", "ok", f"{compiled.id.name}@{compiled.id.version}: {len(compiled.rules)} rules")


def _state_dir(settings: Settings) -> dict[str, Any]:
    path = settings.state_dir
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        return _row("state directory", "warning", f"{path}: not writable; entries cannot be spooled")
    if path.exists() and path.stat().st_mode & 0o077:
        return _row("state directory", "warning", f"{path}: open to others; run: chmod 700 {path}")
    return _row("state directory", "ok", str(path))


def _store(settings: Settings) -> Iterator[dict[str, Any]]:
    from dq_gate.gate.runtime import connect

    try:
        store = connect(settings)
        try:
            store.ping()
            health = store.health()
            open_entries = sum(store.stats().by_state.get(state, 0) for state in ("pending", "leased", "released"))
        finally:
            store.close()
    except BackendUnavailableError as error:
        yield _row("quarantine", "unavailable", str(error))
        return
    detail = ", ".join(f"{name} {value}" for name, value in health.detail.items())
    yield _row("quarantine", "ok", f"{detail}; {open_entries} open entries")
    for reason in health.unsafe:
        yield _row("quarantine", "warning", f"unsafe: {reason}")


def _spool(settings: Settings) -> dict[str, Any]:
    from dq_gate.quarantine.spool import waiting

    count = waiting(settings.state_dir / "spool")
    if count:
        return _row("spool", "warning", f"{count} entries wait for the store; a running gate moves them")
    return _row("spool", "ok", "empty")
