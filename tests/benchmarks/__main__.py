"""Print every figure beside its target; exit with 1 when one is missed. `make bench`."""

from __future__ import annotations

import platform
import sys

from tests.benchmarks import alerts, emission, frame, imports, put, quarantine, query_pack, record


def main() -> int:
    """Run all benchmarks."""
    print(
        f"Python {platform.python_version()}, {platform.machine()}; ratios count, absolute figures are this machine's\n"
    )
    print(f"{'':62} {'figure':>10} {'limit':>10} {'ratio':>7} {'target':>7}")
    missed = 0
    for module in (imports, record, query_pack, emission, put, quarantine, frame, alerts):
        for figure in module.figures():
            limit = "" if figure.limit is None else f"{figure.limit:.2f}"
            ratio = "" if figure.limit is None else f"{figure.ratio:.2f}"
            mark = "" if figure.is_met else "  not there yet" if figure.is_aim else "  missed"
            value = f"{figure.value:.2f} {figure.unit}"
            print(f"{figure.subject:62} {value:>10} {limit:>10} {ratio:>7} {figure.target:>7g}{mark}", flush=True)
            missed += not (figure.is_met or figure.is_aim)
    return 1 if missed else 0


sys.exit(main())
