"""What the fault tests found out, and the table of it in the docs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BEGIN = "<!-- table: written by `make faults` -->"
END = "<!-- end of table -->"
_HEAD = """\
| fault | acknowledged | lost | duplicated | longest wait | test |
|---|--:|--:|--:|--:|---|
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of entries under one fault.

    Attributes:
        test: The test that brought the fault about: `test_redis_stopped.py::test_…`.
        fault: The fault, in a few words that a reader of the docs understands.
        acknowledged: Entries whose caller was told that they are kept.
        lost: Acknowledged entries that are not there afterwards.
        duplicated: Entries that are there, or were counted, more than once.
        longest_wait_s: Seconds that the caller who waited longest was held; None where no caller waits.
    """

    test: str
    fault: str
    acknowledged: int
    lost: int
    duplicated: int
    longest_wait_s: float | None


FINDINGS: list[Finding] = []
"""Of this run, in the order of the tests."""


def record(
    fault: str, *, acknowledged: int, lost: int = 0, duplicated: int = 0, longest_wait_s: float | None = None
) -> None:
    """Keep what the running test found out, for the table in `docs/explanation/reliability.md`.

    Args:
        fault: The fault, in a few words: "Redis stopped for 12 s (SIGSTOP)".
        acknowledged: Entries whose caller was told that they are kept.
        lost: Acknowledged entries that are not there afterwards.
        duplicated: Entries that are there, or were counted, more than once.
        longest_wait_s: Seconds that the caller who waited longest was held; None where no caller waits.
    """
    FINDINGS.append(Finding(_running_test(), fault, acknowledged, lost, duplicated, longest_wait_s))


def write_table(page: Path, findings: Iterable[Finding], tests: Iterable[str]) -> None:
    """Put the table in its place in a page, and below it the tests that found nothing to be counted.

    Args:
        page: The page, which has the two marks.
        findings: What goes into the table.
        tests: Every test that ran: `test_redis_stopped.py::test_…`.
    """
    findings = list(findings)
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    counted = {finding.test for finding in findings}
    others = "".join(f"- `{test}`\n" for test in dict.fromkeys(tests) if test not in counted)
    rows = "".join(map(_row, findings))
    page.write_text(f"{before}{BEGIN}\n{_HEAD}{rows}\nAlso run:\n\n{others}{END}{after}", encoding="utf-8")


def name_of(node: str) -> str:
    """A test's file and function, of what pytest calls it."""
    return node.partition("[")[0].rpartition("/")[2]


def _row(finding: Finding) -> str:
    wait = "–" if finding.longest_wait_s is None else f"{finding.longest_wait_s * 1e3:.0f} ms"
    counts = f"{finding.acknowledged:,} | {finding.lost:,} | {finding.duplicated:,}"
    return f"| {finding.fault} | {counts} | {wait} | `{finding.test}` |\n"


def _running_test() -> str:
    return name_of(os.environ["PYTEST_CURRENT_TEST"].rpartition(" (")[0])
