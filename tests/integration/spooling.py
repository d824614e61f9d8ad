"""Damage to spools, as disks do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PAGE = 4096


def damage(directory: Path) -> Path:
    """Overwrite the page in the middle of the only spool of a directory; gives the file."""
    (path,) = directory.glob("*.db")
    middle = path.stat().st_size // PAGE // 2
    with path.open("r+b") as file:
        file.seek(middle * PAGE)
        file.write(b"\xa5" * PAGE)
    return path
