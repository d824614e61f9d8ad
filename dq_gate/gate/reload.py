"""Hot reload: a pack whose files changed is compiled anew, and put in force only if everything about it holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dq_gate.packs.compile import compile_pack
from dq_gate.packs.context import digest

if TYPE_CHECKING:
    from pathlib import Path

    from dq_gate.packs.compile import CompiledPack
    from dq_gate.settings import Settings

SETTLE_SECONDS = 0.25
"""Files that still change after this long are being written; half a pack may well be a valid one."""


class Reloader:
    """Watches the files that a pack was made of, by content: links may be swapped, times may lie.

    Args:
        pack: The pack in force.
        settings: What it may do.
    """

    def __init__(self, pack: CompiledPack, settings: Settings) -> None:
        self._reference = pack.resolved.reference
        self._settings = settings
        self._seen = _noted(pack)

    def changed_pack(self) -> CompiledPack | None:
        """The pack as its files have it now, or None when they are as they were, or still being written.

        Raises:
            ConfigurationError: they cannot be used. The same files are not tried again.
        """
        now = _contents(self._seen)
        if now == self._seen:
            return None
        time.sleep(SETTLE_SECONDS)
        if _contents(self._seen) != now:
            return None
        self._seen = now
        pack = compile_pack(
            self._reference,
            max_bytes=self._settings.max_input_bytes,
            trusted_packages=self._settings.trusted_packages,
        )
        self._seen = _noted(pack)
        return pack


def _noted(pack: CompiledPack) -> dict[Path, str]:
    return pack.resolved.files | pack.resolved.attachments


def _contents(paths: dict[Path, str]) -> dict[Path, str]:
    return {path: _content(path) for path in paths}


def _content(path: Path) -> str:
    try:
        return digest(path.read_bytes())
    except OSError as error:
        return f"unreadable: {error.strerror}"
