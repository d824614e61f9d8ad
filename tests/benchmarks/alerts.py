"""Lines that `alerts run --once` reads a second with the shipped alerts, against a bare loop of orjson over the file.

    python -m tests.benchmarks.alerts [--lines 10_000_000]

prints both, and the memory at a tenth of the lines and at the end.
"""

from __future__ import annotations

import argparse
import gc
import random
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import orjson

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.keeping import Replay
from dq_gate.alerts.load import load_rules
from dq_gate.alerts.service import Watch
from dq_gate.alerts.sources import open_sources
from tests.benchmarks.measure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dq_gate.alerts.rules import AlertRule

LINES = 500_000
ROUNDS = 3
SLOWEST = 3.0
"""Largest ratio of our time to the loop's."""
SOURCES = [f"shop-{number}" for number in range(5)]
RULES = [f"query.text.rule{number}" for number in range(40)]
PROCESSES = 20
START = datetime(2025, 1, 1, tzinfo=UTC)


def figures() -> Iterator[Figure]:
    """Microseconds a line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.jsonl")
        write_log(path, LINES)
        ours, bare = measured(path, LINES)
        yield Figure("alerts run --once, shipped alerts, a line; orjson.loads alone", "µs", ours, bare, SLOWEST)


def measured(path: Path, lines: int) -> tuple[float, float]:
    """Microseconds a line of the watch and of the bare loop, taken in turn; the best round of each."""
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for index, read in enumerate((_watch, _parse)):
            gc.collect()
            begun = perf_counter()
            read(path)
            best[index] = min(best[index], (perf_counter() - begun) * 1e6 / lines)
    return best[0], best[1]


def write_log(path: Path, lines: int) -> None:
    """Write what 20 busy processes of 5 sources say, about 350 bytes a line and 60 lines a second."""
    with path.open("wb") as log:
        log.writelines(_lines(random.Random(7), lines))


def _watch(path: Path) -> None:
    engine = Engine(_rules())
    inputs = open_sources([str(path)], follow=False, ignored=engine.ignored)
    watch = Watch(inputs, engine, clock=lambda: 0, is_live=False)
    keeper = Replay(lambda record: None)
    watch.run(keeper, threading.Event(), lambda: None)
    watch.conclude(keeper)


@cache
def _rules() -> tuple[AlertRule, ...]:
    return load_rules()


def _parse(path: Path) -> None:
    with path.open("rb") as log:
        for line in log:
            orjson.loads(line)


def _lines(chance: random.Random, lines: int) -> Iterator[bytes]:
    """Each process closes a window every 10 s; of the other lines, half are failing inputs, most are sampled ones."""
    at, seq = START, [0] * PROCESSES
    next_window = [START + timedelta(seconds=10 * process / PROCESSES) for process in range(PROCESSES)]
    for number in range(lines):
        at += timedelta(milliseconds=chance.randrange(33))
        kind, process = chance.random(), chance.randrange(PROCESSES)
        due = min(range(PROCESSES), key=next_window.__getitem__)
        if next_window[due] <= at:
            process = due
            name, fields = "window.closed", _window(chance, process, seq[process])
            seq[process] += 1
            next_window[process] += timedelta(seconds=10)
        elif kind < 0.45:
            name, fields = "input.admitted", {"sample_rate": 0.01, "latency_us": chance.random() * 40}
        elif kind < 0.5:
            name, fields = "input.repaired", {"rules": [chance.choice(RULES)], "latency_us": chance.random() * 40}
        elif kind < 0.9999:
            name, fields = "input.quarantined", _quarantined(chance, number)
        else:
            name, fields = "rule.crashed", {"rule_id": chance.choice(RULES), "check": "length", "error": "TypeError"}
        yield orjson.dumps(_context(at, name, process) | fields) + b"\n"


def _context(at: datetime, name: str, process: int) -> dict[str, object]:
    return {
        "timestamp": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "level": "info",
        "event": f"dq_gate.{name}",
        "namespace": "default",
        "source": SOURCES[process % len(SOURCES)],
        "process": f"{process:012x}",
        "release": "2025.1.0",
        "pack": "support-query",
        "pack_version": 3,
        "pack_digest": "6c1f6a1d2b3c4d5e",
        "plane": "request",
    }


def _quarantined(chance: random.Random, number: int) -> dict[str, object]:
    return {
        "entry_id": f"{number:032x}",
        "rules": [chance.choice(RULES)],
        "stored": "store",
        "fingerprint": f"{chance.randrange(50):016x}",
        "latency_us": chance.random() * 100,
    }


def _window(chance: random.Random, process: int, seq: int) -> dict[str, object]:
    source = SOURCES[process % len(SOURCES)]
    return {
        "seq": seq,
        "part": 1,
        "parts": 1,
        "mode": "enforce",
        "inputs": [
            {"source": source, "outcome": "clean", "count": 1000 + chance.randrange(500)},
            {"source": source, "outcome": "quarantined", "count": chance.randrange(40)},
        ],
        "rules": [{"source": source, "rule_id": chance.choice(RULES), "mode": "enforce", "count": 3}],
        "latency_us": {"p50": 20.0, "p95": 60.0, "p99": 90.0},
        "put_ms": {"p50": 1.0, "p95": 2.0, "p99": 3.0},
        "dropped": 0,
    }


def _memory_over(path: Path, lines: int) -> tuple[float, float]:
    """Megabytes that a real run holds at a tenth of the lines, and at the end."""
    program = (
        "import resource, sys, threading\n"
        "from dq_gate.alerts.evaluation.engine import Engine\n"
        "from dq_gate.alerts.keeping import Replay\n"
        "from dq_gate.alerts.load import load_rules\n"
        "from dq_gate.alerts.service import Watch\n"
        "from dq_gate.alerts.sources import open_sources\n"
        "path, tenth, at_tenth = sys.argv[1], int(sys.argv[2]), 0\n"
        "engine = Engine(load_rules())\n"
        "inputs = open_sources([path], follow=False, ignored=engine.ignored)\n"
        "watch = Watch(inputs, engine, clock=lambda: 0, is_live=False)\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "def each():\n"
        "    global at_tenth\n"
        "    if not at_tenth and watch.inputs.lines >= tenth: at_tenth = peak()\n"
        "watch.run(Replay(lambda record: None), threading.Event(), each)\n"
        "print(at_tenth, peak())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), str(lines // 10)], capture_output=True, text=True, check=True
    )
    at_tenth, at_end = map(float, done.stdout.split())
    return at_tenth, at_end


def main() -> None:
    """Print speed and memory over a log of a chosen length."""
    parser = argparse.ArgumentParser(description="Speed and memory of `alerts run --once`.")
    parser.add_argument("--lines", type=int, default=LINES)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.jsonl")
        write_log(path, lines)
        print(f"{lines} lines, {path.stat().st_size / lines:.0f} bytes each")
        ours, bare = measured(path, lines)
        print(f"{ours:.2f} µs a line, orjson alone {bare:.2f} µs: {ours / bare:.2f} times, at most {SLOWEST:g}")
        at_tenth, at_end = _memory_over(path, lines)
        print(f"{at_tenth:.0f} MB at most over a tenth of the lines, {at_end:.0f} MB over all")


if __name__ == "__main__":
    main()
