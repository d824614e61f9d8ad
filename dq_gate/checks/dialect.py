"""RE2 expressions in the words of Rust's regex library, which polars searches columns with, and of Hyperscan.

RE2 and Rust are linear and share most of their syntax, but not its meaning: RE2's word boundaries, digits and white
space are ASCII, Rust's are Unicode, and Rust reads set operations into classes. An expression with anything that is
not known to mean the same on both sides is not rewritten: its column is then judged value by value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SETS = {
    "d": "[0-9]", "D": "[^0-9]",
    "s": r"[\t\n\f\r ]", "S": r"[^\t\n\f\r ]",
    "w": "[0-9A-Za-z_]", "W": "[^0-9A-Za-z_]",
    "b": r"(?-u:\b)",
}  # fmt: skip

_ESCAPE = r"\\(?:(?P<set>[dDsSwWb])|(?P<mark>[!-/:-@\[-`{-~])|[anrtfv]|x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]{1,6}\})"
_TOKEN = re.compile(
    rf"""
      (?P<escape>{_ESCAPE}|\\[Az])
    | (?P<klass>\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\])
    | \((?:\?(?::|P?<\w+>|[imsU]*(?:-[imsU]+)?[:)]))?
    | \{{[0-9]+(?:,[0-9]*)?\}}
    | [^\\\[\](){{}}]
    | \)
    """,
    re.VERBOSE | re.DOTALL,
)
_MEMBER = re.compile(rf"(?P<escape>{_ESCAPE})|\[:\^?[a-z]+:\]|(?P<mark_>[\[\]&~])|[^\\]", re.DOTALL)


def to_rust(pattern: str) -> str | None:
    """Rewrite an expression that RE2 accepts.

    Returns:
        An expression that matches exactly the same texts in Rust, or None where that is not certain.
    """
    return _rewrite(_TOKEN, pattern, _translate)


def to_scan(pattern: str) -> str | None:
    """Loosen an expression for a search of many texts laid end to end.

    What it asserts of a text's ends and of word boundaries is left out, for neither is what it was beside another
    text.

    Returns:
        An expression in PCRE's syntax that, with its dot matching line feeds too, matches in every ASCII text in
        which RE2 finds a match, or None where that is not certain.
    """
    if not pattern.isascii() or r"\x" in pattern:  # other characters may have ASCII for their other case
        return None
    return _rewrite(_TOKEN, pattern, _loosen)


def _loosen(match: re.Match[str]) -> str | None:
    token = match.group()
    if token in _ASSERTIONS:
        return "(?:)"
    if match["set"]:
        return _SETS[match["set"]]
    if match["klass"]:
        return _loosen_class(token)
    if token.startswith("(?") and not token.startswith(("(?:", "(?P<")):  # flags
        return None
    return token


_ASSERTIONS = frozenset({"^", "$", r"\A", r"\z", r"\b"})


def _loosen_class(klass: str) -> str | None:
    """PCRE's white space has the vertical tab in it, which RE2's has not."""
    if r"\S" in klass or r"\b" in klass:
        return None
    return klass.replace(r"\s", r"\t\n\f\r ")


def _rewrite(token: re.Pattern[str], text: str, translate: Callable[[re.Match[str]], str | None]) -> str | None:
    parts: list[str] = []
    position = 0
    while position < len(text):
        match = token.match(text, position)
        part = translate(match) if match else None
        if match is None or part is None:
            return None
        parts.append(part)
        position = match.end()
    return "".join(parts)


def _translate(match: re.Match[str]) -> str | None:
    groups = match.groupdict()
    if groups["set"]:
        return _SETS[groups["set"]]
    if groups["mark"] in ("<", ">"):  # escaped, they are word boundaries in Rust
        return groups["mark"]
    if groups.get("mark_"):  # a class within a class, or a set operation, in Rust
        return "\\" + groups["mark_"]
    if groups.get("klass"):
        return _translate_class(groups["klass"])
    return match.group()


def _translate_class(klass: str) -> str | None:
    start = 2 if klass.startswith("[^") else 1
    members = klass[start:-1]
    if "--" in members or r"\b" in members:
        return None
    translated = _rewrite(_MEMBER, members, _translate)
    return None if translated is None else f"{klass[:start]}{translated}]"
