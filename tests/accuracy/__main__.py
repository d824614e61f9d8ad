"""Print the table; exit with 1 when a limit is missed: `python -m tests.accuracy DATA`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dq_gate import Gate
from tests.accuracy import cases
from tests.accuracy.measure import Result, measure

if TYPE_CHECKING:
    from collections.abc import Iterator

CLEAN, NOISY, ATTACKS, MOJIBAKE = 0.005, 0.02, 0.03, 0.10


def results(data: Path) -> Iterator[Result]:
    query = partial(measure, Gate.load("query"), "query")
    yield from queries(data, query)
    attacks = list(cases.attacks(data / "unicode/attacks_derived.jsonl"))
    yield query("unicode/attacks_derived", attacks, "caught", ATTACKS)
    for kind in sorted({case.kind for case in attacks}):
        yield query(f"  {kind}", [case for case in attacks if case.kind == kind], "caught", None)
    ftfy_cases = data / "encoding/ftfy_cases.jsonl"
    yield query("encoding/ftfy_cases", cases.mojibake(ftfy_cases, hard=False), "caught", MOJIBAKE)
    yield query("  hard ones", cases.mojibake(ftfy_cases, hard=True), "caught", None)
    yield query("  look-alikes", cases.mojibake_lookalikes(ftfy_cases), "pass", None)
    yield query("markup/xss", cases.texts(data / "markup/xss.jsonl"), "caught", None)
    yield from documents(data, partial(measure, Gate.load("document"), "text"))


def queries(data: Path, query) -> Iterator[Result]:
    for folder, limit in (("queries_clean", CLEAN), ("queries_noisy", NOISY), ("queries_multilingual", NOISY)):
        for path in sorted((data / folder).glob("*.jsonl")):
            yield query(f"{folder}/{path.stem}", cases.texts(path), "pass", limit)
    yield query(
        "unicode/legit_special_unicode", cases.texts(data / "unicode/legit_special_unicode.jsonl"), "pass", NOISY
    )
    for name in ("qa/nq_open_dev", "injection/notinject_1_2"):
        yield query(name, cases.texts(data / f"{name}.jsonl"), "pass", None)


def documents(data: Path, document) -> Iterator[Result]:
    faq = data / "kb_docs/cdc_faq_html.jsonl"
    yield document("kb_docs/cdc_faq_html: text", cases.texts(faq, "clean_text"), "pass", None)
    yield document("kb_docs/cdc_faq_html: HTML", cases.texts(faq, "html"), "caught", None)
    for name in ("kb_docs/wsl/docs", "qa/pubmedqa/docs", "qa/xquad_en/docs"):
        yield document(name, cases.texts(data / f"{name}.jsonl"), "pass", None)


def line(result: Result) -> str:
    limit = "" if result.limit is None else f"{result.limit:7.1%}"
    verdict = "" if result.limit is None else "ok" if result.is_met else "MISSED"
    shares = "".join(f"{share:8.2%}" for share in (result.error_share, result.even.error_share, result.odd.error_share))
    rules = ", ".join(f"{rule} {count}" for rule, count in result.rules.most_common(3))
    counts = f"{result.rows:6} {result.quarantined:6} {result.repaired:6}"
    return f"{result.name:44} {counts}  {result.wanted:6}{shares} {limit:>7} {verdict:6}  {rules}".rstrip()


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0], "queries_clean").is_dir():
        print(
            "usage: python -m tests.accuracy DATA; DATA holds queries_clean and the other sets",
            file=sys.stderr,
        )
        return 2
    print(
        f"{'set':44} {'rows':>6} {'quar.':>6} {'rep.':>6}  {'wanted':6}{'errors':>8}{'even':>8}{'odd':>8} {'limit':>7}"
    )
    missed = 0
    for result in results(Path(arguments[0])):
        print(line(result), flush=True)
        missed += not result.is_met
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
