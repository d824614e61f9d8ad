"""Single checks on labelled values: formulas in cells, broken vectors, texts that repeat themselves."""

from __future__ import annotations

import base64
import random
from array import array
from typing import TYPE_CHECKING, Any

from dq_gate.checks import CATALOGUE
from tests.accuracy import cases
from tests.accuracy.measure import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dq_gate.core.model import Finding

    Judge = Callable[[Any], Finding | None]

EXACT, SOUND, LOOPING = 0.0, 0.001, 0.05
_OF_A_BATCH = "duplicate_of_other_text"
"""No vector shows by itself that it belongs to another text."""


def results(data: Path) -> Iterator[Result]:
    """Every line of the table."""
    yield from formulas(data)
    yield from vectors(data)
    yield from repetition(data)


def formulas(data: Path) -> Iterator[Result]:
    judge = _judge("no_formula")
    rows = cases.read_rows(data / "markup/csv_formula.jsonl")
    for expected, wanted in (("quarantine", "caught"), ("pass", "pass")):
        texts = (row["text"] for row in rows if row["expect"] == expected)
        yield _measure(judge, f"no_formula: csv_formula, {expected}", texts, wanted, EXACT)
    for name, texts in good_sets(data):
        yield _measure(judge, f"no_formula: {name}", texts, "pass", SOUND)


def vectors(data: Path) -> Iterator[Result]:
    rows = cases.read_rows(data / "embeddings/jeopardy_minilm.jsonl")
    judge = _judge("vector", dimension=384, unit=True)
    good = [_floats(row) for row in rows if row["expect"] == "pass"]
    broken = [_floats(row) for row in rows if row["expect"] != "pass" and row["label"] != _OF_A_BATCH]
    yield _measure(judge, "vector: jeopardy_minilm", good, "pass", EXACT)
    yield _measure(judge, "vector: jeopardy_minilm, broken", broken, "caught", EXACT)
    other = [_floats(row) for row in rows if row["label"] == _OF_A_BATCH]
    yield _measure(judge, f"  {_OF_A_BATCH}", other, "caught", None)


def _floats(row: cases.Row) -> list[float]:
    return list(array("f", base64.b64decode(row["vector_f32_b64"])))


def repetition(data: Path) -> Iterator[Result]:
    judge = _judge("no_repetition")
    queries = [case.text for case in cases.texts(data / "queries_clean/banking77_test.jsonl")]
    documents = [case.text for case in cases.texts(data / "qa/pubmedqa/docs.jsonl")]
    for name, texts in looping(queries, documents):
        yield _measure(judge, f"no_repetition: {name}", texts, "caught", LOOPING)
    for name, texts in good_sets(data):
        yield _measure(judge, f"no_repetition: {name}", texts, "pass", SOUND)


def looping(queries: list[str], documents: list[str], count: int = 500) -> Iterator[tuple[str, Iterator[str]]]:
    """Ways to say the same over and over, made of good texts."""
    rng = random.Random(5)

    def held_key() -> str:
        return rng.choice(queries) + rng.choice("adefgjklmo1") * rng.randint(22, 80)

    def phrase() -> str:
        return " ".join([" ".join(rng.choice(queries).split()[:4])] * rng.randint(3, 12))

    def line() -> str:
        return "\n".join([rng.choice(queries)] * rng.randint(3, 12))

    def numbered() -> str:
        query = rng.choice(queries)
        return "\n".join(f"{number}. {query}" for number in range(1, rng.randint(4, 20)))

    def endless_answer() -> str:
        document = rng.choice(documents)
        start, sentence = document[: rng.randint(80, 500)], rng.choice(document.split(". "))
        return f"{start} " + f"{sentence}. " * (2000 // len(sentence) + 2)

    for make in (held_key, phrase, line, numbered, endless_answer):
        yield make.__name__.replace("_", " "), (make() for _ in range(count))


def good_sets(data: Path) -> Iterator[tuple[str, Iterator[str]]]:
    """Real texts that must pass, by name."""
    folders = ("queries_clean", "queries_noisy", "queries_multilingual")
    paths = [path for folder in folders for path in sorted((data / folder).glob("*.jsonl"))]
    documents = ("kb_docs/wsl/docs", "qa/pubmedqa/docs", "qa/xquad_en/docs")
    for path in (*paths, *(data / f"{name}.jsonl" for name in documents)):
        yield str(path.relative_to(data).with_suffix("")), (case.text for case in cases.texts(path))


def _judge(name: str, **options: Any) -> Judge:
    check = CATALOGUE[name]
    compiled = check.compile(check.options.model_validate(options))
    judge: Judge = compiled.judge
    return judge


def _measure(judge: Judge, name: str, values: Iterable[Any], wanted: str, limit: float | None) -> Result:
    result = Result(name, wanted, limit)
    for number, value in enumerate(values):
        half = result.odd if number % 2 else result.even
        caught = judge(value) is not None
        half.rows += 1
        half.errors += caught is (wanted == "pass")
        result.quarantined += caught
    return result
