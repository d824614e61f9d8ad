"""`dq-gate doctor`: is everything there that the gate relies on?"""

from __future__ import annotations

import contextlib
import platform
import shlex
import tempfile
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

import typer

from dq_gate.cli import FINDINGS, UNAVAILABLE, USAGE
from dq_gate.cli.options import Format, OutputFormat, Pack, Quarantine, cli_settings, open_pack
from dq_gate.cli.output import show
from dq_gate.core.lifecycle import OPEN
from dq_gate.errors import BackendUnavailableError, ConfigurationError
from dq_gate.quarantine.entry import SCHEMA_VERSION
from dq_gate.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.settings import Settings

Result = Literal["ok", "warning", "unusable", "unavailable"]
_LIBRARIES = ("pydantic", "structlog", "redis", "google-re2", "ftfy", "polars")
_CODES: dict[Result, int] = {"unavailable": UNAVAILABLE, "unusable": USAGE, "warning": FINDINGS, "ok": 0}
"""Exit codes, the gravest first."""


def doctor(pack: Pack = None, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Check settings, pack, state directory, quarantine store and spool.

    Exits with 1 when something is unsafe, with 2 when pack or address cannot be used, with 3 when the store does not
    answer. JSON has one object an examination: what, result (ok, warning, unusable, unavailable), detail.

    \b
    dq-gate doctor
    dq-gate doctor --quarantine redis://localhost:6379/0 --pack rules/support.yaml
    """  # noqa: D301 - \b keeps the examples' lines apart
    settings = cli_settings(quarantine=quarantine)
    rows = list(_examinations(settings, pack or settings.pack))
    show(rows, format_, ["what", "result", "detail"], empty="")
    found = {row["result"] for row in rows}
    raise typer.Exit(next(code for result, code in _CODES.items() if result in found))


def _row(what: str, result: Result, detail: str) -> dict[str, Any]:
    return {"what": what, "result": result, "detail": detail}


def _examinations(settings: Settings, pack: str) -> Iterator[dict[str, Any]]:
    yield _row("dq_gate", "ok", f"{__version__} on Python {platform.python_version()}")
    yield _row("libraries", "ok", ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES))
    yield _mode(settings)
    yield _pack(pack)
    yield _state_dir(settings)
    yield _sealing(settings)
    yield from _store(settings)
    yield from _spool(settings)


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
    try:
        compiled = open_pack(pack)
    except ConfigurationError as error:
        return _row("pack", "unusable", str(error))
    return _row("pack", "ok", f"{compiled.id.name}@{compiled.id.version}: {len(compiled.rules)} rules")


def _state_dir(settings: Settings) -> dict[str, Any]:
    path = settings.state_dir
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        return _row("state directory", "warning", f"{path}: {error.strerror}; entries cannot be spooled")
    if path.stat().st_mode & 0o077:
        return _row("state directory", "warning", f"{path}: open to others; run: chmod 700 {shlex.quote(str(path))}")
    return _row("state directory", "ok", str(path))


def _sealing(settings: Settings) -> dict[str, Any]:
    from dq_gate.quarantine.vault import vault_of

    try:
        first = vault_of(settings).first
    except ConfigurationError as error:
        return _row("sealing", "unusable", str(error))
    if first is None:
        return _row(
            "sealing", "ok", "no key: payloads are stored unsealed, without the secrets that rules find in them"
        )
    others = [key.id for key in settings.sealing_keys[1:]]
    return _row("sealing", "ok", f"under key {first}" + (f"; {', '.join(others)} open too" if others else ""))


def _store(settings: Settings) -> Iterator[dict[str, Any]]:
    from dq_gate.gate.runtime import connect

    try:
        with contextlib.closing(connect(settings)) as store:
            store.ping()
            health = store.health()
            by_state = store.stats().by_state
            schema = store.schema()
    except (ConfigurationError, BackendUnavailableError) as error:
        yield _row("quarantine", "unusable" if isinstance(error, ConfigurationError) else "unavailable", str(error))
        return
    detail = ", ".join(f"{name} {value}" for name, value in health.detail.items())
    yield _row("quarantine", "ok", f"{detail}; {sum(by_state[state] for state in OPEN)} open entries")
    if settings.sealing_keys and schema < SCHEMA_VERSION:
        advice = "run dq-gate quarantine upgrade; until then entries stay in the spool"
        yield _row(
            "sealing", "unusable", f"the namespace is kept in schema {schema}, which holds nothing sealed: {advice}"
        )
    for reason in health.unsafe:
        yield _row("quarantine", "warning", f"unsafe: {reason}")


def _spool(settings: Settings) -> Iterator[dict[str, Any]]:
    from dq_gate.quarantine.spool_file import survey

    found = survey(settings.state_dir / "spool")
    if found.waiting:
        yield _row(
            "spool", "warning", f"{found.waiting} entries wait for the store; dq-gate quarantine list moves them there"
        )
    elif not found.unknown and not found.corrupt:
        yield _row("spool", "ok", "empty")
    if found.bytes >= settings.spool_max_mb * 1e6:
        yield _row("spool", "warning", f"full: it holds spool_max_mb, {settings.spool_max_mb:g} MB")
    for path in found.unknown:
        yield _row("spool", "warning", f"{path}: of another release's format; drain it with the release that wrote it")
    for path in found.corrupt:
        yield _row("spool", "warning", f"{path}: damaged; dq-gate quarantine list saves what can be read of it")
    for path in found.damaged:
        yield _row("spool", "warning", f"{path}: was damaged; what could be read is saved, the rest you may remove")
