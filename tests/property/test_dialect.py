"""An expression rewritten for Rust matches the same texts there as in RE2."""

from __future__ import annotations

import polars as pl
import re2
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dq_gate.checks.dialect import to_rust

ATOMS = [
    "a", "B", "k", "s", "é", "ß", "ſ", "K", "7", "٣", " ", "_", "-", "&", "~", "#", "<", "'", ".", "^", "$",
    r"\b", r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r"\A",
    r"\z", r"\.", r"\<", r"\>", r"\-", r"\_", r"\~", r"\ ", r"\/",
    r"\x41", r"\x{e9}", r"\n", r"\v", r"\a", "[a-k]",
    "[^a-k]", r"[\w-]", r"[\d.]", r"[^\s]", "[a&&b]", "[[a]", "[]a]",
    "[^]a]", "[[:alpha:]]", "[[:^digit:]x]", r"[\w-.]", "[a~~b]",
    "[a--b]", "[+-/]", "[a-]", "[-a]", r"[\]a]", r"[\W]",
    r"[^\w]", r"[<>]", r"[\<\>]", r"[\x{e0}-\x{ff}]", "(?i)", "(?s)",
    "(?m)", "(?i:K)", r"\pL", r"\Qa.b\E", r"\101", r"\B",
]  # fmt: skip
CHARACTERS = "aBkKsSéÉßſK7٣ \n\t\r\x0b\x0c.-_&~<>[]^$`\"'/@+#\x07\xa0\u2028x\u0301"

patterns = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: (
        st.builds("{}{}".format, inner, inner)
        | st.builds("(?:{}|{})".format, inner, inner)
        | st.builds("({}){}".format, inner, st.sampled_from(["*", "+", "?", "{1,2}", "{2}", "*?", "{1,}"]))
    ),
    max_leaves=6,
)


@settings(max_examples=600)
@given(
    pattern=patterns, texts=st.lists(st.text(CHARACTERS, max_size=8), min_size=10, max_size=20), ignore=st.booleans()
)
def test_rewritten_expressions_match_the_same_texts(pattern, texts, ignore):
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore
    try:
        expression = re2.compile(pattern, options)
    except re2.error:
        assume(False)
    rewritten = to_rust(pattern)
    if rewritten is not None:
        found = pl.Series(texts).str.contains(f"(?i:{rewritten})" if ignore else f"(?:{rewritten})")
        assert found.to_list() == [expression.search(text) is not None for text in texts]


def test_common_deny_patterns_are_rewritten():
    for pattern in (
        r"\bignore\s+(?:all|any)\b",
        r"^[\w.-]+@[\w-]+$",
        r"(?i)system prompt",
        r"\d{3}-\d{4}",
        r"[^\x20-\x7e]",
    ):
        assert to_rust(pattern) is not None


def test_what_means_something_else_in_rust_is_not_guessed_at():
    for pattern in (r"\pL", r"\Qa.b\E", r"\101", r"\B", "[a--b]", "a{", "]", r"\C"):
        assert to_rust(pattern) is None
