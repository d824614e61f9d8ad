"""The whole `query` pack on ordinary queries: what a check costs, and which rule costs how much of it."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from dq_gate import Gate
from tests.benchmarks.measure import ROUNDS, Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LENGTH = 100
TARGET_US = 25.0
_DATA = Path(__file__).parent.parent / "data"


def queries() -> list[str]:
    """Real questions in ASCII: each with those that follow it, until they fill 100 characters."""
    texts = [text for name in ("banking77", "clinc150") for text in _texts(name) if text.isascii()]
    return [" ".join(texts[start:] + texts[:start])[:LENGTH] for start in range(len(texts))]


def _texts(name: str) -> list[str]:
    with (_DATA / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def figures() -> Iterator[Figure]:
    """The median of single calls, and of each rule's share in them: a rule that passes ASCII unseen has none."""
    gate, texts = Gate.load("query"), queries()
    records = [{"query": text} for text in texts]
    outcomes = {gate.check(record).outcome for record in records}
    assert outcomes == {"clean"}, f"among the queries some are {outcomes - {'clean'}}"
    whole = _median_us(gate.check, records)
    yield Figure(f"gate.check, `query` pack, {LENGTH} ASCII characters, p50", "µs", whole, None, TARGET_US)
    timer = _median_us(lambda _: None, texts)
    for rule in gate.pack.plan.fields[0].rules:
        if not rule.skips_printable_ascii:
            share = max(0.0, _median_us(rule.judge, texts) - timer)
            yield Figure(f"  of which {rule.id}", "µs", share, whole, 1.0)


def _median_us(call: Callable[[Any], object], inputs: list[Any]) -> float:
    """Microseconds of one call, each input's turn coming once a round."""
    taken = []
    for _ in range(ROUNDS):
        for value in inputs:
            started = perf_counter_ns()
            call(value)
            taken.append(perf_counter_ns() - started)
    return median(taken) / 1e3
