"""Secrets and personal data, by kind; and good texts, in which there are none."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from dq_gate.checks import CATALOGUE
from dq_gate.checks.base import Compiled
from dq_gate.checks.pii_kinds import KINDS
from dq_gate.checks.sensitive import kind_names
from tests.accuracy import cases
from tests.accuracy.measure import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


SECRETS = 0.15
PROVED = {"CREDIT_CARD": 0.05, "IBAN_CODE": 0.05, "US_SSN": 0.05}
NAMED = {"EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "IP_ADDRESS": "ip_address"}
CLEAN, OTHER = 0.0, 0.001


def results(data: Path) -> Iterator[Result]:
    """Every line of the table."""
    yield from secrets(data)
    yield from personal(data)
    for name in ("no_secrets", "no_pii"):
        judge = _compiled(name).judge
        for path in _good_sets(data):
            limit = CLEAN if path.parent.name == "queries_clean" else OTHER
            title = f"{name}: {path.parent.name}/{path.stem}"
            yield _count(title, ((case.number, judge(case.text)) for case in cases.texts(path)), "pass", limit)


def secrets(data: Path) -> Iterator[Result]:
    """Recall by detector. What one detector must leave alone is often found by another, so that only reports."""
    rows = list(enumerate(cases.read_rows(data / "secrets/detect_secrets.jsonl")))
    judge = _compiled("no_secrets").judge
    for label, wanted, limit in (("secret", "caught", SECRETS), ("not_secret", "pass", None)):
        found = [
            (row["type"], number, judge("".join(row["text_parts"]))) for number, row in rows if row["label"] == label
        ]
        yield from _by_type(f"no_secrets: {label}", found, wanted, limit, {})


def personal(data: Path) -> Iterator[Result]:
    """Whether each labelled value is taken out, and which rows fail when every kind is looked for."""
    rows = list(enumerate(cases.read_rows(data / "pii/presidio_synth.jsonl")))
    usual, every = _compiled("no_pii"), _compiled("no_pii", kinds=kind_names(KINDS))
    for name, check in (("no_pii", usual), ("no_pii, all kinds", every)):
        assert check.redact is not None
        found = [
            (span["type"], number, span["value"] not in check.redact(row["text"]))
            for number, row in rows
            for span in row["spans"]
            if span["type"] in PROVED or (check is every and span["type"] in NAMED)
        ]
        yield from _by_type(f"{name}: values", found, "caught", None, PROVED)
        for label, wanted in (("pii_structured", "caught"), ("pii_soft", "pass"), ("none", "pass")):
            labelled = ((number, check.judge(row["text"])) for number, row in rows if row["label"] == label)
            yield _count(f"{name}: rows {label}", labelled, wanted, None)


def _by_type(
    name: str, found: list[tuple[str, int, Any]], wanted: str, limit: float | None, limits: dict[str, float]
) -> Iterator[Result]:
    yield _count(name, ((number, finding) for _, number, finding in found), wanted, limit)
    by_type = defaultdict(list)
    for type_, number, finding in found:
        by_type[type_].append((number, finding))
    for type_, some in sorted(by_type.items()):
        yield _count(f"  {type_.lower()}", some, wanted, limits.get(type_))


def _good_sets(data: Path) -> Iterator[Path]:
    for folder in ("queries_clean", "queries_noisy", "queries_multilingual"):
        yield from sorted((data / folder).glob("*.jsonl"))
    yield from (data / "qa/pubmedqa/docs.jsonl", data / "kb_docs/wsl/docs.jsonl")


def _compiled(name: str, **options: Any) -> Compiled:
    check = CATALOGUE[name]
    compiled = check.compile(check.options.model_validate(options))
    assert isinstance(compiled, Compiled)
    return compiled


def _count(name: str, found: Iterable[tuple[int, Any]], wanted: str, limit: float | None) -> Result:
    """Count what was found, by the number of its row; None and False are nothing."""
    result = Result(name, wanted, limit)
    for number, finding in found:
        half = result.odd if number % 2 else result.even
        is_caught = finding is not None and finding is not False
        half.rows += 1
        half.errors += is_caught is (wanted == "pass")
        result.quarantined += is_caught
    return result
