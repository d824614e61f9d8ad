"""Injected instructions in halves that share no attack, and texts that are none."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.accuracy.cases import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHARED_WORDS = 5
"""Texts with as many words in a row in common are one attack."""
BENIGN = {
    "queries_clean/banking77_test.jsonl": "text",
    "queries_clean/clinc150_test.jsonl": "text",
    "queries_clean/wands_product_queries.jsonl": "text",
    "unicode/blns.jsonl": "text",
    "injection/notinject_1_2.jsonl": "text",
    "injection/deepset_prompt_injections.jsonl": "text",
    "kb_docs/wsl/docs.jsonl": "text",
    "kb_docs/cdc_faq_html.jsonl": "clean_text",
}
"""Sets under permissive licences, which a shipped model may learn from."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One text.

    Attributes:
        source: The set it is from.
        text: What is judged.
        core: The attack alone, without the document it is in.
    """

    source: str
    text: str
    core: str


def read_attacks(data: Path) -> Iterator[Attack]:
    for source, name in (
        ("deepset", "deepset_prompt_injections"),
        ("giskard", "giskard_prompt_injections"),
        ("taksec", "taksec"),
        ("poisoned", "poisoned_docs"),
    ):
        for row in read_rows(data / f"injection/{name}.jsonl"):
            if row["expect"] == "quarantine":
                yield Attack(source, row["text"], row.get("attack") or row["text"])


def halves(data: Path) -> tuple[list[Attack], list[Attack]]:
    """One half to tune and to learn from, and one to report on. Whole attacks fall to either."""
    result: tuple[list[Attack], list[Attack]] = ([], [])
    groups = _groups(list(read_attacks(data)))
    for group in sorted(groups, key=lambda group: (-len(group), min(attack.core for attack in group))):
        min(result, key=len).extend(group)
    return result


def _groups(attacks: list[Attack]) -> list[list[Attack]]:
    parents = list(range(len(attacks)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number

    first: dict[str, int] = {}
    for number, attack in enumerate(attacks):
        for run in _runs(attack.core):
            parents[root(number)] = root(first.setdefault(run, number))
    groups = defaultdict(list)
    for number, attack in enumerate(attacks):
        groups[root(number)].append(attack)
    return list(groups.values())


def _runs(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {" ".join(words[i : i + SHARED_WORDS]) for i in range(max(1, len(words) - SHARED_WORDS + 1))}


def read_benign(data: Path) -> dict[str, list[str]]:
    """The paragraphs or queries of each set."""
    texts: dict[str, list[str]] = {}
    for name, column in BENIGN.items():
        rows = [row for row in read_rows(data / name) if row.get("expect") != "quarantine" and row.get(column)]
        texts[name] = [part for row in rows for part in row[column].split("\n\n") if part.strip()]
    return texts
