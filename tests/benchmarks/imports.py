"""What importing dq_gate costs, and that it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.benchmarks.measure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = (
    "polars",
    "pandas",
    "pyarrow",
    "pandera",
    "great_expectations",
    "redis",
    "ftfy",
    "numpy",
    "pydantic",
    "structlog",
)
_IMPORT = f"""
import sys, time
started = time.perf_counter()
import dq_gate
took = time.perf_counter() - started
print(took * 1000, *(name for name in {HEAVY!r} if name in sys.modules))
"""
ROUNDS = 7


def figures() -> Iterator[Figure]:
    """Milliseconds in a fresh process, the best of several."""
    lines = [
        subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(ROUNDS)
    ]
    loaded = lines[0][1:]
    assert not loaded, f"import dq_gate loads {', '.join(loaded)}"
    yield Figure("import dq_gate in a fresh process", "ms", min(float(line[0]) for line in lines), None, 150.0)
    yield Figure("dq-gate --help, the whole process", "ms", min(_help_ms() for _ in range(ROUNDS)), None, 300.0)


def _help_ms() -> float:
    from time import perf_counter

    started = perf_counter()
    subprocess.run([sys.executable, "-m", "dq_gate", "--help"], capture_output=True, check=True)
    return (perf_counter() - started) * 1000
