"""Text for a reviewer's eyes: what a rule objected to is marked, what cannot be seen is spelled out.

Whatever comes in, nothing but printable characters comes out: a terminal shows it and obeys none of it.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

OFFENDING = "bold white on red"
INVISIBLE = "black on yellow"
MAX_MARKS = 3
"""Combining marks that a letter may carry, as in Hindi; those beyond are spelled out, before they cover other lines."""
MAX_SHOWN = 20_000
"""Characters of one text that are shown."""
_NAMES = {
    "\u00a0": "NBSP",
    "\u00ad": "SHY",
    "\u200b": "ZWSP",
    "\u200c": "ZWNJ",
    "\u200d": "ZWJ",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2060": "WJ",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufeff": "BOM",
}
_CONTROL_PICTURES = 0x2400
_DELETE_PICTURE = "\u2421"


def marked(text: str, spans: Iterable[tuple[int, int]] = ()) -> Text:
    """A text with its offending parts marked and its invisible characters spelled out.

    Args:
        text: Anything, lone surrogates included.
        spans: Code points from and to, the end not included.
    """
    offending = _covered(spans, len(text))
    shown = Text()
    marks = 0
    for place, character in enumerate(text[:MAX_SHOWN]):
        marks = marks + 1 if unicodedata.combining(character) else 0
        visible = spelled(character) if marks <= MAX_MARKS else _code(character)
        style = OFFENDING if place in offending else INVISIBLE if visible != character else ""
        shown.append(visible, style)
        if character == "\n":
            shown.append("\n")
    if len(text) > MAX_SHOWN:
        shown.append(f" … {len(text) - MAX_SHOWN:,} more characters", "dim")
    return shown


def spelled(character: str) -> str:
    """A character as itself where it shows, else its picture, short name or code point."""
    if character.isprintable():
        return character
    if character == "\x7f":
        return _DELETE_PICTURE
    if character < " ":
        return chr(_CONTROL_PICTURES + ord(character))
    return f"[{_NAMES[character]}]" if character in _NAMES else _code(character)


def _code(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def _covered(spans: Iterable[tuple[int, int]], length: int) -> set[int]:
    """Places within spans; an empty span marks the place before which something is missing."""
    return {
        place for start, end in spans for place in range(max(0, start), min(max(end, start + 1), length, MAX_SHOWN))
    }
