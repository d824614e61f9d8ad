"""Letters that pass for others: Cyrillic among Latin, mathematical alphabets.

Real text mixes scripts too: Greek symbols in science, Latin names with a Cyrillic ending, Japanese, Thai and Hebrew
around Latin names. The words below are judged by how they are mixed, never by a list of letters alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    import polars as pl

_LATIN = (
    r"A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1d00-\u1d25\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1eff\u2c60-\u2c7f"
    r"\ua722-\ua787\ua78b-\ua7ca\uab30-\uab5a"
)
_LIKE_LATIN = (
    r"\u0400-\u0482\u048a-\u052f\u1c80-\u1c8a\u1d2b\ua640-\ua66e\ua680-\ua69d"  # Cyrillic
    r"\u0370\u0372\u037f\u0391-\u0392\u0395-\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03d2\u03dc"
    r"\u03f2\u03f3\u03f9\u03fa\u1d26\u1fbe\u037a"  # Greek that is no symbol of its own: it looks exactly Latin
    r"\u03e2-\u03ef\u2c80-\u2cee"  # Coptic
    r"\u0531-\u0556\u0560-\u0588"  # Armenian
    r"\u13a0-\u13fd\uab70-\uabbf"  # Cherokee
    r"\u1401-\u167f\u16a0-\u16ea\u2d30-\u2d67\ua4d0-\ua4f7"  # Canadian syllabics, Runic, Tifinagh, Lisu
    r"\U00010280-\U0001057f\U000118a0-\U000118ff\U00016f00-\U00016f9f"  # Lycian to Elbasan, Warang Citi, Miao
)
"""Alphabets many of whose letters look Latin (confusables.txt of Unicode Technical Standard 39), by block."""

_SYMBOLS = r"\u03b1\u03b3\u03b9\u03bd\u03c1\u03c3\u03c5\u03f1"  # Greek α γ ι ν ρ σ υ ϱ: units and variables, too
_MATHEMATICAL = (
    r"\u2102\u210a-\u2113\u2115\u2118-\u211d\u2124\u2128\u212c\u212d\u212f-\u2131\u2133-\u2138\u2145-\u2149"
    r"\U0001d400-\U0001d7ff"
)
_CYRILLIC_LIKE_LATIN = "асеорхуіјѕһԁԛԝӏү"

_OTHERS = f"{_LIKE_LATIN}{_SYMBOLS}{_MATHEMATICAL}"
_find_other = re.compile(f"[{_OTHERS}]").search
_find_latin = re.compile(f"[{_LATIN}]").search
_find_contact = re.compile(f"[{_LATIN}](?:(?=[{_OTHERS}])|(?<=[{_OTHERS}].))", re.DOTALL).search
