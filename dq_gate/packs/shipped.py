"""Where the packs that travel with dq_gate lie: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_dir() -> Path:
    """The folder of shipped rule files."""
    installed = _PACKAGE / "rules"
    return installed if installed.is_dir() else _PACKAGE.parent / "rules"


def shipped_path(name: str) -> Path:
    """The file of a shipped rule file, by its name without ending; it need not exist."""
    return shipped_dir() / f"{name}.yaml"


def shipped_packs() -> tuple[str, ...]:
    """Names of the shipped packs, sorted. Alert rules live beside them and are no pack."""
    return tuple(sorted(path.stem for path in shipped_dir().glob("*.yaml") if path.stem != "alerts"))
