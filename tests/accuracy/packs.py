"""The shipped packs on labelled data: what they refuse that is good, and what they let pass that is not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dq_gate import Gate
from tests.accuracy import cases
from tests.accuracy.measure import measure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.accuracy.measure import Result

CLEAN, NOISY = 0.005, 0.02
CHARACTERS, HOMOGLYPHS, MOJIBAKE = 0.01, 0.10, 0.05
MASH, IDENTIFIERS = 0.15, 0.03
SECRETS, CHECKSUMMED = 0.15, 0.05
DEEPSET, GISKARD, POISONED, PARAGRAPHS = 0.55, 0.10, 0.10, 0.01

_HOMOGLYPH_CLASSES = ("homoglyph_mixed_scripts", "homoglyph_one_word", "math_alphanumeric")
CHECKSUMMED_TYPES = frozenset({"CREDIT_CARD", "IBAN_CODE"})
_MOJIBAKE_CLASSES = ("mojibake_cp1252", "mojibake_double")


def results(data: Path) -> Iterator[Result]:
    """Every line of the table."""
    query = partial(measure, Gate.load("query"), "query")
    yield from queries(data, query)
    attacks = list(cases.attacks(data / "unicode/attacks_derived.jsonl"))
    yield query("unicode/attacks_derived", attacks, "caught", CHARACTERS)
    for kind in sorted({case.kind for case in attacks}):
        of_kind = [case for case in attacks if case.kind == kind]
        limit = MOJIBAKE if kind in _MOJIBAKE_CLASSES else HOMOGLYPHS if kind in _HOMOGLYPH_CLASSES else CHARACTERS
        yield query(f"  {kind}", of_kind, "caught", limit)
    ftfy_cases = data / "encoding/ftfy_cases.jsonl"
    yield query("encoding/ftfy_cases", cases.mojibake(ftfy_cases, hard=False), "caught", MOJIBAKE)
    yield query("  hard ones", cases.mojibake(ftfy_cases, hard=True), "caught", None)
    yield query("  look-alikes", cases.mojibake_lookalikes(ftfy_cases), "pass", None)
    yield query("markup/xss", cases.texts(data / "markup/xss.jsonl"), "caught", None)
    yield from contents(data, query)
    yield from documents(data, partial(measure, Gate.load("document"), "text"))


def queries(data: Path, query) -> Iterator[Result]:
    for folder, limit in (("queries_clean", CLEAN), ("queries_noisy", NOISY), ("queries_multilingual", NOISY)):
        for path in sorted((data / folder).glob("*.jsonl")):
            yield query(f"{folder}/{path.stem}", cases.texts(path), "pass", limit)
    yield query(
        "unicode/legit_special_unicode", cases.texts(data / "unicode/legit_special_unicode.jsonl"), "pass", NOISY
    )
    yield query("injection/notinject_1_2", cases.texts(data / "injection/notinject_1_2.jsonl"), "pass", NOISY)
    yield query("qa/nq_open_dev", cases.texts(data / "qa/nq_open_dev.jsonl"), "pass", None)


def contents(data: Path, query) -> Iterator[Result]:
    """What the words of a query say, not how they are written."""
    mash = data / "gibberish/keyboard_mash.jsonl"
    yield query("gibberish/keyboard_mash", cases.labelled(mash, "quarantine"), "caught", MASH)
    yield query("  identifiers", cases.labelled(mash, "pass"), "pass", IDENTIFIERS)
    secrets = data / "secrets/detect_secrets.jsonl"
    yield query("secrets/detect_secrets", cases.labelled(secrets, "quarantine"), "caught", SECRETS)
    yield query("  near misses of one detector", cases.labelled(secrets, "pass"), "pass", None)
    pii = data / "pii/presidio_synth.jsonl"
    yield query("pii/presidio_synth: with a checksum", cases.with_spans(pii, CHECKSUMMED_TYPES), "caught", CHECKSUMMED)
    yield query("  without anything personal", cases.labelled(pii, "pass"), "pass", None)
    for name, limit in (
        ("deepset_prompt_injections", DEEPSET),
        ("giskard_prompt_injections", GISKARD),
        ("taksec", None),
    ):
        path = data / f"injection/{name}.jsonl"
        yield query(f"injection/{name}", cases.labelled(path, "quarantine"), "caught", limit)
        yield query("  benign", cases.labelled(path, "pass"), "pass", None)


def documents(data: Path, document) -> Iterator[Result]:
    faq = data / "kb_docs/cdc_faq_html.jsonl"
    yield document("kb_docs/cdc_faq_html: text", cases.texts(faq, "clean_text"), "pass", None)
    yield document("kb_docs/cdc_faq_html: HTML", cases.texts(faq, "html"), "caught", None)
    for name in ("kb_docs/wsl/docs", "qa/pubmedqa/docs", "qa/xquad_en/docs"):
        yield document(name, cases.texts(data / f"{name}.jsonl"), "pass", None)
    poisoned = data / "injection/poisoned_docs.jsonl"
    yield document("injection/poisoned_docs", cases.labelled(poisoned, "quarantine"), "caught", POISONED)
    yield document("  clean paragraphs", cases.labelled(poisoned, "pass"), "pass", PARAGRAPHS)
    for path in sorted([*data.glob("tables/*.csv"), *data.glob("tables/*/clean.csv"), *data.glob("duplicates/*.csv")]):
        yield document(f"{path.parent.name}/{path.stem}", cases.table_rows(path), "pass", CLEAN)
