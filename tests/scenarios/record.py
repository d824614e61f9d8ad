"""Record an incident with real gates: `python -m tests.scenarios.record FILE`, which takes 18 minutes.

Two processes of one application serve real texts; from minute 6 to 11 every other one is bad, and in the middle of that
one process is killed and another takes its place. An importer with little to do is killed at minute 7 and comes back at
minute 10.
FILE is the log that they share, compressed.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

MINUTES = 18
USUAL = b"1 0.02\n"
INCIDENT = b"0.5 0.5\n"
SELDOM = b"0.1 0\n"

Application = subprocess.Popen[bytes]


def start(directory: Path, source: str, rates: bytes) -> Application:
    """Start a guarded application that logs to the shared file."""
    settings = {
        "DQ_GATE_SOURCE": source,
        "DQ_GATE_LOG": str(directory / "events.jsonl"),
        "DQ_GATE_STATE_DIR": str(directory),
        "DQ_GATE_RELEASE": "1.4.0",
    }
    arguments = [sys.executable, "-m", "tests.scenarios.application"]
    process = subprocess.Popen(arguments, env={**os.environ, **settings}, stdin=subprocess.PIPE)
    tell(process, rates)
    return process


def tell(process: Application, rates: bytes) -> None:
    """Say how many texts to send from now on."""
    stdin(process).write(rates)
    stdin(process).flush()


def stdin(process: Application) -> IO[bytes]:
    """Where an application listens."""
    assert process.stdin is not None
    return process.stdin


def record(directory: Path) -> None:
    """Run the incident."""
    begins = time.monotonic()

    def wait_until(minute: float) -> None:
        time.sleep(max(0.0, begins + 60 * minute - time.monotonic()))

    first, second = start(directory, "web", USUAL), start(directory, "web", USUAL)
    importer = start(directory, "importer", SELDOM)
    wait_until(6)
    tell(first, INCIDENT)
    tell(second, INCIDENT)
    wait_until(7)
    importer.kill()
    wait_until(8.5)
    second.kill()
    third = start(directory, "web", INCIDENT)
    wait_until(10)
    back = start(directory, "importer", SELDOM)
    wait_until(11)
    tell(first, USUAL)
    tell(third, USUAL)
    wait_until(MINUTES)
    for process in (first, third, back):
        stdin(process).close()
    for process in (first, second, third, importer, back):
        process.wait()


def main(path: Path) -> None:
    """Record, and keep the log."""
    with tempfile.TemporaryDirectory() as directory:
        record(Path(directory))
        path.write_bytes(gzip.compress(Path(directory, "events.jsonl").read_bytes(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
