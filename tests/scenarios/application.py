"""A guarded application under traffic of real texts, good and bad, as told on stdin.

`python -m tests.scenarios.application [DATA]` takes its settings from the environment. Each line `GOOD BAD` on stdin
says how many texts of each kind to send per second from then on; it ends, and says good-bye, when stdin does. DATA is a
directory as `tests/data`, or the larger one that its README names.
"""

from __future__ import annotations

import json
import sys
import threading
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from dq_gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

SAMPLES = Path(__file__).parents[1] / "data"
GOOD = ("banking77.jsonl", "queries_clean/banking77_test.jsonl")
BAD = ("xss.jsonl", "blns.jsonl", "markup/xss.jsonl", "unicode/blns.jsonl", "unicode/attacks_derived.jsonl")
TICK_S = 0.05


def texts(data: Path, names: tuple[str, ...]) -> list[str]:
    """The texts of those files that are there."""
    found = [data / name for name in names if (data / name).exists()]
    return [json.loads(line)["text"] for path in found for line in path.read_bytes().splitlines()]


class Application:
    """What is guarded, and the traffic that it gets."""

    def __init__(self, gate: Gate, data: Path) -> None:
        outcomes = {text: gate.check({"query": text}).outcome for text in texts(data, GOOD + BAD)}
        self._good = cycle([text for text in texts(data, GOOD) if outcomes[text] == "clean"])
        self._bad = cycle([text for text in texts(data, BAD) if outcomes[text] == "quarantined"])
        self._retrieve = gate.guard(self.retrieve, fallback=lambda decision: [])
        self.rates: tuple[float, float] | None = (0.0, 0.0)

    @staticmethod
    def retrieve(query: str) -> list[str]:
        """Find nothing."""
        return [query]

    def run(self) -> None:
        """Send texts until there are no rates any more."""
        due = [0.0, 0.0]
        tick = threading.Event()
        while self.rates is not None:
            for kind, (texts_, rate) in enumerate(zip((self._good, self._bad), self.rates, strict=True)):
                due[kind] += rate * TICK_S
                for text in _take(texts_, int(due[kind])):
                    self._retrieve(query=text)
                due[kind] %= 1
            tick.wait(TICK_S)

    def obey(self) -> None:
        """Take the rates from stdin."""
        for line in sys.stdin:
            good, bad = map(float, line.split())
            self.rates = (good, bad)
        self.rates = None


def _take(texts_: Iterator[str], count: int) -> Iterator[str]:
    return (next(texts_) for _ in range(count))


def main(arguments: list[str]) -> None:
    """Run until stdin ends."""
    with Gate.load("query") as gate:
        application = Application(gate, Path(*arguments) if arguments else SAMPLES)
        threading.Thread(target=application.obey, daemon=True).start()
        application.run()


if __name__ == "__main__":
    main(sys.argv[1:])
