from __future__ import annotations

import pytest

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Options

judge = CATALOGUE["no_markup"].compile(Options()).judge

MENTIONS = [
    "Are there any difference between `<h1> ... <h6>` tags for SEO?",
    "what does the <br> tag do",
    "use <b>, <i> or <u>?",
    "How can I kill a <defunct> process whose parent is init?",
    "wsl --install <distribution name>",
    "std::vector<int> and Map<String, Integer>",
    "a < b && c > d",
    "(p</=0.49), age<or = 40",
    "AT&T; R&D; Q&A; fish & chips;",
    "https://example.com/?a=1&copy=2&lang=en",
    "JavaScript: how to sort",
    "set option = on; onions = 3 (large)",
    "x <- c(1, 2)",
    "->, <-, <=>, <3",
    "$a = b(c)",
]
REMAINS = [
    "reset my card</p>",
    "<p>reset my card",
    '<a href="x">here</a>',
    "<DIV CLASS=q>",
    "one<br>two",
    "one<br/>",
    "<br />",
    "<!-- hidden -->",
    "<!DOCTYPE html>",
    "<![CDATA[x]]>",
    '<?xml version="1.0"?>',
    "terms &amp; conditions",
    "&nbsp;",
    "it&#8217;s",
    "it&#x2019;s",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '" onfocus=alert(1) autofocus',
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "<iframe src=//example.com/",
    "</textarea >",
]


@pytest.mark.parametrize("text", MENTIONS)
def test_text_about_tags_placeholders_and_comparisons_passes(text):
    assert judge(text) is None


@pytest.mark.parametrize("text", REMAINS)
def test_remains_of_a_page_fail(text):
    assert judge(text) is not None


def test_a_mention_does_not_hide_what_follows():
    assert judge("the <b> tag &amp; more").span == (12, 17)
    assert judge("the <b> tag</b>").span == (11, 15)
