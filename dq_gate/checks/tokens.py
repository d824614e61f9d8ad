"""How long a text is to a language model: in tokens, not in characters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, NonNegativeInt, model_validator

from dq_gate.checks.base import Compiled, Options, check
from dq_gate.core.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    import polars as pl

    from dq_gate.checks.base import Context

_PIECE = r"[A-Za-z]{1,4}|[\t-\r ]{2,16}|[\x00-\x1f!-@\[-`{-\x7f]"
_find_pieces = re.compile(_PIECE).findall


class TokensOptions(Options):
    """Bounds of a number of tokens, both inclusive, and who counts.

    Attributes:
        min: Fewest tokens.
        max: Most tokens.
        tokenizer: "estimate", or `package.module:function`.
    """

    min: NonNegativeInt | None = None
    max: NonNegativeInt | None = None
    tokenizer: Annotated[str, Field(pattern=r"^(estimate|[^:]+:[^:]+)$")] = "estimate"

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: no value can pass")
        return self


@check(
    "tokens",
    TokensOptions,
    accepts=("str",),
    passes=(({"max": 8}, "how do I reset my card?"), ({"min": 1, "max": 512}, "貓在哪裡"), ({"max": 0}, "")),
    fails=(({"max": 5}, "how do I reset my card?"), ({"max": 5}, "貓在哪裡"), ({"min": 3}, "hi")),
    with_context=True,
)
def tokens(options: TokensOptions, context: Context) -> Compiled:
    """The text has at least `min` and at most `max` tokens.

    Options:
        min: fewest tokens that pass.
        max: most tokens that pass. At least one of the two is needed.
        tokenizer: `package.module:function`, which is given the text and returns its tokens, or their number; its
            package must be trusted by the settings, and threads may call it at once. Default `estimate`.

    The estimate counts every four letters of a word, every digit and sign, and every run of white space but single
    spaces as a token; other scripts, half a token for each byte of UTF-8. It means to be above what the byte-pair
    encoders of large models find. Measured against three (cl100k, o200k and an embedding model's), it is 25 to 50 % too
    high for English and below for no document and about one query in a hundred, though for one in four of those that
    are full of rare names; 5 to 50 % too high for other languages in Latin letters; up to four times where an encoder
    knows another script well, and 5 % too low for Greek where it does not. For letters that form no words it can be
    too low by half. Name the model's own tokenizer where a limit must be met exactly.
    """
    count = estimate if options.tokenizer == "estimate" else _counting(context.load(options.tokenizer))
    low = options.min or 0
    high = options.max

    def judge(text: str) -> Finding | None:
        size = count(text)
        if size < low:
            return Finding(f"has {size} tokens, fewer than {low}")
        if high is not None and size > high:
            return Finding(f"has {size} tokens, more than {high}")
        return None

    def suspects(column: pl.Expr) -> pl.Expr:
        pieces = column.str.count_matches(_PIECE)
        beyond_ascii = column.str.len_bytes() - column.str.len_chars()
        below = pieces + beyond_ascii // 2 < low
        return below if high is None else below | (pieces + beyond_ascii > high)

    return Compiled(judge, suspects if count is estimate else None)


def estimate(text: str) -> int:
    """About how many tokens a text is, without any tokenizer; rather more than less."""
    if text.isascii():
        return len(_find_pieces(text))
    ascii_bytes = len(text.encode("ascii", "ignore"))
    other_bytes = len(text.encode("utf-8", "surrogatepass")) - ascii_bytes
    return len(_find_pieces(text)) + (other_bytes + 1) // 2


def _counting(tokenize: Any) -> Callable[[str], int]:
    """A function that counts what another one returns."""
    if not callable(tokenize):
        raise ValueError("the tokenizer is no function")  # noqa: TRY004 - a mistake in a pack, as all others

    def count(text: str) -> int:
        found = tokenize(text)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        if isinstance(found, Sized) and not isinstance(found, (str, bytes, Mapping)):
            return len(found)
        raise TypeError(f"a tokenizer returns tokens or their number, not {type(found).__name__}")

    return count
