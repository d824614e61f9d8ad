"""From windows alone, exact sums: over processes that come and go, restart, die, and whose lines come twice."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate import InputQuarantined
from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.evaluation.windows import Windows
from dq_gate.alerts.load import parse_rules
from dq_gate.core.window import Window, split
from dq_gate.signals import windows
from tests.fakes import eventually
from tests.integration.gating import FAILING, lines, named, write_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

    from dq_gate import Gate

ROOT = Path(__file__).parents[2]
BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOURCES = ("web", "bot", "mail", "batch", "feed")
OUTCOMES = ("clean", "repaired", "quarantined", "shadowed", "unjudged")


@dataclass(frozen=True)
class Told:
    """A window as a process told it, and what it counted."""

    process: str
    seq: int
    closed_at: datetime
    inputs: Counter[tuple[str, str]]
    rules: Counter[tuple[str, str, str]]

    def lines(self, draw: random.Random) -> list[dict[str, Any]]:
        """The lines it comes as, those of its parts in any order."""
        window = Window(0.0, self.inputs, self.rules)
        parts = split(*window.rows())
        made = [
            {
                "event": "dq_gate.window.closed",
                "process": self.process,
                "source": self.process.split("-")[0],
                "seq": self.seq,
                "part": part,
                "parts": len(parts),
                "opened_at": (self.closed_at - timedelta(seconds=10)).isoformat(),
                "closed_at": self.closed_at.isoformat(),
                "mode": "enforce",
                "inputs": list(inputs),
                "rules": list(rules),
            }
            for part, (inputs, rules) in enumerate(parts, 1)
        ]
        draw.shuffle(made)
        return made


def life_of(process: str, source: str, draw: random.Random) -> list[Told]:
    """A process's windows: it comes at some time of an hour, and goes at another, in the middle of a window or not."""
    born = BEGIN + timedelta(seconds=draw.uniform(0, 3000))
    windows = []
    for seq in range(draw.randint(1, 60)):
        inputs = Counter({(source, outcome): draw.randint(0, 500) for outcome in draw.sample(OUTCOMES, 3)})
        rules = Counter(
            {(source, f"rule.{number}", "enforce"): draw.randint(1, 9) for number in range(draw.choice([0, 2, 60]))}
        )
        windows.append(Told(process, seq, born + timedelta(seconds=10 * (seq + 1)), inputs, rules))
    return windows


def log_of(windows: Iterable[Told], draw: random.Random) -> list[dict[str, Any]]:
    """What reaches the log: windows up to a minute late and out of order, and one in ten a second time."""
    arriving = []
    for window in windows:
        for _ in range(1 + (draw.random() < 0.1)):
            late = window.closed_at + timedelta(seconds=draw.uniform(0, 60))
            arriving.append((late, draw.random(), window))
    return [line for _, _, window in sorted(arriving, key=lambda each: each[:2]) for line in window.lines(draw)]


def read(log: Iterable[dict[str, Any]]) -> tuple[Windows, list[tuple[datetime, Counter[Any], Counter[Any]]]]:
    """Every window that alerts read from a log: when it closed, inputs by source and outcome, failures in force."""
    reader = Windows(with_rules=True)
    found = [window for line in log for window in reader.take(line)]
    found += reader.release()
    return reader, [
        (
            datetime.fromisoformat(window.record["closed_at"]),
            Counter({(source, name): count for source, of in window.inputs.items() for name, count in of.items()}),
            Counter({(*failure, "enforce"): count for failure, count in window.failures.items()}),
        )
        for window in found
    ]


def total(counters: Iterable[Counter[Any]]) -> Counter[Any]:
    whole: Counter[Any] = Counter()
    for counter in counters:
        whole.update(counter)
    return +whole


def test_sums_over_80_processes_are_exact_in_any_interval() -> None:
    draw = random.Random(1)
    sources = [SOURCES[number % len(SOURCES)] for number in range(80)]
    told = [
        window
        for number, source in enumerate(sources)
        for restart in range(draw.randint(1, 3))
        for window in life_of(f"{source}-{number}-{restart}", source, draw)
    ]
    reader, found = read(log_of(told, draw))
    assert len(found) == len(told)
    assert (reader.missing, reader.incomplete, reader.forgotten) == (0, 0, 0)
    assert reader.duplicates > 0
    moments = sorted(window.closed_at for window in told)
    for _ in range(20):
        begin, end = sorted(draw.sample(moments, 2))
        expected = [window for window in told if begin < window.closed_at <= end]
        chosen = [window for window in found if begin < window[0] <= end]
        assert total(each[1] for each in chosen) == total(each.inputs for each in expected)
        assert total(each[2] for each in chosen) == total(each.rules for each in expected)


def test_a_window_that_is_lost_on_the_way_is_known_to_be_missing() -> None:
    draw = random.Random(7)
    told = [
        window
        for number in range(80)
        for window in life_of(f"web-{number}", "web", draw)
        if number % 2 or window.seq < 40
    ]
    known = {(window.process, window.seq) for window in told}
    inner = [window for window in told if window.seq > 0 and (window.process, window.seq + 1) in known]
    lost = draw.sample(inner, 5)
    reader, found = read(log_of([window for window in told if window not in lost], draw))
    assert reader.missing == 5
    assert total(each[1] for each in found) == total(each.inputs for each in told if each not in lost)


def test_what_real_processes_sent_is_what_their_windows_sum_up_to(tmp_path: Path, namespace: str) -> None:
    ours = {
        "pack": str(write_pack(tmp_path)),
        "state_dir": str(tmp_path / "state"),
        "log": str(tmp_path / "events.jsonl"),
        "namespace": namespace,
    }
    settings = os.environ | {f"DQ_GATE_{name.upper()}": value for name, value in ours.items()}
    plan = [("web", "close"), ("web", "kill"), ("bot", "exit"), ("mail", "kill")]
    sent, failed = Counter(), Counter()
    with ExitStack() as started:
        running = [
            started.enter_context(sender(seed, end, settings | {"DQ_GATE_SOURCE": source}))
            for seed, (source, end) in enumerate(plan)
        ]
        for (source, end), process in zip(plan, running, strict=True):
            said, _ = process.communicate(timeout=60)
            assert process.returncode == (-9 if end == "kill" else 0)
            facts = json.loads(said)
            sent.update({(source, outcome): count for outcome, count in facts["outcomes"].items()})
            failed.update({(source, *rule.split()): count for rule, count in facts["rules"].items()})
    log = named(lines(tmp_path / "events.jsonl"), "window.closed")
    reader, found = read(log)
    assert total(each[1] for each in found) == sent
    rows = [row for window in log for row in window["rules"]]
    assert total({(row["source"], row["rule_id"], row["mode"]): row["count"]} for row in rows) == failed
    assert total(each[2] for each in found) == {key: n for key, n in failed.items() if key[-1] == "enforce"}
    assert (reader.missing, reader.incomplete, reader.duplicates) == (0, 0, 0)
    assert len({line["process"] for line in log}) == len(plan)


def sender(seed: int, end: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.sender", str(seed), end]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


SILENT = """
alerts:
  - name: gate-silent
    kind: absence
    where: {event: dq_gate.window.closed}
    until: {event: dq_gate.gate.stopped}
    group_by: [source]
    within: 1m
    severity: page
"""


def test_a_scale_down_is_not_silence_and_the_end_of_all_is() -> None:
    """Of 80 processes 76 go, most of them in order, some killed; later the two that are left of one source die."""
    engine = Engine(parse_rules(SILENT))
    alerts = []
    for second in range(0, 3600, 10):
        for number in range(80):
            process, source = f"p{number}", ("web", "bot")[number % 2]
            end = 600 if number >= 4 else (1800 if source == "bot" else 3600)
            if second < end:
                line = Told(process, second // 10, BEGIN, Counter({(source, "clean"): 1}), Counter())
                (record,) = line.lines(random.Random(0))
                alerts += engine.feed(record | {"source": source}, moment(second))
            elif second == end and number >= 4 and number % 5:
                stopped = {"event": "dq_gate.gate.stopped", "process": process, "source": source, "unwritten": 0}
                alerts += engine.feed(stopped, moment(second))
    assert [(alert.name, alert.group) for alert in alerts] == [("dq_gate.alert.fired", {"source": "bot"})]
    fired = datetime.fromisoformat(alerts[0].at)
    assert timedelta(seconds=1840) <= fired - BEGIN <= timedelta(seconds=1870)


def moment(second: int) -> int:
    """Milliseconds since the epoch."""
    return int((BEGIN + timedelta(seconds=second)).timestamp() * 1000)


def test_every_input_counts_for_the_mode_that_it_was_judged_in(
    load: Callable[..., Gate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mode is changed by a file, under traffic; it takes effect between two windows."""
    monkeypatch.setattr(windows, "WINDOW_SECONDS", 0.05)
    control = tmp_path / "mode"
    gate = load(control_file=control)
    for mode in ("enforce", "shadow", "off", "enforce"):
        control.write_text(mode)
        eventually(partial(has_mode, gate, mode))
        for _ in range(3):
            with suppress(InputQuarantined):
                gate.admit(FAILING)
    gate.close()
    log = named(lines(Path(gate.settings.log)), "window.closed")
    _, found = read(log)
    assert total(each[1] for each in found) == {
        ("default", "quarantined"): 6,
        ("default", "shadowed"): 3,
        ("default", "unjudged"): 3,
    }
    assert total(each[2] for each in found) == {
        ("default", "query.text.deny", "enforce"): 6,
    }
    judged_in = {"quarantined": "enforce", "shadowed": "shadow", "unjudged": "off"}
    for window in log:
        assert {judged_in[row["outcome"]] for row in window["inputs"]} <= {window["mode"]}


def has_mode(gate: Gate, mode: str) -> bool:
    return gate.runtime().mode == mode
