"""The documents and the queries that travel with the package; where they come from is in `data/NOTICE.md`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLLECTIONS = ("questions", "faq", "guides")


@dataclass(frozen=True, slots=True)
class Document:
    """Something to be found: an earlier question under its topic, an answer, a section of a guide."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """A query as it arrives.

    Attributes:
        source: The feed it comes from.
        query: What was sent; a broken client sends anything.
        damage: What happened to it on its way, or None.
        original: What its sender meant.
    """

    id: str
    source: str
    query: Any
    damage: str | None
    original: str


def documents() -> list[Document]:
    """Every document of the knowledge base."""
    return [Document(**row) for name in _COLLECTIONS for row in _rows(name)]


def messages() -> list[Message]:
    """Every query, in the order of arrival."""
    return [Message(**row) for row in _rows("queries")]


def _rows(name: str) -> Iterator[dict[str, Any]]:
    # The standard library's parser: orjson refuses the lone surrogates that some queries carry.
    text = resources.files("dq_gate.demo").joinpath(f"data/{name}.jsonl").read_text(encoding="utf-8")
    return map(json.loads, text.splitlines())
