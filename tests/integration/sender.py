"""A process that sends inputs through a gate and ends: `python -m tests.integration.sender SEED END`.

Settings come from the environment. It prints what it sent, by outcome and by rule. END says how it ends: `close`,
`exit` (without closing its gate), or `kill` (once its windows are in the log).
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

from dq_gate import Gate, InputQuarantined
from dq_gate.signals import windows
from tests.fakes import eventually
from tests.integration.gating import CALM_NO_MORE, CLEAN, FAILING, REPAIRABLE, counts, lines

KINDS = {
    "clean": (CLEAN, ()),
    "shadowed": (CALM_NO_MORE, (("query.text.calm", "shadow"),)),
    "repaired": (REPAIRABLE, ()),
    "quarantined": (FAILING, (("query.text.deny", "enforce"),)),
    "twice": (FAILING | {"top_k": 0}, (("query.text.deny", "enforce"), ("field.top_k.ge", "enforce"))),
}
OUTCOMES = {"shadowed": "clean", "twice": "quarantined"}


def main(seed: int, end: str) -> None:
    windows.WINDOW_SECONDS = 0.05
    draw = random.Random(seed)
    gate = Gate.load()
    outcomes: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    for kind in draw.choices(list(KINDS), k=draw.randint(20, 60)):
        record, failed = KINDS[kind]
        with suppress(InputQuarantined):
            gate.admit(record)
        outcomes[OUTCOMES.get(kind, kind)] += 1
        rules.update(" ".join(rule) for rule in failed)
    sys.stdout.write(json.dumps({"outcomes": outcomes, "rules": rules}))
    sys.stdout.flush()
    if end == "close":
        gate.close()
    elif end == "kill":
        own, log = gate.runtime().emitter.process, Path(gate.settings.log or "")
        eventually(lambda: counts(line for line in lines(log) if line["process"] == own) == outcomes)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
