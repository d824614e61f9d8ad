"""Text that shows and is not obeyed: whatever a terminal or a sheet would act on is written as JSON writes it."""

from __future__ import annotations

import json


def printable(text: str) -> str:
    """The text with every unprintable character escaped, and all others as they are."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]
