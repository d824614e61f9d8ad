"""Print figures beside their limits; exit with 1 when one is missed: `python -m tests.accuracy DATA [SECTION ...]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.accuracy import batches, events, injection, packs, planes, sensitive, tables, text, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.accuracy.measure import Result

Line = tuple[str, bool]
"""A line of a table, and whether what it says is within its limit."""

HEAD = f"{'set':52} {'rows':>6} {'quar.':>6} {'rep.':>6}  {'wanted':6}{'errors':>8}{'even':>8}{'odd':>8} {'limit':>7}"


def of_results(results: Callable[[Path], Iterator[Result]], data: Path) -> Iterator[Line]:
    """Lines of labelled texts; half of each set apart."""
    yield HEAD, True
    for result in results(data):
        yield line(result), result.is_met


def of_others(results: Callable[[Path], Iterator[object]], data: Path) -> Iterator[Line]:
    """Lines of results that know how to say themselves."""
    for result in results(data):
        yield result.line(), result.is_met is not False  # type: ignore[attr-defined]  # each has both


SECTIONS = {
    "packs": (of_results, packs.results),
    "text": (of_results, text.results),
    "values": (of_results, values.results),
    "sensitive": (of_results, sensitive.results),
    "injection": (of_results, injection.results),
    "batches": (of_others, batches.figures),
    "tables": (of_others, tables.results),
    "planes": (of_others, planes.results),
    "events": (of_others, events.results),
}


def line(result: Result) -> str:
    limit = "" if result.limit is None else f"{result.limit:7.1%}"
    verdict = "" if result.limit is None else "ok" if result.is_met else "MISSED"
    shares = "".join(f"{share:8.2%}" for share in (result.error_share, result.even.error_share, result.odd.error_share))
    rules = ", ".join(f"{rule} {count}" for rule, count in result.rules.most_common(3))
    counts = f"{result.rows:6} {result.quarantined:6} {result.repaired:6}"
    return f"{result.name:52} {counts}  {result.wanted:6}{shares} {limit:>7} {verdict:6}  {rules}".rstrip()


def main(arguments: list[str]) -> int:
    data, chosen = Path(*arguments[:1]), arguments[1:] or list(SECTIONS)
    if not (data / "queries_clean").is_dir() or not set(chosen) <= SECTIONS.keys():
        names = " ".join(SECTIONS)
        print(
            f"usage: python -m tests.accuracy DATA [{names}]; DATA holds queries_clean and the other sets",
            file=sys.stderr,
        )
        return 2
    missed = 0
    for name in chosen:
        print(f"\n== {name}")
        lines, results = SECTIONS[name]
        for text_, is_met in lines(results, data):
            print(text_, flush=True)
            missed += not is_met
    print(f"\n{missed} missed" if missed else "\nnothing missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
