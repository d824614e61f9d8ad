"""Ways real text gets broken on its way into a retrieval system, one function each.

`apply(kind, text, row_id)` draws from a generator seeded with the row's id alone, so any row can be made again by
itself, and a test does. Repairable damage is here too: a gate must tell the two apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from random import Random
from typing import Any

SEED = "dq_gate demo 1"
EMOJI = "😕"
CYRILLIC = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")
Damage = Callable[[str, Random], Any]


def typographic(text: str) -> str:
    """What a phone's keyboard writes for a straight apostrophe. No damage: this is what people send."""
    return text.replace("'", "\u2019")


def with_emoji(text: str) -> str:
    """A message that ends in an emoji. No damage either."""
    return f"{text} {EMOJI}"


def mojibake(text: str, random: Random) -> str:
    """UTF-8 bytes read as Windows-1252."""
    return text.encode().decode("cp1252")


def double_mojibake(text: str, random: Random) -> str:
    """The same twice, by two careless programs in a row."""
    return mojibake(mojibake(text, random), random)


def byte_order_mark(text: str, random: Random) -> str:
    """A file's byte-order mark left in front of its first line."""
    return f"\ufeff{text}"


def replacement_characters(text: str, random: Random) -> str:
    """Windows-1252 bytes read as UTF-8 with `errors="replace"`: the characters are gone."""
    return text.encode("cp1252").decode("utf-8", "replace")


def utf16_as_bytes(text: str, random: Random) -> str:
    """UTF-16 read one byte at a time: a NUL after every letter."""
    return text.encode("utf-16-le").decode("latin-1")


def half_emoji(text: str, random: Random) -> str:
    """Cut after so many UTF-16 units, through the middle of the last character."""
    return text[:-1] + chr(0xD800 + ((ord(text[-1]) - 0x10000) >> 10))


def control_characters(text: str, random: Random) -> str:
    """Editing keys kept as characters: a backspace, and a Ctrl-V at the end."""
    at = random.randrange(1, len(text))
    return f"{text[:at]}{text[at]}\x08{text[at:]}\x16"


def ansi_escapes(text: str, random: Random) -> str:
    """Copied from a coloured terminal."""
    return "".join(f"\x1b[1;32m{word}\x1b[0m " for word in text.split())


def zero_width_in_words(text: str, random: Random) -> str:
    """Zero-width spaces within the longer words, as some web pages carry them for line breaks."""

    def split(word: str) -> str:
        at = random.randrange(2, len(word) - 1) if len(word) > 3 else len(word)
        return word[:at] + "\u200b" * (at < len(word)) + word[at:]

    return " ".join(map(split, text.split(" ")))


def bidi_override(text: str, random: Random) -> str:
    """Stored backwards between a right-to-left override and its end, so that it displays as before."""
    return f"\u202e{text[::-1]}\u202c"


def homoglyphs(text: str, random: Random) -> str:
    """Cyrillic letters for the Latin ones they look like, in most words."""
    return " ".join(word.translate(CYRILLIC) if random.random() < 0.8 else word for word in text.split(" "))


def html_leftovers(text: str, random: Random) -> str:
    """Copied with the chat window's markup around it."""
    return f'<div class="msg-body" dir="auto"><p>{text.replace(" ", "&nbsp;", 2)}</p><br/></div>'


def private_use_icon(text: str, random: Random) -> str:
    """An icon font's glyph, which means nothing outside that font."""
    return f"{chr(0xE000 + random.randrange(0x100))} {text}"


def blank(text: str, random: Random) -> str:
    """A send button that was pressed too early."""
    return random.choice(["", " ", "\n", "   \t"])


def pasted_page(text: str, random: Random) -> str:
    """A whole documentation page pasted after the question."""
    guides = resources.files("dq_gate.demo").joinpath("data/guides.jsonl").read_text(encoding="utf-8")
    page = "\n\n".join(json.loads(line)["text"] for line in guides.splitlines())
    at = random.randrange(len(page) - 3000)
    return f"{text}\n\n{page[at : at + 3000]}"


def null(text: str, random: Random) -> None:
    """A form field that was renamed, so nothing arrives."""


def number(text: str, random: Random) -> int:
    """The message's id in place of its text."""
    return random.randrange(10_000, 100_000)


def word_list(text: str, random: Random) -> list[str]:
    """Split into words for a search box, and never joined again."""
    return text.split()


KINDS: dict[str, Damage] = {
    damage.__name__: damage
    for damage in (
        mojibake, double_mojibake, byte_order_mark, replacement_characters, utf16_as_bytes, half_emoji,
        control_characters, ansi_escapes, zero_width_in_words, bidi_override, homoglyphs, html_leftovers,
        private_use_icon, blank, pasted_page, null, number, word_list,
    )
}  # fmt: skip
"""Every kind of damage by its name."""

REPAIRABLE = frozenset({"mojibake", "double_mojibake", "byte_order_mark", "zero_width_in_words"})
"""Kinds from which the original can be had back."""


def apply(kind: str, text: str, row_id: str) -> Any:
    """Damage one text.

    Args:
        kind: A name in `KINDS`.
        text: The text as its sender meant it.
        row_id: Seeds the choices within the damage.
    """
    return KINDS[kind](text, Random(f"{SEED}/{row_id}/{kind}"))
