"""Single checks on labelled texts: keyboard mash, languages, words in borrowed letters."""

from __future__ import annotations

import base64
import random
import uuid
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from dq_gate.checks import CATALOGUE
from tests.accuracy import cases
from tests.accuracy.cases import Case
from tests.accuracy.disguises import disguised
from tests.accuracy.measure import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dq_gate.core.model import Finding

    Judge = Callable[[str], Finding | None]

MASH, IDENTIFIERS, CODES = 0.15, 0.03, 0.005
CLEAN, NOISY, FOREIGN, DOCUMENTS = 0.001, 0.003, 0.005, 0.005
OWN_LANGUAGE, ENGLISH = 0.02, 0.005
DISGUISED, LEGITIMATE = 0.10, 0.002


def results(data: Path) -> Iterator[Result]:
    """Every line of the table."""
    yield from gibberish(data)
    yield from language(data)
    yield from homoglyphs(data)


def gibberish(data: Path) -> Iterator[Result]:
    judge = _judge("not_gibberish")
    rows = cases.read_rows(data / "gibberish/keyboard_mash.jsonl")
    for label, wanted, limit in (("gibberish", "caught", MASH), ("real", "pass", IDENTIFIERS)):
        labelled = (row["text"] for row in rows if row["label"] == label)
        yield _measure(judge, f"not_gibberish: {label}", _numbered(labelled), wanted, limit)
    yield _measure(judge, "not_gibberish: made-up codes", _numbered(codes()), "pass", CODES)
    for name, texts, limit in _good_sets(data):
        yield _measure(judge, f"not_gibberish: {name}", texts, "pass", limit)


def codes(count: int = 500) -> Iterator[str]:
    """Base64, UUIDs, hexadecimal digests, part numbers."""
    rng = random.Random(3)
    letters, digits = "ABCDEFGHJKLMNPRSTUVWXYZ", "0123456789"
    for _ in range(count):
        yield base64.b64encode(rng.randbytes(24)).decode()
        yield str(uuid.UUID(bytes=rng.randbytes(16)))
        yield rng.randbytes(20).hex()
        yield (
            "".join(rng.choices(letters, k=4)) + "-" + "".join(rng.choices(digits + letters, k=6)) + rng.choice(digits)
        )


def language(data: Path) -> Iterator[Result]:
    by_language = defaultdict(list)
    for row in cases.read_rows(data / "queries_multilingual/xquad_questions_12x250.jsonl"):
        by_language[row["lang"]].append(row["text"])
    english = _judge("language", allow=["en"])
    for code, texts in by_language.items():
        own = _judge("language", allow=[code])
        yield _measure(own, f"language: {code}, allow {code}", _numbered(texts), "pass", OWN_LANGUAGE)
        if code != "en":
            yield _measure(english, f"language: {code}, allow en", _numbered(texts), "caught", None)
    german = (row for row in cases.read_rows(data / "injection/deepset_prompt_injections.jsonl") if row["lang"] == "de")
    yield _measure(english, "language: deepset de, allow en", _numbered(row["text"] for row in german), "caught", None)
    for name, texts, _ in _good_sets(data):
        if not name.startswith("queries_multilingual"):
            yield _measure(english, f"language: {name}, allow en", texts, "pass", ENGLISH)


def homoglyphs(data: Path) -> Iterator[Result]:
    judge = _judge("no_homoglyphs")
    plain = [case.text for case in cases.texts(data / "queries_clean/banking77_test.jsonl")]
    spelled = list(disguised(plain[:1500]))
    yield _measure(judge, "no_homoglyphs: whole words", spelled, "caught", DISGUISED)
    for alphabet in sorted({case.kind for case in spelled}):
        chosen = [case for case in spelled if case.kind == alphabet]
        yield _measure(judge, f"  {alphabet.lower()}", chosen, "caught", None)
    derived = (
        row for row in cases.read_rows(data / "unicode/attacks_derived.jsonl") if "homoglyph" in row["attack_class"]
    )
    attacks = _numbered(row["text"] for row in derived)
    yield _measure(judge, "no_homoglyphs: attacks_derived", attacks, "caught", DISGUISED)
    special = cases.texts(data / "unicode/legit_special_unicode.jsonl")
    yield _measure(judge, "no_homoglyphs: legit_special_unicode", special, "pass", LEGITIMATE)
    for name, texts, _ in _good_sets(data):
        yield _measure(judge, f"no_homoglyphs: {name}", texts, "pass", LEGITIMATE)


def _good_sets(data: Path) -> Iterator[tuple[str, Iterable[Case], float]]:
    folders = (("queries_clean", CLEAN), ("queries_noisy", NOISY), ("queries_multilingual", FOREIGN))
    for folder, limit in folders:
        for path in sorted((data / folder).glob("*.jsonl")):
            yield f"{folder}/{path.stem}", cases.texts(path), limit
    for name in ("qa/pubmedqa/docs", "kb_docs/wsl/docs"):
        yield name, cases.texts(data / f"{name}.jsonl"), DOCUMENTS


def _judge(name: str, **options: Any) -> Judge:
    check = CATALOGUE[name]
    return check.compile(check.options.model_validate(options)).judge


def _numbered(texts: Iterable[str]) -> Iterator[Case]:
    return (Case(text, number) for number, text in enumerate(texts))


def _measure(judge: Judge, name: str, texts: Iterable[Case], wanted: str, limit: float | None) -> Result:
    result = Result(name, wanted, limit)
    for case in texts:
        half = result.odd if case.number % 2 else result.even
        caught = judge(case.text) is not None
        half.rows += 1
        half.errors += caught is (wanted == "pass")
        result.quarantined += caught
    return result
