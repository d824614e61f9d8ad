"""Fingers on a keyboard: made-up keyboard mash, from the geometry of the keys alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
ROW_SHIFTS = (0.0, 0.25, 0.75)
ROW_WEIGHTS = (2.0, 4.0, 1.0)
"""How often fingers at rest reach each row."""
PLACES = {key: (row, column + ROW_SHIFTS[row]) for row, keys in enumerate(ROWS) for column, key in enumerate(keys)}
KEYS = sorted(PLACES)
MIDDLE = 4.6
HANDS = tuple([key for key in KEYS if (PLACES[key][1] < MIDDLE) is left] for left in (True, False))


def mash(rng: random.Random) -> str:
    """One piece of mash of 4 to 30 letters, as someone might type it who does not mean anything."""
    length = max(4, min(30, int(rng.lognormvariate(2.3, 0.4))))
    (style,) = rng.choices((roll, scatter, few_keys, repeat, sweep), (5, 3, 1.5, 1, 1))
    return style(rng, length)


def roll(rng: random.Random, length: int) -> str:
    """Each hand goes on near where it was."""
    bias, reach, change = rng.choice((0, 0.5, 1)), rng.uniform(1, 4), rng.uniform(0, 0.6)
    last = [rng.choice(keys) for keys in HANDS]
    hand, typed = rng.randrange(2), ""
    for _ in range(length):
        if rng.random() < change:
            hand = 1 - hand
        near = [_pull(key, bias) * math.exp(-_distance(last[hand], key) / reach) for key in HANDS[hand]]
        (last[hand],) = rng.choices(HANDS[hand], near)
        typed += last[hand]
    return typed


def scatter(rng: random.Random, length: int) -> str:
    """Any key after any other."""
    bias = rng.choice((0, 0.5, 1))
    return "".join(rng.choices(KEYS, [_pull(key, bias) for key in KEYS], k=length))


def few_keys(rng: random.Random, length: int) -> str:
    """The same three to six keys over and over."""
    return "".join(rng.choices(roll(rng, rng.randint(3, 6)), k=length))


def repeat(rng: random.Random, length: int) -> str:
    """One short stroke, repeated."""
    stroke = roll(rng, rng.randint(2, 5))
    typed = ""
    while len(typed) < length:
        typed += stroke if rng.random() < 0.8 else roll(rng, len(stroke))
    return typed[:length]


def sweep(rng: random.Random, length: int) -> str:
    """Neighbouring keys along a row, to and fro."""
    typed = ""
    while len(typed) < length:
        row = rng.choice(ROWS)
        start = rng.randrange(len(row) - 3)
        keys = row[start : start + rng.randint(3, 6)]
        typed += keys if rng.random() < 0.7 else keys[::-1]
    return typed[:length]


def _pull(key: str, bias: float) -> float:
    return ROW_WEIGHTS[PLACES[key][0]] ** bias


def _distance(one: str, other: str) -> float:
    (row, column), (other_row, other_column) = PLACES[one], PLACES[other]
    return 1.2 * abs(row - other_row) + abs(column - other_column)
