"""A linear model of injected instructions: words, pairs of words and parts of words, hashed into a table of weights.

`tests/accuracy/train_injection.py` writes the table. Judging is pure Python and takes time linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from itertools import accumulate
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dq_gate.core.model import Span

BUCKETS = 1 << 17
WINDOW = 60
"""Tokens judged at a time: an instruction within a document is judged without the rest of it."""
STEP = 30
_MARGIN = 2.5
"""A long text has many windows; each must be that much surer."""
_PART = 4
_LONGEST_WORD = 24
_KNOWN_WORDS = 1 << 14

_tokens = re.compile(r"\w+|[^\w\s]")


def features(tokens: Sequence[str]) -> list[tuple[int, ...]]:
    """What each token of a text adds, as places in the table."""
    words = [token[:_LONGEST_WORD].lower() for token in tokens]
    pairs = zip(["^", *words], words, strict=False)
    return [(*_word_features(word), _place(f"{before} {word}")) for before, word in pairs]


def tokenize(text: str) -> list[str]:
    """Words, and every other mark that is no space."""
    return _tokens.findall(text)


@lru_cache(_KNOWN_WORDS)
def _word_features(word: str) -> tuple[int, ...]:
    marked = f"<{word}>"
    parts = [marked[i : i + _PART] for i in range(len(marked) - _PART + 1)] if len(word) >= _PART else []
    return tuple(_place(feature) for feature in (word, *parts))


def _place(feature: str) -> int:
    return crc32(feature.encode()) % BUCKETS


def windows(size: int) -> list[tuple[int, int]]:
    """Overlapping stretches that cover so many tokens."""
    return [(start, min(start + WINDOW, size)) for start in range(0, max(size - STEP, 1), STEP)]


@dataclass(frozen=True, slots=True)
class Model:
    """A table of weights.

    Attributes:
        scale: What one step of a weight stands for.
        bias: Added to the score of every window; above zero is an injected instruction.
        weights: One signed byte for each place.
    """

    scale: float
    bias: float
    weights: memoryview[int]

    def find(self, text: str) -> Span | None:
        """Where the surest injected instruction is, or None."""
        tokens = tokenize(text)
        spans = windows(len(tokens))
        needed = 0.0 if len(spans) == 1 else _MARGIN
        score, (first, end) = max(zip(self._scores(tokens, spans), spans, strict=True))
        if score <= needed:
            return None
        places = [match.span() for match in _tokens.finditer(text)]
        return places[first][0], places[end - 1][1]

    def _scores(self, tokens: list[str], spans: list[tuple[int, int]]) -> list[float]:
        found = features(tokens)
        weigh = self.weights.__getitem__
        weight = list(accumulate((sum(map(weigh, places)) for places in found), initial=0))
        count = list(accumulate(map(len, found), initial=0))
        return [
            self.bias + self.scale * (weight[end] - weight[first]) / max(count[end] - count[first], 1) ** 0.5
            for first, end in spans
        ]

    def dump(self) -> bytes:
        """As a file: the numbers on one line, then the table."""
        return f"{self.scale!r} {self.bias!r}\n".encode() + self.weights.tobytes()


def parse_model(data: bytes) -> Model:
    """The inverse of `Model.dump`."""
    head, _, body = data.partition(b"\n")
    scale, bias = map(float, head.split())
    return Model(scale, bias, memoryview(body).cast("b"))


@cache
def read_model() -> Model:
    """The model that comes with the package."""
    return parse_model(resources.files("dq_gate.checks").joinpath("data/injection_model.bin").read_bytes())
