"""What a log raises, by the engine and by the real command, and how that compares with what its story says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.sources.lines import LineReader, milliseconds
from tests.scenarios.fleet import START

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from dq_gate.alerts.rules import AlertRule
    from tests.scenarios.fleet import Line
    from tests.scenarios.stories import Must

TOLERANCE_S = 60.0
"""How far from its moment an alert may be: to the minute."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert from its firing to its end.

    Attributes:
        alert: The rule's name.
        group: The group it fired for.
        fired: Seconds since the log begins.
        resolved: The same; None when it still fired at the end.
    """

    alert: str
    group: Mapping[str, str]
    fired: float
    resolved: float | None

    def is_as(self, must: Must) -> bool:
        """Whether this is what had to be raised, to the minute."""
        return (
            (self.alert, self.group) == (must.alert, must.group)
            and _is_near(self.fired, must.fires)
            and _is_near(self.resolved, must.resolves)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was raised against what had to be.

    Attributes:
        raised: All of it.
        missed: What had to be raised and was not, or not then.
        false: What was raised and did not have to be, or not then.
    """

    raised: tuple[Raised, ...]
    missed: tuple[Must, ...]
    false: tuple[Raised, ...]


def judge(raised: Iterable[Raised], must: Iterable[Must]) -> Verdict:
    """Hold what was raised against what had to be; each alert answers for one."""
    everything = tuple(raised)
    false, missed = list(everything), []
    for wanted in must:
        found = next((one for one in false if one.is_as(wanted)), None)
        if found is None:
            missed.append(wanted)
        else:
            false.remove(found)
    return Verdict(everything, tuple(missed), tuple(false))


def by_engine(rules: Sequence[AlertRule], log: Iterable[Line]) -> tuple[Raised, ...]:
    """What the engine raises over a log."""
    engine, reader, alerts = Engine(rules), LineReader(), []
    for _, line in log:
        found = reader.read(line)
        assert found is not None, "every line of a log is an event"
        alerts += engine.feed(*found)
    alerts += engine.finish()
    return raised_by({"event": alert.name, **alert.payload()} for alert in alerts)


def write_log(log: Iterable[Line], path: Path) -> None:
    """Write a log to a file."""
    path.write_bytes(b"".join(line + b"\n" for _, line in log))


def alerts_run(log: Path, *options: str) -> list[str]:
    """The command that watches a log."""
    return [sys.executable, "-m", "dq_gate", "alerts", "run", "--input", str(log), "--format", "jsonl", *options]


def apart(log: Path) -> dict[str, str]:
    """The environment of a command that has its state beside the log, and shares none with others."""
    return {**os.environ, "DQ_GATE_STATE_DIR": str(log.parent / f"{log.name}.state")}


def by_command(log: Path) -> tuple[Raised, ...]:
    """What `dq-gate alerts run --once` raises over a log, with nothing but its defaults."""
    done = subprocess.run(alerts_run(log, "--once"), env=apart(log), capture_output=True, timeout=120, check=False)
    assert done.returncode in {0, 1}, done.stderr.decode()
    return raised_by(map(json.loads, done.stdout.splitlines()))


def raised_by(events: Iterable[Mapping[str, Any]], start: datetime = START) -> tuple[Raised, ...]:
    """Firings and their ends put together, in the order of firing.

    Raises:
        AssertionError: an alert fired twice under one id, or resolved without having fired.
    """
    found: dict[str, Raised] = {}
    for event in events:
        identity, at = event["id"], milliseconds(event["at"]) / 1000 - start.timestamp()
        if event["event"] == "dq_gate.alert.fired":
            assert identity not in found, f"{event['alert']} was said twice"
            found[identity] = Raised(event["alert"], event["group"], at, None)
        else:
            assert found[identity].resolved is None, f"the end of {event['alert']} was said twice"
            found[identity] = Raised(event["alert"], event["group"], found[identity].fired, at)
    return tuple(found.values())


def _is_near(at: float | None, wanted: float | None) -> bool:
    if at is None or wanted is None:
        return at is wanted
    return abs(at - wanted) <= TOLERANCE_S
