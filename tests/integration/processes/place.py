"""Programs and servers in processes of their own, and what they leave behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dq_gate import Gate
from dq_gate.quarantine.spool import waiting
from tests.fakes import eventually
from tests.integration.gating import counts, entries, lines, refusal, write_pack

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable
    from typing import Self

ROOT = Path(__file__).parents[3]
WAIT = 60.0


@dataclass(frozen=True)
class Place:
    """Where the processes of one test keep everything.

    Attributes:
        settings: The gate's settings, as arguments of `Gate.load`.
    """

    directory: Path
    settings: dict[str, Any]

    @classmethod
    def make(cls, directory: Path, namespace: str, quarantine: str | None) -> Self:
        """A place below a directory, with the small pack in it."""
        settings = {
            "pack": str(write_pack(directory)),
            "state_dir": str(directory / "state"),
            "log": str(directory / "events.jsonl"),
            "namespace": namespace,
        }
        return cls(directory, settings | ({"quarantine": quarantine} if quarantine else {}))

    @property
    def environment(self) -> dict[str, str]:
        """The same settings for another process."""
        ours = {f"DQ_GATE_{name.upper()}": str(value) for name, value in self.settings.items()}
        return {name: value for name, value in os.environ.items() if not name.startswith("DQ_GATE_")} | ours

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events so far, of all processes."""
        return lines(Path(self.settings["log"]))

    def start(self, name: str) -> subprocess.Popen[str]:
        """Start one of `scripts`."""
        return subprocess.Popen(
            [sys.executable, "-m", "tests.integration.processes.scripts", name],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str, *, code: int = 0) -> list[dict[str, Any]]:
        """Run one of `scripts` to its end, which is quiet; what it said."""
        with self.start(name) as process:
            said, complaint = process.communicate(timeout=WAIT)
        assert (process.returncode, complaint) == (code, "")
        return [json.loads(line) for line in said.splitlines()]

    @property
    def waiting(self) -> int:
        """How many entries wait in spools."""
        return waiting(Path(self.settings["state_dir"], "spool"))

    def kept(self) -> list[str]:
        """Ids of the entries that the store has once every spool is drained, sorted."""
        gate = Gate.load(**self.settings | {"log": os.devnull})
        own = refusal(gate).entry_id
        eventually(lambda: self.waiting == 0)
        gate.close()
        return sorted(entry.id for entry in entries(gate.settings) if entry.id != own)

    def counted(self) -> Counter[str]:
        """Inputs by outcome, of all processes."""
        return counts(self.events)


def refused(said: Iterable[dict[str, Any]]) -> list[str]:
    """Ids of all entries that were spoken of, sorted; none of them was given up."""
    answers = [fact for fact in said if "entry" in fact]
    assert {answer["stored"] for answer in answers} <= {"store", "spool", "unknown"}
    return sorted(answer["entry"] for answer in answers)


def acknowledged(said: Iterable[dict[str, Any]]) -> set[str]:
    """Ids of the entries that were acknowledged as kept."""
    return {fact["entry"] for fact in said if fact.get("stored") in {"store", "spool"}}
