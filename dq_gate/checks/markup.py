"""What HTML leaves behind in text, told apart from text that talks about HTML."""

from __future__ import annotations

import re
from html.entities import html5
from typing import TYPE_CHECKING

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    import polars as pl

_ELEMENTS = (
    "a|abbr|acronym|address|applet|area|article|aside|audio|b|base|bdi|bdo|big|blink|blockquote|body|br|button|canvas"
    "|caption|center|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|dialog|dir|div|dl|dt|em|embed|fieldset"
    "|figcaption|figure|font|footer|form|frame|frameset|h[1-6]|head|header|hgroup|hr|html|i|iframe|img|input|ins|kbd"
    "|keygen|label|legend|li|link|main|map|mark|marquee|math|menu|meta|meter|nav|nobr|noframes|noscript|object|ol"
    "|optgroup|option|output|p|param|picture|pre|progress|q|rb|rp|rt|rtc|ruby|s|samp|script|section|select|slot|small"
    "|source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title"
    "|tr|track|tt|u|ul|var|video|wbr|xmp"
)
"""Elements of the HTML standard, obsolete ones included."""

_SPACE = r"[ \t\r\n]"
_TAG = (
    rf"<(?:/(?:{_ELEMENTS}){_SPACE}*>"  # an end tag
    rf"|(?:{_ELEMENTS})(?:/?>|[ \t\r\n/][^<>]*[=/][^<>]*>?)"  # a start tag: bare, with an attribute, closing itself
    rf"|!--|!DOCTYPE{_SPACE}|!\[CDATA\[|\?(?:xml|php){_SPACE})"
)
_REFERENCE = r"&(?:[A-Za-z][0-9A-Za-z]{1,31}|#[0-9]{2,7}|#x[0-9a-f]{2,6});"
_CALL = rf"(?:[ \t\r\n/\"'>]on[a-z]{{3,24}}{_SPACE}*={_SPACE}*[\"']?|(?:java|vb)script:)[A-Za-z_$.]+\("

_FLAGS = re.IGNORECASE | re.ASCII
_find_tags = re.compile(_TAG, _FLAGS).finditer
_find_references = re.compile(_REFERENCE, _FLAGS).finditer
_find_call = re.compile(_CALL, _FLAGS).search
_MENTION_STARTS_AFTER = frozenset(" \t\r\n\"'`([{<>|/,=\u2018\u201c\u00ab")
_MENTION_ENDS_BEFORE = frozenset(" \t\r\n\"'`)]}<>|/,.;:?!=\u2019\u201d\u00bb")


@check(
    "no_markup",
    Options,
    accepts=("str",),
    passes=(
        ({}, "difference between <h1> and <h2> for SEO?"),
        ({}, "how do I kill a <defunct> process?"),
        ({}, "if a < b && c > d; R&D; AT&T;"),
        ({}, "p</=0.49 or age<or = 40"),
    ),
    fails=(
        ({}, '<div class="q"><p>reset my card</p></div>'),
        ({}, "first line<br>second line"),
        ({}, "terms &amp; conditions"),
        ({}, "it&#8217;s"),
        ({}, "<img src=x onerror=alert(1)>"),
    ),
)
def no_markup(_options: Options) -> Compiled:
    """The text has no remains of HTML: tags, comments, character references, script handlers.

    Text was often taken from a web page. What is left of its markup costs tokens, splits words, and can be carried on
    to a page that shows an answer. Flagged are

    - end tags, start tags with attributes or closing themselves, and start tags that touch the text they mark, of
      elements that HTML has;
    - comments, document types, CDATA and processing instructions;
    - character references with a name that HTML has, or a number (`&nbsp;`, `&#8217;`);
    - event handlers and `javascript:` addresses that call something.

    Text that only mentions a tag ("difference between <h1> and <h2>"), placeholders such as `<name>` and comparisons
    pass. Source of the names: the HTML Living Standard.
    """

    def judge(text: str) -> Finding | None:
        match = (
            ("<" in text and _first_tag(text))
            or ("&" in text and _first_reference(text))
            or ("(" in text and _find_call(text))
        )
        return Finding("has remains of HTML", match.span()) if match else None

    def suspects(column: pl.Expr) -> pl.Expr:
        return column.str.contains(f"(?i){_TAG}|{_REFERENCE}|{_CALL}")

    return Compiled(judge, suspects)


def _first_tag(text: str) -> re.Match[str] | None:
    return next((tag for tag in _find_tags(text) if not _is_mention(tag)), None)


def _is_mention(tag: re.Match[str]) -> bool:
    """Whether a bare start tag stands apart, as a word that is talked about does."""
    is_bare = tag[0][1:-1].isalnum() and tag[0][-1] == ">"
    start, end = tag.span()
    before, after = tag.string[max(start - 1, 0) : start], tag.string[end : end + 1]
    return is_bare and (not before or before in _MENTION_STARTS_AFTER) and (not after or after in _MENTION_ENDS_BEFORE)


def _first_reference(text: str) -> re.Match[str] | None:
    references = _find_references(text)
    return next((match for match in references if match[0][1] == "#" or match[0][1:] in html5), None)
