"""Letters that pass for others: Cyrillic among Latin, mathematical alphabets.

Real text mixes scripts too: Greek symbols in science, Latin names with a Cyrillic ending, Japanese, Thai and Hebrew
around Latin names. The words below are judged by how they are mixed, never by a list of letters alone.
"""

# ruff: noqa: RUF001, RUF002 - look-alike letters are what this file is about
from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache, partial
from importlib import resources
from typing import TYPE_CHECKING

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

_LATIN = (
    r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1d00-\u1d25\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1eff\u2c60-\u2c7f"
    r"\ua722-\ua787\ua78b-\ua7ca\uab30-\uab5a"
)
_LIKE_LATIN_BASIC = (
    r"\u0400-\u0482\u048a-\u052f\u1c80-\u1c8a\u1d2b\ua640-\ua66e\ua680-\ua69d"  # Cyrillic
    r"\u0370\u0372\u037a\u037f\u0391-\u0392\u0395-\u0397\u0399-\u039a\u039c-\u039d\u039f\u03a1\u03a4-\u03a5\u03a7\u03bf"
    r"\u03d2\u03dc\u03f2-\u03f3\u03f9-\u03fa\u1d26\u1fbe"  # Greek that is no symbol of its own: it looks exactly Latin
    r"\u03e2-\u03ef\u2c80-\u2cee\u0531-\u0556\u0560-\u0588\u13a0-\u13fd\uab70-\uabbf"  # Coptic, Armenian, Cherokee
    r"\u1401-\u167f\u16a0-\u16ea\u2d30-\u2d67\ua4d0-\ua4f7"  # Canadian syllabics, Runic, Tifinagh, Lisu
)
_LIKE_LATIN = rf"{_LIKE_LATIN_BASIC}\U00010280-\U0001057f\U000118a0-\U000118ff\U00016f00-\U00016f9f"
"""Alphabets many of whose letters look Latin (confusables.txt of Unicode Technical Standard 39), by block; beyond the
Basic Multilingual Plane Lycian to Elbasan, Warang Citi, Miao."""

_LETTERLIKE = r"\u2102\u210a-\u2113\u2115\u2118-\u211d\u2124\u2128\u212c-\u212d\u212f-\u2131\u2133-\u2134\u2145-\u2149"
_MATHEMATICAL_LATIN = rf"{_LETTERLIKE}\U0001d400-\U0001d6a3"
_MATHEMATICAL = rf"{_LETTERLIKE}\U0001d400-\U0001d7ff"
_SYMBOLS_LIKE_LATIN = f"αγινρσυϱ{_MATHEMATICAL_LATIN}"
_SYMBOLS_BASIC = rf"\u03b1-\u03c9\u03f1{_LETTERLIKE}\u2160-\u217f\uff21-\uff3a\uff41-\uff5a"
_SYMBOLS = rf"{_SYMBOLS_BASIC}\U0001d400-\U0001d6a3"
"""Greek letters, which are units and variables, too; mathematical letters, Roman numerals, full width."""
_CYRILLIC = r"\u0400-\u052f"
_CYRILLIC_LIKE_LATIN = "асеорхуіјѕһԁԛԝӏү"
_CYRILLIC_UNLIKE_LATIN = "бвгджзийклмнптфцчшщъыьэюяґєђћљњџБГДЖЗИЙЛПФЦЧШЩЪЫЬЭЮЯҐЄЂЋЉЊЏ"
_CYRILLIC_PART = f"(?=[{_CYRILLIC}]*[{_CYRILLIC_UNLIKE_LATIN}])[{_CYRILLIC}]{{2,}}"

_OTHERS = f"{_LIKE_LATIN}{_SYMBOLS}"
_MATHEMATICAL_WORD = f"[{_MATHEMATICAL}]" * 3
_LONGEST_NOTATION = 3
"""Small letters beside a symbol in real notation: "μmol", "sin𝜃"."""

_find_any = re.compile(rf"[{_LIKE_LATIN_BASIC}{_SYMBOLS_BASIC}\U00010280-\U0001d7ff]").search  # one range is fast
_find_latin = re.compile(f"[{_LATIN}]").search
_find_mathematical_word = re.compile(_MATHEMATICAL_WORD).search
_find_contact = re.compile(f"[{_LATIN}](?:(?=[{_OTHERS}])|(?<=[{_OTHERS}].))").search
_words = re.compile(f"[{_LATIN}{_OTHERS}]+").finditer
_find_like_latin = re.compile(f"[{_LIKE_LATIN}]").search
_is_joined = re.compile(f"[{_LATIN}]+{_CYRILLIC_PART}|{_CYRILLIC_PART}[{_LATIN}]+").fullmatch
_find_symbol_like_latin = re.compile(f"[{_SYMBOLS_LIKE_LATIN}]").search
_find_mixed_in_symbol = re.compile(f"[a-z][{_SYMBOLS}]+[a-z]|[{_SYMBOLS}]{{2}}").search
_small_latin = re.compile("[a-z]").findall
_find_unlike_latin = re.compile(f"[{_CYRILLIC}](?<![{_CYRILLIC_LIKE_LATIN}])").search
_find_disguised = re.compile(rf"(?<![^\W\d_])[{_CYRILLIC_LIKE_LATIN}]{{3,}}(?![^\W\d_])").search
_find_east_asian = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uff61-\uff9f]").search
_SHORTEST_BORROWED = 4
"""Letters of a word in another alphabet; fewer could be initials."""


class HomoglyphOptions(Options):
    """How far to look.

    Attributes:
        whole_words: Whether to judge words that are all look-alikes, too, and not only mixed ones.
    """

    whole_words: bool = True


@check(
    "no_homoglyphs",
    HomoglyphOptions,
    accepts=("str",),
    passes=(
        ({}, "β-blocker, 5 µm, 10 kΩ, TNFα, αvβ3, ΔΨm"),
        ({}, "Tシャツ、iPhoneを買う"),
        ({}, "SMSками из Wi-Fi, СССР"),
        ({}, "بـGitHub ใช้WiFiได้"),
        ({}, "the word мама means mum"),
        ({"whole_words": False}, "the \u0441\u043e\u0440\u0443 machine"),
    ),
    fails=(
        ({}, "p\u0430ssword"),
        ({}, "r\u0435s\u0435t my \u0440in"),
        ({}, "the \u0441\u043e\u0440\u0443 machine"),
        ({}, "\u03bfrder"),
        ({}, "\U0001d41b\U0001d41a\U0001d427\U0001d424"),
        ({}, "log in to \u0420\u0430\u0443\u0440\u0430\u04cf"),
        ({"whole_words": True}, "log in to \u13e2\u13aa\u13b7\u13ac"),
    ),
    passes_printable_ascii=True,
)
def no_homoglyphs(options: HomoglyphOptions) -> Compiled:
    """No word of the text passes for another by letters that look alike.

    Options:
        whole_words: false leaves alone the words that are all look-alikes of one alphabet; default true.

    Such words read as usual and match nothing in an index, and they carry text past filters. A word fails when

    - it mixes Latin with an alphabet that looks like it: Cyrillic, Coptic, Armenian, Cherokee, Lisu, Canadian
      syllabics, Tifinagh, Runic, the ancient ones of Asia Minor and Italy, and those Greek letters that look exactly
      Latin. A Latin name with a Cyrillic ending ("SMSками") passes;
    - it mixes four or more small Latin letters with a Greek or mathematical letter that looks Latin, or three or more
      with Greek, mathematical or full-width letters in their midst or two in a row: "TNFα" and "μmol" pass;
    - it has three or more mathematical letters in a row ("𝐛𝐚𝐧𝐤");
    - it is all small Cyrillic letters that look Latin, in a text that is otherwise without Cyrillic ("the сору");
    - it is four or more letters of any such alphabet, or of full width, that look Latin, in a Latin text that has no
      other letter of that alphabet. Cyrillic capitals ("МОСКВА") pass: signs and abbreviations are quoted so.

    Other scripts mix with Latin freely, as Japanese, Thai, Hebrew and Arabic do. Sources: blocks and look-alikes of
    Unicode Technical Standard 39 (confusables.txt); letters of one script that look alike are not its subject.
    """
    whole_words = options.whole_words

    def judge(text: str) -> Finding | None:
        if text.isascii() or _find_any(text) is None:
            return None
        match = _find_mathematical_word(text)
        if match:
            return Finding("has mathematical letters for a word", match.span())
        match = _first_mixed_word(text) or (_first_disguised_word(text) if whole_words else None)
        return match and Finding("has a word with letters that pass for others", match.span())

    return Compiled(judge, partial(_suspects, whole_words=whole_words))


def _first_mixed_word(text: str) -> re.Match[str] | None:
    if _find_contact(text) is None:
        return None
    return next((word for word in _words(text) if _find_contact(word[0]) and _is_odd_mix(word[0])), None)


def _is_odd_mix(word: str) -> bool:
    if _find_like_latin(word):
        return _is_joined(word) is None
    small = len(_small_latin(word))
    if small > _LONGEST_NOTATION:
        return bool(_find_symbol_like_latin(word) or _find_mixed_in_symbol(word))
    return small == _LONGEST_NOTATION and bool(_find_mixed_in_symbol(word))


def _first_disguised_word(text: str) -> re.Match[str] | None:
    if _find_latin(text) is None:
        return None
    cyrillic = None if _find_unlike_latin(text) else _find_disguised(text)
    return cyrillic or next(_borrowed_words(text), None)


def _borrowed_words(text: str) -> Iterator[re.Match[str]]:
    """Words all of whose letters look Latin, whose alphabets have no other business in the text."""
    words = [word for word in _whole_words().finditer(text) if not _is_cyrillic_capitals(word[0])]
    if not words:
        return
    looks = _all_look_alikes()
    genuine = {_alphabet(letter) for letter in set(text) if letter not in looks and letter.isalpha()}
    if _find_east_asian(text):
        genuine.add("FULLWIDTH")
    for word in words:
        if genuine.isdisjoint(map(_alphabet, word[0])):
            yield word


def _is_cyrillic_capitals(word: str) -> bool:
    return word.isupper() and _alphabet(word[0]) == "CYRILLIC"


@lru_cache(4096)
def _alphabet(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


@cache
def look_alikes() -> dict[str, dict[str, str]]:
    """The letters that look Latin and what they look like, by alphabet: the first word of their Unicode names."""
    text = resources.files("dq_gate.checks").joinpath("data/look_alikes.txt").read_text("utf-8")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {name: dict(zip(letters, latins, strict=True)) for name, letters, latins in rows}


@cache
def _all_look_alikes() -> str:
    return "".join(letter for letters in look_alikes().values() for letter in letters)


@cache
def _whole_words() -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W\d_])[{_all_look_alikes()}]{{{_SHORTEST_BORROWED},}}(?![^\W\d_])")


def _suspects(column: pl.Expr, *, whole_words: bool) -> pl.Expr:
    mixed = column.str.contains(f"[{_LATIN}][{_OTHERS}]|[{_OTHERS}][{_LATIN}]|{_MATHEMATICAL_WORD}")
    if not whole_words:
        return mixed
    disguised = f"[{_CYRILLIC_LIKE_LATIN}]{{3}}|[{_all_look_alikes()}]{{{_SHORTEST_BORROWED}}}"
    return mixed | (column.str.contains(disguised) & column.str.contains(f"[{_LATIN}]"))
