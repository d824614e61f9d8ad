"""Cells that a spreadsheet would compute, or start or fetch something for, instead of showing them.

Possessive quantifiers (`*+`) and bounds keep every expression from going back: each takes linear time on any text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    import polars as pl

_SPACE = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
_SKIPPED = rf'^(?:[{_SPACE}"]|%0[9ADad])*'
"""What importers take away before they look at a cell: white space, a byte-order mark, quotes."""
_SIGN = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
_EQUALS = r"[=\uff1d]\s*+"
_DDE = r"(?i:DDE)"
_NEXT_CELL = r"[,;\t\r\n]\"?"

_LINK = r"\|\s*+(?:'[^'\r\n]{0,999}+'|\"[^\"\r\n]{0,999}+\")\s*+!"
"""The part of `cmd|'/C calc'!A0` that no text has: it starts a program."""
_REACHES_OUT = (
    "(?i:DDE|FILTERXML|HYPERLINK|IMPORTDATA|IMPORTFEED|IMPORTHTML|IMPORTRANGE|IMPORTXML|RTD|WEBSERVICE)"
    "|CALL|EXEC|IMAGE|INDIRECT|REGISTER"
)
"""Functions that start, fetch or send something; names that programmers use too count in capitals only."""
_COMPUTES = (
    "ABS|ADDRESS|AND|AVERAGE|CELL|CHAR|CHOOSE|CODE|CONCAT|CONCATENATE|COUNT|COUNTA|COUNTIF|DATE|ENCODEURL|EVALUATE"
    "|IF|IFERROR|INDEX|INFO|ISERROR|LEFT|LEN|LOOKUP|LOWER|MATCH|MAX|MID|MIN|NOT|NOW|OFFSET|OR|POWER|RAND|REPT|RIGHT"
    "|ROUND|ROW|SQRT|SUBSTITUTE|SUM|SUMIF|SUMPRODUCT|TEXT|TEXTJOIN|TODAY|UNICHAR|UPPER|VALUE|VLOOKUP|XLOOKUP"
)
_CELL = r"(?:'[^'\r\n]{1,99}+'!|[A-Za-z0-9_]{1,99}+!)?\$?[A-Za-z]{1,3}+\$?[0-9]{1,7}+(?![A-Za-z0-9_])"
_OPERAND = rf"[(+\-@ ]*+(?:{_CELL}|[0-9]++(?:[.,][0-9]++)?%?|\"[^\"\r\n]*+\")[) ]*+"

_find_opening = re.compile(rf"{_SKIPPED}+({_SIGN}|{_DDE})").match
_find_link = re.compile(_LINK).search
_match_formula = re.compile(
    "|".join(
        (
            rf"{_SIGN}[=+\-@*/^&(0-9.,% ]*+(?:{_REACHES_OUT})\s*+\(",
            rf"{_SIGN}[=+\-@*/^&(0-9.,%]*+(?:{_COMPUTES})\(",
            rf"{_SIGN}(?=[^A-Za-z]*+{_CELL}){_OPERAND}(?:[*/^&:+\-]++{_OPERAND})++$",
            rf"{_EQUALS}[+\-@(]*+[A-Za-z_][A-Za-z0-9_.]*+(?:\(|\|[^|!\s]++!)",
            rf"{_EQUALS}{_OPERAND}[+\-*/^&:<>=]++{_OPERAND}",
            rf"{_EQUALS}[+\-@(]*+{_CELL}[) ]*+$",
            rf"{_EQUALS}\{{",
            rf"{_DDE}\s*+\(\s*+[\"']",
        )
    )
).match
_find_hidden = re.compile(rf"{_NEXT_CELL}({_SIGN}(?:[^|\r\n]{{0,99}}+{_LINK}|[+\-@]*+(?:{_REACHES_OUT})\())").search


@check(
    "no_formula",
    Options,
    accepts=("str",),
    passes=(
        ({}, "-5"),
        ({}, "+49 170 1234567"),
        ({}, "@john hi"),
        ({}, "- a bullet"),
        ({}, "= is equal to"),
        ({}, "=)"),
        ({}, "'=SUM(A1:A9)"),
    ),
    fails=(
        ({}, "=2+5+cmd|' /C calc'!A0"),
        ({}, "@SUM(1+1)"),
        ({}, '\t"=HYPERLINK("http://a.example";"total")'),
        ({}, "\uff1d1+1"),
        ({}, "nothing here,=cmd|'/C calc'!A0"),
    ),
)
def no_formula(_options: Options) -> Compiled:
    """A spreadsheet would show the text, not compute it.

    A cell that starts with `=`, `+`, `-` or `@` is a formula to spreadsheets, and a formula can start programs, fetch
    addresses and send other cells away as soon as somebody opens an export. Flagged are texts that start so, after
    white space, a byte-order mark or double quotes, in ASCII or full width, and go on as a formula does:

    - a link to a program (`=cmd|'/C calc'!A0`), a `DDE` call or field;
    - a call of a spreadsheet function; after `=`, of any function;
    - an expression of cells, numbers and texts; after `+`, `-` and `@`, only one with a cell in it;
    - and, after a comma, semicolon, tab or line break within the text, a link or a call that reaches out: written
      without quotes, it would be a cell of its own.

    Numbers, telephone numbers, bullets, mentions, options and smileys pass, and so does a formula after an
    apostrophe, which is how spreadsheets mark text.
    """

    def judge(text: str) -> Finding | None:
        span = _formula_at_start(text)
        if span is None and (hidden := _find_hidden(text)):
            span = hidden.span(1)
        return Finding("a spreadsheet would compute it", span) if span else None

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.contains(rf"{_SKIPPED}(?:{_SIGN}|{_DDE})|{_NEXT_CELL}{_SIGN}")

    return Compiled(judge, suspects)


def _formula_at_start(text: str) -> tuple[int, int] | None:
    opening = _find_opening(text)
    if opening is None:
        return None
    start = opening.start(1)
    found = _match_formula(text, start) or _find_link(text, start)
    return (start, found.end()) if found else None
