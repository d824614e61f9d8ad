"""Searches of a column's memory leave out no row, however the column is laid out."""

from __future__ import annotations

import sys

import polars as pl
import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from dq_gate.checks import CATALOGUE
from dq_gate.checks.dialect import to_scan
from dq_gate.checks.patterns import engine_options, not_matches
from dq_gate.checks.textscan import byte_scanner, not_printable_ascii
from tests.property.nasty_text import texts

TEXTS = st.none() | texts(surrogates=False) | st.text("ab \x00é-", max_size=40) | st.just("a" * 30)
PIECES = [
    "a",
    "b",
    ".",
    "^",
    "$",
    r"\b",
    r"\s",
    r"\S",
    r"\w",
    r"\W",
    r"\d",
    "[ab]",
    r"[^\s]",
    r"[\w-]",
    r"\A",
    r"\z",
    "(?:ab)?",
    "|",
]
PATTERNS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)


@st.composite
def columns(draw):
    """Text in one chunk or several, sliced, filtered, turned round or repeated."""
    chunks = draw(st.lists(st.lists(TEXTS, max_size=8), min_size=1, max_size=3))
    column = pl.concat([pl.Series("v", chunk, pl.String) for chunk in chunks], rechunk=False)
    match draw(st.integers(0, 4)):
        case 1:
            column = column.slice(draw(st.integers(0, 9)), draw(st.integers(0, 9)))
        case 2:
            column = column.filter(pl.Series([number % 2 == 0 for number in range(len(column))], dtype=pl.Boolean))
        case 3:
            column = column.reverse()
        case 4:
            column = column.gather([*range(len(column)), *range(len(column))])
    return column


@given(columns())
def test_no_row_beyond_printable_ascii_is_left_out(column):
    rows = not_printable_ascii(column)
    if rows is not None:
        odd = {row for row, text in enumerate(column) if text and not (text.isascii() and text.isprintable())}
        assert odd <= set(rows)
        assert rows.is_sorted()


@given(columns(), st.lists(PATTERNS, min_size=1, max_size=3), st.booleans())
def test_no_ascii_row_that_matches_is_left_out(column, patterns, ignore_case):
    options = engine_options(ignore_case=ignore_case)
    patterns = [pattern for pattern in patterns if is_valid(pattern, options)]
    loosened = [loose for pattern in patterns if (loose := to_scan(pattern)) is not None]
    scan = byte_scanner(loosened, ignore_case=ignore_case) if loosened else None
    rows = scan(column) if scan else None
    if rows is not None:
        searches = [re2.compile(pattern, options).search for pattern in patterns if to_scan(pattern) is not None]
        matching = {
            row
            for row, text in enumerate(column)
            if text and text.isascii() and any(search(text) for search in searches)
        }
        assert matching <= set(rows)


def is_valid(pattern, options):
    try:
        re2.compile(pattern, options)
    except re2.error:
        return False
    return True


@pytest.mark.parametrize("is_installed", [True, False])
def test_a_scan_marks_what_the_expression_matches_and_nothing_else(is_installed, monkeypatch):
    if not is_installed:
        monkeypatch.setitem(sys.modules, "hyperscan", None)
        assert byte_scanner(["a"], ignore_case=False) is None
    options = {"patterns": [r"\bdrop\s+table\b", "^only this$"], "ignore_case": True}
    compiled = not_matches(CATALOGUE["not_matches"].options.model_validate(options))
    long = "a text of some length that says nothing"
    column = pl.Series(
        "v",
        [
            long,
            f"{long} DROP  table",
            f"{long} backdrop tables",
            None,
            "only this",
            "Drop table",
            f"é {long} drop\ttable",
        ]
        * 400,
    )
    marks = column.to_frame().select(compiled.suspects(pl.col("v")).fill_null(value=False))["v"]
    assert marks.to_list() == [False, True, False, False, True, True, True] * 400


def test_a_scan_that_finds_too_much_is_given_up():
    scan = byte_scanner(["a"], ignore_case=False)
    assert scan is not None
    assert scan(pl.Series(["a" * 100] * 10)) is None


def test_expressions_that_are_not_certain_are_not_scanned_for():
    for pattern in ("ſ", r"\x{17f}", "(?i)s", r"[\S]", r"\pL"):
        assert to_scan(pattern) is None, pattern
    for loose in ("(", "a*", "x(?:){2}(?:)*"):
        byte_scanner([loose], ignore_case=False)  # refused or not, but never an error
