"""What an alert says of one group: templates of plain names in braces, filled with what logs say. Pure.

A template is the rule author's, its values are not: they are cut, and what is not printable in them is escaped, so
that no label forges a line.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING

from dq_gate.core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NUMBERS = frozenset({"value", "threshold", "volume"})
"""Names that stand for numbers: only these take a format spec."""

MAX_TEXT = 100
MISSING = "-"

_SPEC = re.compile(r"[+]?,?(\.[0-9]{1,2})?[fgeE%]?\Z")
_PLAIN = ",.6g"


def placeholders(template: str) -> frozenset[str]:
    """Names that a template asks for.

    Raises:
        ValueError: it is no such template; says why.
    """
    names = set()
    for _, name, spec, conversion in _pieces(template):
        if name is None:
            continue
        if not name.isidentifier() or conversion:
            raise ValueError("a placeholder is a plain name in braces, such as {value}; a brace itself is doubled: {{")
        if spec and name not in NUMBERS:
            raise ValueError(f"{{{name}}} takes no format spec: only {', '.join(sorted(NUMBERS))} are numbers")
        if not _SPEC.match(spec or ""):
            raise ValueError(f"no format spec {spec!r}; write one such as .2f, .1% or ,.0f")
        names.add(name)
    return frozenset(names)


def render(template: str, fields: Mapping[str, float | str | None]) -> str:
    """Fill in a template that `placeholders` took; what is not known is a dash."""
    pieces = ((text, name, spec) for text, name, spec, _ in _pieces(template))
    filled = [text + (_filled(fields.get(name), spec or "") if name is not None else "") for text, name, spec in pieces]
    return "".join(filled)


def _pieces(template: str) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    return iter(list(Formatter().parse(template)))


def _filled(value: float | str | None, spec: str) -> str:
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        return printable(value[:MAX_TEXT])
    return format(value, spec or _PLAIN)
