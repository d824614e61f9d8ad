"""Words spelled wholly in another alphabet's look-alikes, made from clean queries."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from dq_gate.checks.homoglyphs import look_alikes
from tests.accuracy.cases import Case

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SHORTEST = 4
_words = re.compile(r"[A-Za-z]{4,}").finditer


def disguise(word: str, letters: dict[str, str]) -> str | None:
    """The word in look-alikes of one alphabet, in small letters or capitals as far as these go; None when one lacks."""
    spelled = [letters.get(letter) or letters.get(letter.lower()) or letters.get(letter.upper()) for letter in word]
    return "".join(map(str, spelled)) if all(spelled) else None


def disguised(texts: Iterable[str]) -> Iterator[Case]:
    """Each text once for each alphabet that can spell one of its words; the alphabet is the case's kind."""
    rng = random.Random(11)
    number: dict[str, int] = defaultdict(int)
    alphabets = {name: {latin: letter for letter, latin in table.items()} for name, table in look_alikes().items()}
    for text in texts:
        for name, letters in alphabets.items():
            spelled = [(word, other) for word in _words(text) if (other := disguise(word[0], letters))]
            if spelled:
                word, other = rng.choice(spelled)
                yield Case(text[: word.start()] + other + text[word.end() :], number[name], name)
                number[name] += 1
