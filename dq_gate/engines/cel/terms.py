"""Expressions whose types are known to be sound: what both planes are compiled from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Type = Literal["str", "int", "float", "bool", "datetime", "list[str]", "vector", "object", "any", "null", "list"]
"""A field's type, or that of `null` or of a list that is written out."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part of an expression.

    Attributes:
        op: `literal`, `field` (never null), `nullable` (a field that may be), `item` (of the list that a macro goes
            through), `list`, `is_null`, `select`, `has`, `index`, `if`, `size`, `contains`, `startsWith`,
            `endsWith`, `matches`, `float`, `all`, `exists`, or an operator as CEL writes it (`neg` has one operand).
        type: Of its value.
        args: What it applies to.
        value: A literal's value, a field's name, a selected key, or an expression to match.
    """

    op: str
    type: Type
    args: tuple[Term, ...] = ()
    value: Any = None

    def walk(self) -> Iterator[Term]:
        """It and every part of it, in the order written."""
        yield self
        for arg in self.args:
            yield from arg.walk()
