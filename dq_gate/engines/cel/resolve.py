"""Which expressions are supported: names, functions and types are settled here, before any record is seen.

What is left to go wrong with a record is what CEL calls an error too: a result beyond 64 bits, a division by zero, an
index or a key that is not there, and a null where the expression does not ask for one first.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, NoReturn

import re2

from dq_gate.checks.moments import in_utc
from dq_gate.checks.patterns import engine_options
from dq_gate.engines.cel.terms import Term
from dq_gate.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dq_gate.checks.base import FieldType
    from dq_gate.engines.cel.parse import Node
    from dq_gate.engines.cel.terms import Type

FUNCTIONS = ("double", "has", "matches", "size", "timestamp")
METHODS = ("all", "contains", "endsWith", "exists", "matches", "size", "startsWith")
_ORDERED = frozenset({"str", "int", "float", "datetime"})
_NUMBERS = frozenset({"int", "float"})
_SCALARS = frozenset({"str", "int", "float", "bool"})
_CHEAP = frozenset({"int", "float", "bool", "datetime"})
_SIZED = frozenset({"str", "list[str]", "vector"})


def resolve_types(node: Node, fields: Mapping[str, FieldType]) -> Term:
    """Settle what every name of an expression stands for, and every type.

    Raises:
        ValueError: it is not supported, or is not true or false.
    """
    return _Resolver(fields, frozenset(_compared_with_null(node))).condition(node)


def _compared_with_null(node: Node) -> Iterator[str]:
    """Names of the fields that the expression compares with null."""
    if node.op in ("==", "!="):
        for one, other in (node.args, node.args[::-1]):
            if one.op == "name" and _is_null(other):
                yield one.value
    for arg in node.args:
        yield from _compared_with_null(arg)


def _is_null(node: Node) -> bool:
    return node.op == "literal" and node.value is None


class _Resolver:
    """Goes through one expression."""

    def __init__(self, fields: Mapping[str, FieldType], nullable: frozenset[str]) -> None:
        self.fields = fields
        self.nullable = nullable
        self.item: str | None = None
        """What the macro that is being read calls an item of its list."""

    def condition(self, node: Node) -> Term:
        """A part that has to be true or false."""
        term = self.term(node)
        if term.type != "bool":
            hint = "; compare it with == true" if term.type == "any" else ""
            raise ValueError(f"{_described(node)} is of type {term.type} where true or false is needed{hint}")
        return term

    def term(self, node: Node) -> Term:
        """A part of any type."""
        reader = self.READERS.get(node.op)
        if reader is not None:
            return reader(self, *node.args)
        match node.op:
            case "literal":
                return Term("literal", _type_of(node.value), value=node.value)
            case "name":
                return self.name(node.value)
            case "&&" | "||" | "!":
                return Term(node.op, "bool", tuple(map(self.condition, node.args)))
            case "==" | "!=":
                return self.equality(node)
            case "<" | "<=" | ">" | ">=":
                return self.order(node)
            case "select":
                return Term("select", "any", (self.container(node),), node.value)
            case "call":
                return self.call(node.value, node.args)
            case "method":
                return self.method(node.value, node.args)
            case _:
                return self.arithmetic(node)

    def name(self, name: str) -> Term:
        if name == self.item:
            return Term("item", "str")
        field = self.field(name)
        if self.item is not None and field.type not in _CHEAP:
            raise ValueError(
                f"field {name} within all() or exists(): each item would cost the length of {name} anew. Text can "
                "be compared with == and != there; numbers, booleans and moments can be used freely"
            )
        return field

    def field(self, name: str) -> Term:
        if name not in self.fields:
            raise ValueError(f"unknown field {name!r}{did_you_mean(name, self.fields)}")
        return Term("nullable" if name in self.nullable else "field", self.fields[name], value=name)

    def compared(self, node: Node) -> Term:
        """One side of == or !=, which never takes longer than the shorter side is."""
        if node.op == "name" and node.value != self.item and self.fields.get(node.value) == "str":
            return self.field(node.value)
        return self.term(node)

    def choice(self, test: Node, then: Node, otherwise: Node) -> Term:
        branches = self.term(then), self.term(otherwise)
        types = {branch.type for branch in branches}
        if len(types) > 1 or not types <= _SCALARS | {"datetime"}:
            raise ValueError(f"the sides of ? : are of types {branches[0].type} and {branches[1].type}; {_ONE_SCALAR}")
        return Term("if", branches[0].type, (self.condition(test), *branches))

    def equality(self, node: Node) -> Term:
        left, right = map(self.compared, node.args)
        for one, other in ((left, right), (right, left)):
            if other.type == "null":
                return self.null_test(node.op, one)
        if not _comparable(left.type, right.type):
            raise ValueError(f"{node.op} compares {left.type} with {right.type}{_hint(left.type, right.type)}")
        return Term(node.op, "bool", (left, right))

    def null_test(self, op: str, term: Term) -> Term:
        if term.op not in ("nullable", "select"):
            raise ValueError(f"{op} null: only fields and keys of objects can be null")
        test = Term("is_null", "bool", (term,))
        return test if op == "==" else Term("!", "bool", (test,))

    def order(self, node: Node) -> Term:
        left, right = map(self.term, node.args)
        if not {left.type, right.type} <= _ORDERED or not _comparable(left.type, right.type):
            raise ValueError(f"{node.op} compares {left.type} with {right.type}{_hint(left.type, right.type)}")
        return Term(node.op, "bool", (left, right))

    def membership(self, item: Node, among: Node) -> Term:
        if among.op == "list":
            value = self.term(item)
            items = tuple(map(self.term, among.args))
            for member in items:
                if value.type == "null" or member.type in ("any", "null") or not _comparable(value.type, member.type):
                    raise ValueError(f"`in` looks for {value.type} among {member.type}")
            return Term("in", "bool", (value, Term("list", "list", items)))
        value, values = self.term(item), self.term(among)
        if value.type != "str" or values.type not in ("list[str]", "object"):
            raise ValueError(
                f"`in` looks for {value.type} in {values.type}; it goes with [a, list], with text and a list[str] "
                "field, and with a key and an object field"
            )
        if values.type == "object":
            if value.op != "literal":
                raise ValueError("`in` looks into objects only for a key that is written out")
            return Term("has", "bool", (values,), value.value)
        return Term("in", "bool", (value, values))

    def container(self, node: Node) -> Term:
        """What a key is selected from."""
        of = self.term(node.args[0])
        if of.type != "object" and of.op != "select":
            raise ValueError(f".{node.value} of {of.type}: only fields of type object have keys")
        return of

    def index(self, of: Node, place: Node) -> Term:
        values, number = self.term(of), self.term(place)
        if values.type not in ("list[str]", "vector") or number.type != "int":
            raise ValueError(f"[…] of {values.type} by {number.type}: lists and vectors are indexed, by an int")
        return Term("index", "str" if values.type == "list[str]" else "float", (values, number))

    def arithmetic(self, node: Node) -> Term:
        args = tuple(map(self.term, node.args))
        kind = args[0].type
        fits = kind in _NUMBERS or (kind == "str" and node.op == "+")
        if not fits or any(arg.type != kind for arg in args) or (kind == "float" and node.op == "%"):
            types = " and ".join(arg.type for arg in args)
            mixed = {arg.type for arg in args} == _NUMBERS
            hint = "; write double(…) around the int" if mixed else "; it goes with two int or two float, + with text"
            raise ValueError(f"{'-' if node.op == 'neg' else node.op} of {types}{hint}")
        return Term(node.op, kind, args)

    def call(self, name: str, args: tuple[Node, ...]) -> Term:
        if name not in FUNCTIONS:
            hint = f"; write x.{name}(…)" if name in METHODS else did_you_mean(name, FUNCTIONS)
            raise ValueError(f"unknown function {name}(){hint}")
        _count(name, args, 2 if name == "matches" else 1)
        match name:
            case "has":
                if args[0].op != "select":
                    raise ValueError("has() asks for a key of an object: has(field.key); compare a field with null")
                return Term("has", "bool", (self.container(args[0]),), args[0].value)
            case "timestamp":
                return Term("literal", "datetime", value=_moment(args[0]))
            case "double":
                return self.as_float(args[0])
            case _:
                return self.method(name, args)

    def as_float(self, node: Node) -> Term:
        number = self.term(node)
        if number.type not in _NUMBERS:
            raise ValueError(f"double() of {number.type}: it takes a number")
        return Term("float", "float", (number,))

    def method(self, name: str, args: tuple[Node, ...]) -> Term:
        if name not in METHODS:
            raise ValueError(f"unknown function .{name}(){did_you_mean(name, METHODS)}")
        _count(name, args, {"size": 1, "all": 3, "exists": 3}.get(name, 2))
        if name in ("all", "exists"):
            return self.macro(name, *args)
        of = self.term(args[0])
        if name == "size":
            if of.type not in _SIZED:
                raise ValueError(f"size() of {of.type}: it takes {', '.join(sorted(_SIZED))}")
            return Term("size", "int", (of,))
        part = self.term(args[1])
        if of.type != "str" or part.type != "str":
            raise ValueError(f"{name}() of {of.type} and {part.type}: both have to be text")
        if name == "matches":
            return Term("matches", "bool", (of,), _expression(part))
        return Term(name, "bool", (of, part))

    def written_out(self, *_: Node) -> NoReturn:
        raise ValueError("a list that is written out can only stand after `in`")

    def macro(self, name: str, of: Node, item: Node, body: Node) -> Term:
        values = self.term(of)
        if values.type != "list[str]":
            raise ValueError(f"{name}() of {values.type}: it goes through a list[str] field")
        if item.op != "name" or item.value in self.fields:
            raise ValueError(f"{name}(x, …): x is a name for the item that is no field's")
        self.item = item.value
        try:
            return Term(name, "bool", (values, self.condition(body)))
        finally:
            self.item = None

    READERS: ClassVar[dict[str, Callable[..., Term]]] = {
        "if": choice,
        "in": membership,
        "index": index,
        "list": written_out,
    }


_ONE_SCALAR = "both have to be of one type: str, int, float, bool or datetime"


def _comparable(one: Type, other: Type) -> bool:
    if "any" in (one, other):
        return one != other and ({one, other} - {"any"}).issubset(_SCALARS)
    return {one, other} == _NUMBERS or (one == other and one in _SCALARS | {"datetime"})


def _hint(one: Type, other: Type) -> str:
    if "any" in (one, other):
        return "; a value of type any can only be compared by == and !=, with text, a number or a boolean"
    if {one, other} == {"str", "datetime"}:
        return "; write timestamp('2026-01-31T12:00:00Z')"
    return "; both have to be text, numbers, booleans (== and != only) or moments"


def _type_of(value: object) -> Type:
    types: dict[type, Type] = {str: "str", int: "int", float: "float", bool: "bool", type(None): "null"}
    return types[type(value)]


def _described(node: Node) -> str:
    return f"field {node.value}" if node.op == "name" else "the expression, or a part of it,"


def _count(name: str, args: tuple[Node, ...], expected: int) -> None:
    if len(args) != expected:
        raise ValueError(f"{name}() is given {len(args)} arguments, not {expected}, counting what it is called on")


def _moment(node: Node) -> datetime:
    try:
        if node.op == "literal" and isinstance(node.value, str):
            return in_utc(datetime.fromisoformat(node.value))
    except ValueError:
        pass
    raise ValueError("timestamp() takes a moment that is written out: timestamp('2026-01-31T12:00:00Z')")


def _expression(term: Term) -> str:
    if term.op != "literal":
        raise ValueError("matches() takes an expression that is written out")
    pattern = str(term.value)
    try:
        re2.compile(pattern, engine_options(ignore_case=False))
    except re2.error:
        raise ValueError("matches(): not an expression of RE2, which has no look-around or back-references") from None
    return pattern
