"""Whether there is anything to judge at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from dq_gate.checks.base import Compiled, FieldType, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    import polars as pl

_INK = (
    r"[^\x00-\x20\x7f-\xa0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_FIND_INK = re.compile(_INK).search
_BLANK = Finding("has no visible character")


@check(
    "not_null",
    Options,
    accepts=get_args(FieldType),
    passes=(({}, ""), ({}, 0)),
    fails=(),
)
def not_null(_options: Options) -> Compiled:
    """The field is present and not null.

    A missing field, None, NaN in a frame and an empty CSV cell are null. The gate itself fails a null value of a
    field that has this rule, because no check ever sees null; every other value passes. A field is required and
    not null by default: this rule is for a field declared `required: false` that a stricter pack insists on.
    """

    def judge(_value: Any) -> None:
        return None

    return Compiled(judge, lambda column: column.is_null())


@check(
    "not_blank",
    Options,
    accepts=("str",),
    passes=(({}, "how do I reset my card?"), ({}, "?"), ({}, "猫")),
    fails=(({}, ""), ({}, " \t\n"), ({}, "\u200b\u00a0")),
)
def not_blank(_options: Options) -> Compiled:
    """The text has at least one visible character.

    White space of every kind, control characters, and characters that draw nothing (zero-width characters,
    variation selectors, Hangul fillers, the blank Braille pattern) are not visible. Definition: Unicode's
    properties White_Space and Default_Ignorable_Code_Point.
    """

    def judge(text: str) -> Finding | None:
        if "!" <= text[:1] <= "~" or _FIND_INK(text):  # most texts begin with a visible ASCII character
            return None
        return _BLANK

    def suspects(column: pl.Expr) -> pl.Expr:
        return ~column.str.contains(_INK)

    return Compiled(judge, suspects)
