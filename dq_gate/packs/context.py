"""What a check may ask of the pack it is compiled for: files beside it, and code that the settings trust."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dq_gate.checks.base import FieldType


@dataclass(frozen=True, slots=True)
class PackContext:
    """The `Context` of one rule. See `dq_gate.checks.base.Context`.

    Attributes:
        folder: Files are looked for from here.
        trusted_packages: Packages, or packages within them, that code may be imported from.
        files: Digests of the files that were read, by path; shared by all rules of a pack.
    """

    field: str | None
    fields: Mapping[str, FieldType]
    folder: Path
    trusted_packages: tuple[str, ...]
    files: dict[Path, str]

    def read(self, name: str) -> bytes:
        """The content of a file beside the pack.

        Raises:
            ValueError: it cannot be read.
        """
        path = self.folder / name
        try:
            content = path.read_bytes()
        except (OSError, ValueError) as error:
            raise ValueError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        self.files[path] = digest(content)
        return content

    def load(self, reference: str) -> Any:
        """What `package.module:name` stands for.

        Raises:
            ValueError: the settings do not trust the package, or there is no such thing.
        """
        module_name, colon, path = reference.partition(":")
        if not colon or not module_name or not path:
            raise ValueError(f"{reference!r}: code is named as package.module:name")
        self._refuse_untrusted(module_name)
        try:
            found: Any = import_module(module_name)
            for name in path.split("."):
                found = getattr(found, name)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"{reference}: {error}") from None
        except (Exception, SystemExit) as error:  # a script that was not meant to be imported ends the interpreter
            raise ValueError(f"{reference}: importing it raised {type(error).__name__}: {error}") from error
        return found

    def _refuse_untrusted(self, module_name: str) -> None:
        if any(f"{module_name}.".startswith(f"{package}.") for package in self.trusted_packages):
            return
        trusted = ", ".join(self.trusted_packages) or "none"
        raise ValueError(
            f"code of {module_name} is not imported: the setting `trusted_packages` (now: {trusted}) does not name it"
        )


def digest(content: bytes) -> str:
    """Stands for a file's content."""
    return hashlib.sha256(content).hexdigest()[:16]
