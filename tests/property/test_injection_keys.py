"""The key words of `no_injection` hide no match: what an expression matches holds a key word of its family.

That is so by construction, each step of `make_injection_keys` keeping it; here texts are made up from the expressions
themselves, with every letter that counts as the same and every kind of space.
"""

from __future__ import annotations

import random
from re import _constants as ops

import pytest
import re2

from dq_gate.checks.injection import SPACE, builtin_expressions, key_words
from dq_gate.checks.patterns import engine_options
from tests.accuracy.make_injection_keys import IS_SPACE, keys, parse
from tests.accuracy.make_injection_keys import expression as key_expression

SPACES = " \t\n\r\xa0\u2018\u201d\"'*_`,~\u2013\u2014-"
SAME = {"s": "sS\u017f", "k": "kK\u212a", "ß": "ßẞ", "å": "åÅ\u212b", "µ": "µΜμ", "ς": "ςσΣ", "σ": "ςσΣ"}
"""Letters that are the same whatever the case, where those are more than two or unequal in length."""
ENGINE = engine_options(ignore_case=True)


class Writer:
    """Makes texts up that an expression matches, unless what it asserts about edges happens not to hold."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, nodes) -> str:
        return "".join(map(self._part, nodes))

    def _part(self, node) -> str:
        operation, value = node
        if operation is ops.MAX_REPEAT and value[1] is ops.MAXREPEAT and repr(node) == IS_SPACE:
            return "".join(self._random.choices(SPACES, k=self._random.choice((1, 1, 2))))
        if operation is ops.LITERAL:
            return self._letter(chr(value))
        if operation is ops.IN:
            return self._member(value)
        if operation is ops.NOT_LITERAL:
            return self._random.choice("ab!")
        if operation is ops.SUBPATTERN:
            return self.text(value[3])
        if operation is ops.BRANCH:
            return self.text(self._random.choice(value[1]))
        if operation in (ops.MAX_REPEAT, ops.MIN_REPEAT):
            times = self._random.randint(value[0], min(value[1], value[0] + 1))
            return "".join(self.text(value[2]) for _ in range(times))
        return ""

    def _letter(self, char: str) -> str:
        return self._random.choice(SAME.get(char.lower(), char.lower() + char.upper()))

    def _member(self, members) -> str:
        kind, value = self._random.choice(members)
        if kind is ops.NEGATE:
            return self._random.choice("ab")
        if kind is ops.LITERAL:
            return self._letter(chr(value))
        return chr(self._random.randint(*value)) if kind is ops.RANGE else self._random.choice(" \n")


def test_whatever_an_expression_matches_holds_a_key_word_of_its_family() -> None:
    writer, matches = Writer(1), 0
    held = {family: re2.compile(pattern, ENGINE).search for family, pattern in key_words().items()}
    for expression in builtin_expressions():
        search, nodes = re2.compile(expression.pattern, ENGINE).search, parse(expression.pattern)
        for text in (writer.text(nodes) for _ in range(25)):
            if search(text):
                matches += 1
                assert held[expression.family](text), (expression.family, text)
    assert matches > 5_000


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("[a-z]+ skills [a-z]+", id="spaces-beside-letters-with-more-than-two-forms"),
        pytest.param(r"\b(?:skip|ask) (?:this )?\bthing s", id="branches-and-options"),
        pytest.param("(?:all |some ){2}ends", id="repeats"),
        pytest.param("[ks]it[^a] (?:x+|yes)", id="classes"),
        pytest.param("straße 5 µm", id="letters-that-are-not-ASCII"),
        pytest.param("^begin|end$|\\Bmiddle", id="edges"),
    ],
)
def test_the_keys_of_any_expression_hide_none_of_its_matches(pattern: str) -> None:
    spaced = pattern.replace(" ", SPACE)
    held = re2.compile("|".join(map(key_expression, keys(parse(spaced)))).replace(" ", SPACE), ENGINE).search
    writer, search = Writer(2), re2.compile(spaced, ENGINE).search
    matches = [text for text in (writer.text(parse(spaced)) for _ in range(300)) if search(text)]
    assert len(matches) > 50
    assert [text for text in matches if not held(text)] == []
