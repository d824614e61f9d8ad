"""A value in the user's editor: as JSON text that no character of it hides in, and back."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from dq_gate.cli.output import safe
from dq_gate.errors import ConfigurationError, ReviewError, UnreadableEntryError

USUAL_EDITORS = ("sensible-editor", "nano", "vi")


def editable_text(value: Any) -> str:
    """A value as indented JSON, printable throughout. What JSON has no form for is tagged, as the codec does it."""
    from dq_gate.quarantine.codec import encode, parse

    text = json.dumps(parse(encode(value).payload)["value"], indent=2, ensure_ascii=False)
    return "\n".join(map(safe, text.split("\n"))) + "\n"


def parse_text(text: str) -> Any:
    """A value out of JSON, with the codec's tags. Lines that begin with `//` are comments.

    Raises:
        ReviewError: it is no such JSON; says where, and nothing of its content.
    """
    from dq_gate.quarantine.codec import read_tagged, refusing_damage

    lines = ("" if line.lstrip().startswith("//") else line for line in text.split("\n"))
    try:
        document = json.loads("\n".join(lines), object_pairs_hook=_once, parse_constant=_no_constant)
        with refusing_damage():
            return read_tagged(document)
    except json.JSONDecodeError as error:
        raise ReviewError(f"the new value is not JSON: {error.msg}, line {error.lineno} column {error.colno}") from None
    except UnreadableEntryError:
        raise ReviewError("the new value has a name beginning with $ that stands for no type") from None
    except RecursionError:
        raise ReviewError("the new value is nested too deep") from None
    except ValueError as error:
        raise ReviewError(f"the new value cannot be read: {error}") from None


def in_editor(text: str) -> str:
    """Have the user change a text in $VISUAL or $EDITOR. It is on the disk for so long, for this user alone.

    Raises:
        ConfigurationError: there is no editor, or it failed.
    """
    command = _editor()
    with tempfile.TemporaryDirectory(prefix="dq-gate-") as directory:  # mode 0700
        file = Path(directory) / "value.json"
        file.write_text(text, encoding="utf-8")
        try:
            code = subprocess.run([*command, str(file)], check=False).returncode  # noqa: S603 - the user's own editor
        except OSError as error:
            raise ConfigurationError(f"{command[0]}: {error.strerror}; set EDITOR to a command that edits") from None
        if code:
            raise ConfigurationError(f"{command[0]} ended with {code}, so nothing was changed")
        return decoded(file.read_bytes())


def decoded(data: bytes) -> str:
    """The text of a new value.

    Raises:
        ReviewError: it is not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ReviewError("the new value is not UTF-8") from None


def _editor() -> list[str]:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if named:
        try:
            command = shlex.split(named)
        except ValueError:  # an open quotation mark
            command = []
        if not command:
            raise ConfigurationError("VISUAL or EDITOR is no command; set EDITOR to one that edits a file")
        return command
    found = next(filter(None, map(shutil.which, USUAL_EDITORS)), None)
    if found is None:
        raise ConfigurationError("there is no editor: set EDITOR to a command that edits a file")
    return [found]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, unless it has a name twice: the second would silently win."""
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("an object has the same name twice")
    return named


def _no_constant(name: str) -> Any:
    raise ValueError(f'{name} is not JSON; write {{"$float": "{name.lower().replace("infinity", "inf")}"}}')
