"""CEL expressions: the closure answers as the libraries' evaluators do, and the columns mark all that it fails."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import cel as rust_cel
import celpy
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dq_gate.checks import CATALOGUE
from dq_gate.packs.context import PackContext

FIELDS = {
    "n": "int", "m": "int", "x": "float", "y": "float", "s": "str", "u": "str", "b": "bool", "c": "bool",
    "t": "datetime", "v": "datetime", "tags": "list[str]", "o": "object", "z": "any",
    "maybe_n": "int", "maybe_x": "float", "maybe_s": "str", "maybe_b": "bool", "maybe_t": "datetime",
}  # fmt: skip
DTYPES = {
    "int": pl.Int64, "float": pl.Float64, "str": pl.String, "bool": pl.Boolean, "datetime": pl.Datetime("us", "UTC"),
    "list[str]": pl.List(pl.String),
}  # fmt: skip
WORDS = ["", "a", "b", "ab", "ba", "aab", "é", "😀", "é😀a", "\uffff", "'", "\\", "a\nb", "5"]
NUMBERS = [0, 1, -1, 2, 3, 7, -7, 2**31, 2**53, 2**62, -(2**62), 2**63 - 1, -(2**63) + 1]
FRACTIONS = [0.0, -0.0, 1.0, -1.5, 0.5, 2.0, 1e300, -1e300, 7.0, 2.0**53]
PATTERNS = ["^a", "b$", "a+b", r"\d", "[^a]", "^$", "é|b", "."]
MOMENTS = [datetime(2026, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
           datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))]  # fmt: skip
ERROR = "error"
LIMIT = sys.getrecursionlimit()
ENVIRONMENT = celpy.Environment()
sys.setrecursionlimit(LIMIT)  # the library raises it for the whole process


def quoted(text):
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def written(number):
    return repr(number) if isinstance(number, int) else f"{number:.1f}"


def joined(form, *parts):
    return st.tuples(*parts).map(lambda args: form.format(*args))


ITEM = st.just("i")
TEXT_FIELDS = st.sampled_from(["s", "u", "maybe_s"])


def texts(depth, item):
    simple = st.sampled_from(WORDS).map(quoted) | (ITEM if item else TEXT_FIELDS)
    if depth == 0:
        return simple
    inner = texts(depth - 1, item)
    choice = joined("({} ? {} : {})", conditions(depth - 1, item), inner, inner)
    index = st.just("tags[0]") if item is False else inner
    return simple | joined("({} + {})", inner, inner) | choice | index


def integers(depth, item):
    simple = st.sampled_from(NUMBERS).map(written) | st.sampled_from(["n", "m", "maybe_n"])
    if depth == 0:
        return simple
    inner = integers(depth - 1, item)
    arithmetic = st.one_of([joined(f"({{}} {op} {{}})", inner, inner) for op in "+-*/%"])
    return simple | arithmetic | joined("-({})", inner) | sizes(depth - 1, item)


def sizes(depth, item):
    text = joined("size({})", texts(depth, item)) | joined("{}.size()", texts(depth, item))
    return text if item else text | st.just("size(tags)")


def floats(depth, item):
    simple = st.sampled_from(FRACTIONS).map(written) | st.sampled_from(["x", "y", "maybe_x"])
    if depth == 0:
        return simple
    inner = floats(depth - 1, item)
    arithmetic = st.one_of([joined(f"({{}} {op} {{}})", inner, inner) for op in "+-*/"])
    return simple | arithmetic | joined("double({})", integers(depth - 1, item)) | joined("-({})", inner)


def moments():
    literals = st.sampled_from(MOMENTS).map(lambda moment: f"timestamp('{moment.isoformat()}')")
    return literals | st.sampled_from(["t", "v", "maybe_t"])


def comparisons(depth, item):
    def compared(kind, ops):
        return st.one_of([joined(f"({{}} {op} {{}})", kind, kind) for op in ops])

    ordered = ["==", "!=", "<", "<=", ">", ">="]
    mixed = [joined(f"({{}} {op} {{}})", integers(0, item), floats(0, item)) for op in ordered]
    listed = [joined("({} in [{}, {}])", kind, kind, kind) for kind in (texts(0, item), integers(0, item))]
    both = [kind(depth, item) for kind in (texts, integers, floats)] + [moments()]
    return st.one_of([compared(kind, ordered) for kind in both] + listed + mixed)


def searches(depth, item):
    text = texts(depth, item)
    methods = ["contains", "startsWith", "endsWith"]
    found = st.one_of([joined(f"{{}}.{method}({{}})", text, text) for method in methods])
    return found | joined("{}.matches({})", text, st.sampled_from(PATTERNS).map(quoted))


def loose():
    scalars = st.sampled_from(WORDS).map(quoted) | st.sampled_from([*NUMBERS, 0.5, 1.0]).map(written) | st.just("true")
    left = st.sampled_from(["z", "o.a", "o.b.c"])
    return (
        joined("({} == {})", left, scalars) | joined("({} != {})", scalars, left)
        | st.sampled_from(["has(o.a)", "has(o.b)", "('a' in o)", "(o.a == null)"])
    )  # fmt: skip


def conditions(depth, item=False):
    simple = st.sampled_from(["b", "c", "true", "false", "maybe_b"])
    nulls = st.sampled_from([f"({name} {op} null)" for name in FIELDS if "maybe" in name for op in ("==", "!=")])
    if depth == 0:
        return simple | nulls
    inner = conditions(depth - 1, item)
    logic = joined("({} && {})", inner, inner) | joined("({} || {})", inner, inner) | joined("!({})", inner)
    choice = joined("({} ? {} : {})", inner, inner, inner)
    leaves = comparisons(depth - 1, item) | searches(depth - 1, item) | nulls
    if item:
        return simple | leaves | logic | choice
    lists = joined("({} in tags)", texts(depth - 1, False)) | joined(
        "tags.{}(i, {})", st.sampled_from(["all", "exists"]), conditions(min(depth - 1, 1), True)
    )
    return simple | leaves | logic | logic | choice | lists | loose()


# Each field that may be null is compared with null somewhere, so that no record is skipped.
GUARD = " && ".join(f"({name} == null || true)" for name in FIELDS if "maybe" in name)
expressions = conditions(3).map(lambda condition: f"{GUARD} && ({condition})")

VALUES = {
    "int": st.sampled_from([*NUMBERS, -(2**63)]) | st.integers(-5, 5),
    "float": st.sampled_from(FRACTIONS) | st.floats(-4, 4),
    "str": st.sampled_from(WORDS) | st.text(max_size=3),
    "bool": st.booleans(),
    "datetime": st.sampled_from(MOMENTS) | st.datetimes(timezones=st.just(UTC)),
    "list[str]": st.lists(st.sampled_from(WORDS), max_size=3),
    "object": st.sampled_from([{}, {"a": 1}, {"a": "a"}, {"a": True, "b": {"c": 0.5}}, {"b": {"c": "é"}}, {"a": None}]),
    "any": st.sampled_from([*WORDS[:4], 0, 1, 0.5, 1.0, True, False]),
}  # fmt: skip
records = st.fixed_dictionaries(
    {name: (st.none() | VALUES[kind]) if "maybe" in name else VALUES[kind] for name, kind in FIELDS.items()}
)


def compiled(expression):
    check = CATALOGUE["cel"]
    context = PackContext(None, FIELDS, Path(), (), {})
    return check.compile(check.options.model_validate({"expr": expression}), context)


def answer(call):
    try:
        return bool(call())
    except Exception:
        return ERROR


def of_closure(rule, record):
    return answer(lambda: rule.judge({k: v for k, v in record.items() if v is not None}) is None)


def of_rust(expression, record):
    """The library's answer, or None where it is not CEL.

    It counts text in bytes, gives the least int as its own negative, and refuses to order not-a-number.
    """
    if "size(" in expression and not (expression + json.dumps(record, ensure_ascii=False, default=str)).isascii():
        return None
    if "-(" in expression and -(2**63) in record.values():
        return None
    try:
        return rust_cel.evaluate(expression, record)
    except TypeError:
        makes_infinities = " / " in expression or " * " in expression
        return None if makes_infinities else ERROR
    except Exception:
        return ERROR


def of_celpy(expression, record):
    program = ENVIRONMENT.program(ENVIRONMENT.compile(expression))
    return answer(lambda: program.evaluate({name: celpy.json_to_cel(value) for name, value in record.items()}))


@settings(max_examples=150)
@given(expressions, st.lists(records, min_size=3, max_size=3))
def test_the_closure_answers_as_the_rust_library(expression, rows):
    rule = compiled(expression)
    for record in rows:
        expected = of_rust(expression, record)
        assert expected is None or of_closure(rule, record) is expected


@settings(max_examples=100)
@given(joined("{} == {} || 1 / n == 1", sizes(1, False), sizes(0, False)), records)
def test_the_closure_counts_code_points_as_celpy_does(expression, record):
    assert of_closure(compiled(expression), record) == of_celpy(expression, record)


def unmarked_failures(expression, rows, dtypes=DTYPES):
    """Rows that fail, and that the first look over the columns lets pass."""
    rule = compiled(expression)
    frame = pl.DataFrame(
        {
            name: pl.Series([row[name] for row in rows], dtype=dtypes[kind])
            for name, kind in FIELDS.items()
            if kind in dtypes
        }
    )
    columns = {name: pl.col(name) for name in frame.columns} | {"o": pl.lit(value=True), "z": pl.lit(value=True)}
    mark = rule.suspects(columns)
    marks = [True] * len(rows) if mark is None else frame.with_columns(mark.alias("mark"))["mark"].to_list()
    judged = [not marked and None not in map(row.get, rule.needs) for row, marked in zip(rows, marks, strict=True)]
    return [row for row, is_judged in zip(rows, judged, strict=True) if is_judged and of_closure(rule, row) is not True]


@settings(max_examples=100)
@given(expressions, st.lists(records, min_size=20, max_size=20))
def test_no_failing_row_is_left_unmarked(expression, rows):
    assert unmarked_failures(expression, rows) == []


NARROW = DTYPES | {"int": pl.Int8, "float": pl.Float32, "datetime": pl.Datetime("ns")}
WIDE = DTYPES | {"int": pl.UInt64, "float": pl.Int64, "datetime": pl.Datetime("ms", "Asia/Tokyo")}


@pytest.mark.parametrize("dtypes", [NARROW, WIDE], ids=["narrow", "wide"])
@settings(max_examples=60)
@given(expression=expressions, rows=st.lists(records, min_size=20, max_size=20))
def test_columns_of_other_widths_and_units_leave_no_failing_row_unmarked(dtypes, expression, rows):
    typed = pl.DataFrame(
        {
            name: pl.Series([row[name] for row in rows], dtype=DTYPES[kind])
            for name, kind in FIELDS.items()
            if kind in DTYPES
        }
    )
    cast = typed.select(pl.col(name).cast(dtypes[FIELDS[name]], strict=False) for name in typed.columns)
    rows = [row | values for row, values in zip(rows, cast.to_dicts(), strict=True)]
    assert unmarked_failures(expression, rows, dtypes) == []
