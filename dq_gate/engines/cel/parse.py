"""From the text of an expression to a small tree of our own; no type of the parser's library leaves this module.

The grammar is the library's. Two things are ours: limits, since a pack may come from anyone, and the reading of string
literals, which the library's lexer takes exponential time to refuse.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from dq_gate.errors import MissingExtraError

if TYPE_CHECKING:
    from lark import Token, Tree

MAX_LENGTH = 4096
MAX_DEPTH = 32
INT_MIN, INT_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression, as written.

    Attributes:
        op: What it is: `literal`, `name`, `list`, `select`, `index`, `call` (of a function), `method`, `if`, or an
            operator (`neg` is the minus sign of one operand).
        args: What it applies to. A method's first one is what stands before the dot.
        value: A literal's value; the name of a field, a function, a method or a selected key.
    """

    op: str
    args: tuple[Node, ...] = ()
    value: Any = None


def read_expression(text: str) -> Node:
    """Read an expression.

    Raises:
        ValueError: it is no CEL, or uses a part of it that is not supported.
        MissingExtraError: the library is not installed.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"the expression is longer than {MAX_LENGTH} characters; split the rule")
    _refuse_odd_strings(text)
    parser = _parser()
    from celpy.celparser import CELParseError

    try:
        tree = parser.parse(text)
    except CELParseError as error:
        raise ValueError(f"is no CEL expression: line {error.line}, column {error.column} is not expected") from None
    return _node(tree, MAX_DEPTH)


@cache
def _parser() -> Any:
    try:
        from celpy.celparser import CELParser
    except ImportError:
        raise MissingExtraError("check cel", "cel") from None
    return CELParser()


_SCRAP = re.compile(
    r"""
      [^'"/]+ | //[^\n]* | /
    | (?P<refused>'''|\"{3})
    | (?<![rR])'(?:[^'\\\n]|\\[^\n])*' | (?<![rR])"(?:[^"\\\n]|\\[^\n])*"
    | (?<=[rR])'(?:[^'\\\n]|\\[^'\n])*' | (?<=[rR])"(?:[^"\\\n]|\\[^"\n])*"
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL)
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {c: c for c in "\\'\"`?"}


def _refuse_odd_strings(text: str) -> None:
    position = 0
    while position < len(text):
        match = _SCRAP.match(text, position)
        if match is None:
            raise ValueError(f"a string that starts at column {position + 1} has no end")
        if match["refused"]:
            raise ValueError("strings in triple quotes are not supported; use single ones")
        position = match.end()


def _text(token: str) -> str:
    """What a string literal stands for."""
    text = token[2:-1] if token[0] in "rR" else _ESCAPE.sub(_character, token[1:-1])
    if re.search("[\ud800-\udfff]", text):
        raise ValueError("a string contains a lone surrogate")
    return text


def _character(match: re.Match[str]) -> str:
    *numbers, octal, letter = match.groups()
    code = next((int(number, 16) for number in numbers if number), None)
    code = int(octal, 8) if octal else code
    if code is None:
        if letter not in _ESCAPED:
            raise ValueError(f"\\{letter} means nothing in a string; write \\\\ for a backslash, or r'…'")
        return _ESCAPED[letter]
    if code > sys.maxunicode:
        raise ValueError(f"\\U{code:08x} is no character")
    return chr(code)


def _literal(token: Token) -> Any:
    match token.type:
        case "INT_LIT":
            number = int(token, 0) if "x" in token else int(token)
            if not INT_MIN <= number <= INT_MAX:
                raise ValueError(f"{token} is beyond the 64 bits of an int")
            return number
        case "FLOAT_LIT":
            return _finite(token)
        case "BOOL_LIT":
            return str(token) == "true"
        case "NULL_LIT":
            return None
        case "STRING_LIT":
            return _text(token)
    raise ValueError(f"{token}: {_UNSUPPORTED.get(token.type, token.type)} are not supported")


def _finite(token: str) -> float:
    number = float(token)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{token} is beyond the range of a float")
    return number


_UNSUPPORTED = {
    "UINT_LIT": "unsigned numbers", "BYTES_LIT": "bytes", "MLSTRING_LIT": "strings in triple quotes",
    "map_lit": "maps", "member_object": "messages", "dot_ident": "names that start with a dot",
    "dot_ident_arg": "names that start with a dot",
}  # fmt: skip
_BINARY = {
    "relation_lt": "<", "relation_le": "<=", "relation_gt": ">", "relation_ge": ">=", "relation_eq": "==",
    "relation_ne": "!=", "relation_in": "in", "addition_add": "+", "addition_sub": "-",
    "multiplication_mul": "*", "multiplication_div": "/", "multiplication_mod": "%",
}  # fmt: skip
_CHAINS = {"conditionalor": "||", "conditionaland": "&&"}


def _node(tree: Tree[Token], depth: int) -> Node:
    tree = _unwrapped(tree)
    if depth == 0:
        raise ValueError(f"the expression is nested more than {MAX_DEPTH} levels deep; split the rule")
    kind = str(tree.data)
    if kind in _CHAINS:
        return Node(_CHAINS[kind], tuple(_node(operand, depth - 1) for operand in _chain(tree)))
    children: list[Any] = tree.children
    if kind in _UNSUPPORTED:
        raise ValueError(f"{_UNSUPPORTED[kind]} are not supported")
    if kind == "literal":
        return Node("literal", value=_literal(children[0]))
    if kind == "ident":
        return Node("name", value=str(children[0]))
    if kind in ("member_dot", "member_dot_arg"):
        of = _node(children[0], depth - 1)
        args = _list(children[2:], depth)
        return Node("select" if kind == "member_dot" else "method", (of, *args), str(children[1]))
    if kind == "ident_arg":
        return Node("call", _list(children[1:], depth), str(children[0]))
    if kind == "list_lit":
        return Node("list", _list(children, depth))
    return _operation(kind, children, depth)


def _operation(kind: str, children: list[Any], depth: int) -> Node:
    if kind == "unary":
        sign = "!" if children[0].data == "unary_not" else "neg"
        return Node(sign, (_node(children[1], depth - 1),))
    if kind in ("relation", "addition", "multiplication"):
        operator, right = children
        operands = (operator.children[0], right)
        return Node(_BINARY[str(operator.data)], tuple(_node(operand, depth - 1) for operand in operands))
    assert kind in ("expr", "member_index"), kind
    return Node("if" if kind == "expr" else "index", tuple(_node(child, depth - 1) for child in children))


def _unwrapped(tree: Tree[Token]) -> Tree[Token]:
    """The first part below that is more than a level of the grammar, or a pair of parentheses."""
    while str(tree.data) in _WRAPPERS and len(tree.children) == 1:
        tree = tree.children[0]  # type: ignore[assignment]  # of these, all hold trees
    return tree


_WRAPPERS = frozenset(
    {"expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication", "unary", "member",
     "primary", "paren_expr"}
)  # fmt: skip


def _chain(tree: Tree[Token]) -> list[Tree[Token]]:
    """The operands of `a || b || c`, which the grammar nests to the left."""
    kind = tree.data
    operands: list[Any] = []
    while tree.data == kind and len(tree.children) == 2:  # noqa: PLR2004 - an operator's two sides
        tree, right = tree.children  # type: ignore[assignment]  # both are trees
        operands.append(right)
    return [tree, *reversed(operands)]


def _list(children: list[Any], depth: int) -> tuple[Node, ...]:
    """The members of a list of expressions, which may be left out where it is empty."""
    return tuple(_node(child, depth - 1) for exprlist in children for child in exprlist.children)
