"""Regular expressions of the user's own. Always RE2, which takes linear time on any input; never Python's `re`."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import re2
from pydantic import AfterValidator, Field, StrictStr

from dq_gate.checks.base import Compiled, Options, Suspects, check
from dq_gate.checks.dialect import to_rust, to_scan
from dq_gate.checks.textscan import byte_scanner
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

_MEMORY = 64 * 1024 * 1024
"""RE2's default of 8 MiB is too little for a few hundred expressions."""
_WORTH_A_SCAN = 1000
"""Fewer rows are searched before a scanner is made."""
SURROGATE = re.compile("[\ud800-\udfff]")


def engine_options(*, ignore_case: bool) -> Any:
    """RE2's settings for an expression that only says whether it matches, and where."""
    options = re2.Options()
    options.max_mem = _MEMORY
    options.never_capture = True
    options.log_errors = False
    options.case_sensitive = not ignore_case
    return options


def _reason(pattern: str) -> str | None:
    """Why RE2 refuses an expression."""
    try:
        re2.compile(pattern, engine_options(ignore_case=False))
    except re2.error as error:
        return f"{_text(error)} (RE2 syntax: no look-around, no back-references)"
    except UnicodeEncodeError:
        return "it contains a lone surrogate"
    return None


def _text(error: Exception) -> str:
    reason = error.args[0]
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _valid_expression(pattern: str) -> str:
    if reason := _reason(pattern):
        raise ValueError(f"is no valid expression: {reason}")
    return pattern


def valid_expressions(patterns: list[str]) -> list[str]:
    """A validator of an option that holds expressions.

    Raises:
        ValueError: RE2 refuses one of them.
    """
    for number, pattern in enumerate(patterns, start=1):
        if reason := _reason(pattern):
            raise ValueError(f"expression {number} of {len(patterns)} is not valid: {reason}")
    return patterns


class MatchesOptions(Options):
    """One expression.

    Attributes:
        pattern: RE2 syntax, searched for anywhere.
        ignore_case: Whether letters match in either case.
    """

    pattern: Annotated[StrictStr, AfterValidator(_valid_expression)]
    ignore_case: bool = False


class NotMatchesOptions(Options):
    """A list of expressions.

    Attributes:
        patterns: RE2 syntax, searched for anywhere.
        ignore_case: Whether letters match in either case.
    """

    patterns: Annotated[list[StrictStr], Field(min_length=1), AfterValidator(valid_expressions)]
    ignore_case: bool = False


@check(
    "matches",
    MatchesOptions,
    accepts=("str",),
    passes=(({"pattern": "^[A-Z]{2}-[0-9]+$"}, "AB-12"), ({"pattern": "card", "ignore_case": True}, "my CARD")),
    fails=(({"pattern": "^[A-Z]{2}-[0-9]+$"}, "AB-12 "), ({"pattern": "card"}, "my CARD")),
)
def matches(options: MatchesOptions) -> Compiled:
    r"""The text matches a regular expression somewhere.

    Options:
        pattern: the expression, in RE2 syntax; required. It may match anywhere: anchor it with `^` and `$` to
            describe the whole text.
        ignore_case: true lets letters match in either case; default false.

    RE2 takes linear time on any text; it has no look-around and no back-references, and its `\b \d \s \w` are
    ASCII. A lone surrogate is matched as U+FFFD.
    """
    search = re2.compile(options.pattern, engine_options(ignore_case=options.ignore_case)).search
    finding = Finding("does not match the expression")

    def judge(text: str) -> Finding | None:
        return None if search(text) else finding

    return Compiled(
        without_surrogates(judge), contains([options.pattern], ignore_case=options.ignore_case, negated=True)
    )


@check(
    "not_matches",
    NotMatchesOptions,
    accepts=("str",),
    passes=(({"patterns": [r"\bpassword\b"]}, "how do I pass words on?"),),
    fails=(
        ({"patterns": [r"\bpassword\b"]}, "my password is lost"),
        ({"patterns": ["refund", "^test$"], "ignore_case": True}, "TEST"),
    ),
)
def not_matches(options: NotMatchesOptions) -> Compiled:
    r"""The text matches none of a list of regular expressions.

    Options:
        patterns: the expressions, in RE2 syntax. Each may match anywhere: anchor it with `^` and `$` to describe the
            whole text.
        patterns_file: a UTF-8 file beside the pack, one expression a line, `#` starts a comment line. It stands in
            place of `patterns`; one of the two is required.
        ignore_case: true lets letters match in either case; default false.

    All expressions are searched for at once, in time linear in the text and nearly independent of their number. The
    finding names the first expression that matches by its number, and where. RE2 has no look-around and no
    back-references, and its `\b \d \s \w` are ASCII. A lone surrogate is matched as U+FFFD.
    """
    engine = engine_options(ignore_case=options.ignore_case)
    search_all = search_set(options.patterns, engine)

    @cache
    def expression(index: int) -> Any:
        return re2.compile(options.patterns[index], engine)

    def judge(text: str) -> Finding | None:
        found = search_all(text)
        if found is None:
            return None
        first = min(found)
        match = expression(first).search(text)
        return Finding(f"matches expression {first + 1} of {len(options.patterns)}", match.span())

    found = contains(options.patterns, ignore_case=options.ignore_case)
    return Compiled(without_surrogates(judge), found)


def search_set(patterns: Sequence[str], engine: Any) -> Callable[[str], list[int] | None]:
    """One search for all expressions: the indexes of those that match, or None.

    A set has no slower engine to fall back to, so compiling it proves that its memory suffices.
    """
    expressions = re2.Set.SearchSet(engine)
    for pattern in patterns:
        expressions.Add(pattern)
    try:
        expressions.Compile()
    except re2.error:
        reason = f"the {len(patterns)} expressions together exceed {_MEMORY // 1024**2} MiB"
        raise ValueError(f"{reason}; split the rule") from None
    search: Callable[[str], list[int] | None] = expressions.Match
    return search


def without_surrogates(judge: Callable[[str], Finding | None]) -> Callable[[str], Finding | None]:
    """RE2 reads UTF-8, which has no lone surrogates: those are well_formed's business."""

    def guarded(text: str) -> Finding | None:
        try:
            return judge(text)
        except UnicodeEncodeError:
            return judge(SURROGATE.sub("\ufffd", text))

    return guarded


def contains(patterns: Sequence[str], *, ignore_case: bool, negated: bool = False) -> Suspects | None:
    """Marks the rows that match any of the expressions, or None when polars cannot be trusted to find them."""
    rewritten = [to_rust(pattern) for pattern in patterns]
    if None in rewritten:
        return None
    group = "(?i:" if ignore_case else "(?:"
    expression = "|".join(f"{group}{pattern})" for pattern in rewritten)

    def suspects(column: pl.Expr) -> pl.Expr:
        import polars as pl

        try:
            pl.Series([""]).str.contains(expression)
        except pl.exceptions.ComputeError:  # too large for Rust's limits: look at every row
            return column.is_not_null()
        if negated:
            return ~column.str.contains(expression)
        return column.map_batches(lambda texts: mark(texts, expression), return_dtype=pl.Boolean)

    mark = _marker(patterns, ignore_case=ignore_case)
    return suspects


def _marker(patterns: Sequence[str], *, ignore_case: bool) -> Callable[[pl.Series, str], pl.Series]:
    """Marks the texts that match an expression in Rust's words, after a scan has left few that may."""

    @cache
    def scanner() -> Callable[[pl.Series], pl.Series | None] | None:
        loosened = [loose for pattern in patterns if (loose := to_scan(pattern)) is not None]
        return byte_scanner(loosened, ignore_case=ignore_case) if len(loosened) == len(patterns) else None

    def mark(texts: pl.Series, expression: str) -> pl.Series:
        scan = scanner() if len(texts) >= _WORTH_A_SCAN else None
        rows = scan(texts) if scan else None
        if rows is None:
            return texts.str.contains(expression)
        is_candidate = texts.str.len_bytes() != texts.str.len_chars()  # the scan knows ASCII only
        marks = is_candidate.fill_null(value=False).scatter(rows, values=True)
        candidates = marks.arg_true()
        found = texts.gather(candidates).str.contains(expression).fill_null(value=False)
        return marks.scatter(candidates, values=found)

    return mark
