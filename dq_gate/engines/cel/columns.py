"""An expression over whole columns.

Where polars cannot answer exactly as the closure does, or CEL has no answer, a row's answer is null. Nulls run through
`&`, `|` and the other operators as errors do in CEL: false and null is false. What is surely true needs no close look.
"""

from __future__ import annotations

import operator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dq_gate.checks.dialect import to_rust
from dq_gate.engines.cel.parse import INT_MIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import polars as pl

    from dq_gate.engines.cel.terms import Term

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT_AS_FLOAT = 2**53
_SUMMABLE = 2**62
"""The sum of two such numbers has 64 bits."""
_MULTIPLIABLE = 2**31
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "+": operator.add, "-": operator.sub, "*": operator.mul,
}  # fmt: skip


def suspects(term: Term, needs: tuple[str, ...], columns: Mapping[str, pl.Expr]) -> pl.Expr | None:
    """Marks the rows of which the expression is not surely true, save those where a needed field is null.

    Args:
        term: The expression.
        needs: Fields without which the rule is skipped.
        columns: A column of the field's type, by name. Fields that may be null may be missing.
    """
    import polars as pl

    holds = _Columns(columns).expression(term)
    if holds is None:
        return None
    there = [columns[name].is_not_null() for name in needs]
    return pl.all_horizontal(~holds.fill_null(value=False), *there)


class _Columns:
    """Turns terms into polars expressions; None stands for one that is null in every row."""

    def __init__(self, columns: Mapping[str, pl.Expr]) -> None:
        self.columns = columns

    def expression(self, term: Term) -> pl.Expr | None:
        match term.op:
            case "literal":
                return _literal(term)
            case "field" | "nullable":
                return self.field(term)
            case "item":
                return _element()
            case "&&" | "||":
                return self.junction(term)
            case "is_null":
                return self.null_test(term.args[0])
            case "in" if term.args[1].op == "list":
                return self.listed(*term.args)
            case "all" | "exists":
                return self.macro(term)
        args = [self.expression(arg) for arg in term.args]
        known = [arg for arg in args if arg is not None]
        return _apply(term, known) if len(known) == len(args) else None

    def field(self, term: Term) -> pl.Expr | None:
        import polars as pl

        column = self.columns.get(term.value)
        if column is None:
            return None
        match term.type:
            case "str":
                return column.cast(pl.String)
            case "int":
                return column.cast(pl.Int64, strict=False)
            case "float":
                return column.cast(pl.Float64, strict=False).fill_nan(None)
            case "datetime":
                return column.dt.epoch("us")
            case "bool" | "list[str]":
                return column
            case _:
                return None

    def junction(self, term: Term) -> pl.Expr:
        import polars as pl

        sides = [self.expression(arg) for arg in term.args]
        known = [pl.lit(None, pl.Boolean) if side is None else side for side in sides]
        return (pl.all_horizontal if term.op == "&&" else pl.any_horizontal)(known)

    def null_test(self, of: Term) -> pl.Expr | None:
        import polars as pl

        if of.op == "nullable" and of.value not in self.columns:
            return pl.lit(value=True)
        if of.type == "any":  # whether its NaN is null, only its values tell
            return None
        column = self.columns[of.value]
        return (
            column.cast(pl.Float64, strict=False).fill_nan(None).is_null() if of.type == "float" else column.is_null()
        )

    def listed(self, value: Term, among: Term) -> pl.Expr | None:
        import polars as pl

        left = self.expression(value)
        if left is None:
            return None
        if all(member.op == "literal" and member.type == value.type for member in among.args):
            members = [_plain(member.value) for member in among.args]
            dtypes = {"str": pl.String, "float": pl.Float64, "bool": pl.Boolean}
            return left.is_in(pl.Series(members, dtype=dtypes.get(value.type, pl.Int64)).implode())
        rights = [self.expression(member) for member in among.args]
        tests = [
            pl.lit(None, pl.Boolean) if right is None else _compare("==", (value, member), [left, right])
            for right, member in zip(rights, among.args, strict=True)
        ]
        return pl.any_horizontal(tests)

    def macro(self, term: Term) -> pl.Expr | None:
        items = self.expression(term.args[0])
        test = _Columns({}).expression(term.args[1])  # of the item alone: other columns are out of its reach
        if items is None or test is None or any(part.op == "nullable" for part in term.args[1].walk()):
            return None
        surely, maybe = (items.list.eval(test.fill_null(value)) for value in (False, True))
        if term.op == "all":
            return _decided(true=surely.list.all(), false=~maybe.list.all())
        return _decided(true=surely.list.any(), false=~maybe.list.any())


def _apply(term: Term, args: list[pl.Expr]) -> pl.Expr | None:
    """What an operator or a function makes of columns; null where that is not certain."""
    import polars as pl

    simple = _FUNCTIONS.get(term.op)
    if simple is not None:
        return simple(*args)
    match term.op:
        case "if":
            test, then, otherwise = args
            return pl.when(test).then(then).when(~test).then(otherwise)
        case "==" | "!=" | "<" | "<=" | ">" | ">=":
            return _compare(term.op, term.args, args)
        case "+" | "-" | "*" | "/" | "%" | "neg":
            return _calculate(term, args)
        case "size":
            length = args[0].str.len_chars() if term.args[0].type == "str" else args[0].list.len()
            return length.cast(pl.Int64)
        case "matches":
            return _search(args[0], term.value)
        case "float":
            return args[0].cast(pl.Float64)
        case "index":
            return pl.when(args[1] >= 0).then(args[0].list.get(args[1], null_on_oob=True))
        case _:
            return None


_FUNCTIONS: dict[str, Callable[..., pl.Expr]] = {
    "!": lambda condition: ~condition,
    "in": lambda item, items: items.list.contains(item),
    "contains": lambda text, part: text.str.contains(part, literal=True),
    "startsWith": lambda text, part: text.str.starts_with(part),
    "endsWith": lambda text, part: text.str.ends_with(part),
}


def _compare(op: str, terms: tuple[Term, ...], sides: list[pl.Expr]) -> pl.Expr:
    """Whole numbers are compared with floats only where they are floats too."""
    import polars as pl

    comparison: pl.Expr = _OPERATORS[op](*sides)
    if terms[0].type == terms[1].type:
        return comparison
    whole = sides[0] if terms[0].type == "int" else sides[1]
    return pl.when(whole.is_between(-_EXACT_AS_FLOAT, _EXACT_AS_FLOAT)).then(comparison)


def _calculate(term: Term, args: list[pl.Expr]) -> pl.Expr:
    """Whole numbers are only calculated with where nothing can overflow, and division means the same."""
    import polars as pl

    if term.type == "str":
        return pl.concat_str(args)
    if term.type == "float":
        result = -args[0] if term.op == "neg" else args[0] / args[1] if term.op == "/" else None
        return (_OPERATORS[term.op](*args) if result is None else result).fill_nan(None)
    if term.op == "neg":
        return pl.when(args[0] > INT_MIN).then(-args[0])
    if term.op in "/%":
        return _divide(term.op, *args)
    limit = _MULTIPLIABLE if term.op == "*" else _SUMMABLE
    is_safe = [arg.is_between(-limit, limit, closed="none") for arg in args]
    return pl.when(pl.all_horizontal(is_safe)).then(_OPERATORS[term.op](*args))


def _divide(op: str, dividend: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    """Towards zero; polars' own division goes down."""
    import polars as pl

    size = dividend.abs() // divisor.abs()
    quotient = pl.when((dividend < 0) == (divisor < 0)).then(size).otherwise(-size)
    is_safe = (dividend > INT_MIN) & (divisor > INT_MIN) & (divisor != 0)
    return pl.when(is_safe).then(quotient if op == "/" else dividend - quotient * divisor)


def _search(column: pl.Expr, pattern: str) -> pl.Expr | None:
    import polars as pl

    rewritten = to_rust(pattern)
    if rewritten is None:
        return None
    try:
        pl.Series([""]).str.contains(rewritten)
    except pl.exceptions.ComputeError:  # too large for Rust's limits
        return None
    return column.str.contains(rewritten)


def _decided(*, true: pl.Expr, false: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.when(true).then(statement=True).when(false).then(statement=False)


def _literal(term: Term) -> pl.Expr:
    import polars as pl

    return pl.lit(_plain(term.value), pl.Int64 if term.type == "int" else None)


def _plain(value: Any) -> Any:
    return _microseconds(value) if isinstance(value, datetime) else value


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _element() -> pl.Expr:
    import polars as pl

    return pl.element()
