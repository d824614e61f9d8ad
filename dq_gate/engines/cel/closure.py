"""An expression as a Python function over a record, by way of Python source that is put together from terms.

Nothing of a pack's text is in the source: names and literals are quoted by `repr`, functions are ours. There are two
forms of each expression. The quick one takes `&&` and `||` for Python's `and` and `or`. Where it raises, the careful
one starts over, for in CEL an error on one side of `&&` does not matter when the other side is false.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from dq_gate.checks.moments import in_utc
from dq_gate.checks.patterns import SURROGATE, engine_options, search_set
from dq_gate.engines.cel.parse import INT_MAX, INT_MIN

if TYPE_CHECKING:
    from dq_gate.engines.cel.terms import Term

Holds = Callable[[Mapping[str, Any]], bool]


def compile_closure(term: Term) -> Holds:
    """A function that says whether the expression is true of a record, or raises where it has no answer."""
    quick, careful = _compiled(term, careful=False), _compiled(term, careful=True)

    def holds(record: Mapping[str, Any]) -> bool:
        try:
            return quick(record)
        except Exception:  # noqa: BLE001 - the careful form raises it again, unless it does not matter
            return careful(record)

    return holds


def _compiled(term: Term, *, careful: bool) -> Holds:
    writer = _Writer(careful=careful)
    source = f"lambda record: {writer.condition(term)}"
    holds: Holds = eval(source, writer.names)  # noqa: S307 - see the module's docstring
    return holds


class _Writer:
    """Writes the source of one form of an expression, and gathers what its names stand for."""

    def __init__(self, *, careful: bool) -> None:
        self.careful = careful
        self.names: dict[str, Any] = dict(_FUNCTIONS)

    def name(self, value: Any) -> str:
        """A name for a value that source cannot spell."""
        name = f"value{len(self.names)}"
        self.names[name] = value
        return name

    def condition(self, term: Term) -> str:
        source = self.source(term)
        return f"known({source})" if term.op in ("nullable", "if") else source

    def source(self, term: Term) -> str:
        match term.op:
            case "literal":
                return self.name(term.value) if isinstance(term.value, datetime) else repr(term.value)
            case "item":
                return "item"
            case "field":
                return _NEEDED.get(term.type, "{}").format(f"record[{term.value!r}]")
            case "nullable":
                return _NULLABLE.get(term.type, "{}").format(f"record.get({term.value!r})")
            case "&&" | "||" | "!" | "if" | "all" | "exists":
                return self.logic(term)
            case "in":
                return self.membership(*term.args)
            case "matches":
                return f"{self.name(_matcher(term.value))}({self.source(term.args[0])})"
            case "select" | "has":
                return f"{term.op}({self.source(term.args[0])}, {term.value!r})"
            case "==" | "!=" if "any" in (term.args[0].type, term.args[1].type):
                form = "same({}, {})" if term.op == "==" else "(not same({}, {}))"
            case op:
                form = _FORMS.get((op, term.type)) or _FORMS[op, ""]
        return form.format(*map(self.source, term.args))

    def logic(self, term: Term) -> str:
        match term.op:
            case "!":
                return f"(not {self.condition(term.args[0])})"
            case "if":
                test, then, otherwise = self.condition(term.args[0]), *map(self.source, term.args[1:])
                return f"({then} if {test} else {otherwise})"
            case "all" | "exists":
                items, body = self.source(term.args[0]), self.condition(term.args[1])
                if self.careful:
                    return f"{'every' if term.op == 'all' else 'some'}({items}, lambda item: {body})"
                return f"{'all' if term.op == 'all' else 'any'}({body} for item in {items})"
        sides = list(map(self.condition, term.args))
        if self.careful:
            return f"{'both' if term.op == '&&' else 'either'}({', '.join(f'lambda: {side}' for side in sides)})"
        return f"({(' and ' if term.op == '&&' else ' or ').join(sides)})"

    def membership(self, value: Term, among: Term) -> str:
        if among.op != "list":
            return f"({self.source(value)} in {self.source(among)})"
        items = ", ".join(map(self.source, among.args))
        if value.type == "any":
            return f"any(same({self.source(value)}, item) for item in ({items},))" if items else "False"
        is_fixed = items and all(member.op == "literal" for member in among.args)
        collection = f"{{{items}}}" if is_fixed else f"[{items}]"
        return f"({self.source(value)} in {collection})"


_INT64 = f"(x if {INT_MIN} <= (x := {{}}) <= {INT_MAX} else overflow())"
_NEEDED = {"int": _INT64, "float": "float({})", "datetime": "in_utc({})"}
"""How a field is read: an int has 64 bits, a float may be given as an int, a moment may lack a time zone."""
_NULLABLE = {kind: f"maybe({{}}, {function})" for kind, function in (
    ("int", "int64"), ("float", "float"), ("datetime", "in_utc"))}  # fmt: skip
_FORMS: dict[tuple[str, str], str] = {
    **{(op, ""): f"({{}} {op} {{}})" for op in ("==", "!=", "<", "<=", ">", ">=", "+", "-", "*")},
    **{(op, "int"): _INT64.format(f"{{}} {op} {{}}") for op in "+-*"},
    ("neg", "int"): _INT64.format("-{}"),
    ("neg", "float"): "(-{})",
    ("/", "int"): "quotient({}, {})",
    ("%", "int"): "remainder({}, {})",
    ("/", "float"): "ratio({}, {})",
    ("is_null", ""): "({} is None)",
    ("size", ""): "len({})",
    ("float", ""): "float({})",
    ("contains", ""): "({1} in {0})",
    ("startsWith", ""): "{}.startswith({})",
    ("endsWith", ""): "{}.endswith({})",
    ("index", "str"): "item_at({}, {})",
    ("index", "float"): "float(item_at({}, {}))",
}
"""Source of what needs no further thought, by operator and type of the result; no type stands for all others."""


def _overflow() -> int:
    raise OverflowError("beyond 64 bits")


def _int64(number: int) -> int:
    return number if INT_MIN <= number <= INT_MAX else _overflow()


def _quotient(dividend: int, divisor: int) -> int:
    """Towards zero, as CEL has it; Python's goes down."""
    size = abs(dividend) // abs(divisor)
    return _int64(size if (dividend < 0) == (divisor < 0) else -size)


def _remainder(dividend: int, divisor: int) -> int:
    """Of the dividend's sign; CEL gives no answer where the quotient has none."""
    return dividend - _quotient(dividend, divisor) * divisor


def _ratio(dividend: float, divisor: float) -> float:
    """As IEEE 754 has it; Python's raises on zero."""
    if divisor:
        return dividend / divisor
    if dividend == 0 or math.isnan(dividend):
        return math.nan
    return math.copysign(math.inf, dividend) * math.copysign(1, divisor)


def _known(condition: Any) -> bool:
    """A condition that is not null."""
    if condition is None:
        raise TypeError("null is neither true nor false")
    return bool(condition)


def _maybe(value: Any, read: Callable[[Any], Any]) -> Any:
    return None if value is None else read(value)


def _item_at(items: Sequence[Any], place: int) -> Any:
    """Counted from the start only."""
    if not 0 <= place < len(items):
        raise IndexError("index out of range")
    return items[place]


def _select(of: Any, key: str) -> Any:
    if not isinstance(of, Mapping):
        raise TypeError("only objects have keys")
    return of[key]


def _has(of: Any, key: str) -> bool:
    if not isinstance(of, Mapping):
        raise TypeError("only objects have keys")
    return key in of


def _same(one: Any, other: Any) -> bool:
    """Equality of values of unknown types: only text, numbers and booleans are like another."""
    kind = _kind(one)
    return kind is not None and kind is _kind(other) and bool(one == other)


def _kind(value: Any) -> type | None:
    if isinstance(value, bool):
        return bool
    if isinstance(value, (int, float)):
        return float
    return str if isinstance(value, str) else None


def _settled(tests: Iterable[Callable[[], bool]], *, by: bool) -> bool:
    """`by` when any test answers so, whatever the others do; else the first error, if there was one."""
    first: Exception | None = None
    for test in tests:
        try:
            if test() is by:
                return by
        except Exception as error:  # noqa: BLE001 - any error waits for an answer that settles it
            first = first or error
    if first is not None:
        raise first
    return not by


def _both(*sides: Callable[[], bool]) -> bool:
    return _settled(sides, by=False)


def _either(*sides: Callable[[], bool]) -> bool:
    return _settled(sides, by=True)


def _every(items: Iterable[str], test: Callable[[str], bool]) -> bool:
    return _settled((partial(test, item) for item in items), by=False)


def _some(items: Iterable[str], test: Callable[[str], bool]) -> bool:
    return _settled((partial(test, item) for item in items), by=True)


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Whether an expression matches somewhere; a lone surrogate is matched as U+FFFD, as in the check `matches`."""
    search = search_set([pattern], engine_options(ignore_case=False))

    def matches(text: str) -> bool:
        try:
            return search(text) is not None
        except UnicodeEncodeError:
            return search(SURROGATE.sub("\ufffd", text)) is not None

    return matches


_FUNCTIONS: dict[str, Any] = {
    "overflow": _overflow, "int64": _int64, "quotient": _quotient, "remainder": _remainder, "ratio": _ratio,
    "known": _known, "maybe": _maybe, "in_utc": in_utc, "item_at": _item_at, "select": _select, "has": _has,
    "same": _same, "both": _both, "either": _either, "every": _every, "some": _some,
}  # fmt: skip
