"""Functions such as a team has already."""

from __future__ import annotations

from functools import partial
from typing import Any

from dq_gate.core.model import Finding


def sensible_price(record: Any) -> str | None:
    price = record.get("price")
    return None if price is None or price > 0 else "the price is not above 0"


def positive(value: Any) -> bool:
    return value > 0


def at_least(value: Any, *, least: int, word: str = "below") -> str | None:
    return None if value >= least else f"{word} {least}"


def answers(value: Any) -> Any:
    """What the input asks for."""
    return ANSWERS[value]


ANSWERS = {
    "none": None,
    "true": True,
    "false": False,
    "message": "too\nmany\x1b[31m words " + "word " * 100,
    "empty": "",
    "finding": Finding("bad\nend", (1, 2)),
    "one": 1,
    "zero": 0,
    "list": [],
}


def crashes(_: Any) -> None:
    raise KeyError("secret input")


def writes(record: Any) -> None:
    record["name"] = "changed"


async def later(_: Any) -> None: ...


async def stream(_: Any) -> Any:
    yield None


def one_by_one(_: Any) -> Any:
    yield None


def no_input() -> None: ...


class Later:
    async def __call__(self, _: Any) -> None: ...


class AtLeast:
    def __init__(self, least: int) -> None:
        self.least = least

    def __call__(self, value: Any) -> bool:
        return value >= self.least


at_least_3 = AtLeast(3)
at_least_4 = partial(at_least, least=4)
later_object = Later()
number = 3
without_signature = max
