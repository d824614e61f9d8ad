"""RE2 expressions in the words of Rust's regex library, which polars searches columns with.

Both are linear and share most of their syntax, but not its meaning: RE2's word boundaries, digits and white space are
ASCII, Rust's are Unicode, and Rust reads set operations into classes. An expression with anything that is not known
to mean the same on both sides is not rewritten: its column is then judged value by value.
"""

from __future__ import annotations

import re

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
    return _rewrite(_TOKEN, pattern)


def _rewrite(token: re.Pattern[str], text: str) -> str | None:
    parts: list[str] = []
    position = 0
    while position < len(text):
        match = token.match(text, position)
        part = _translate(match) if match else None
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
    translated = _rewrite(_MEMBER, members)
    return None if translated is None else f"{klass[:start]}{translated}]"
