"""The demo from end to end: send, count, group, contrast, alert, and what to type next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq_gate.alerts.engine import Engine
from dq_gate.alerts.lines import LineReader
from dq_gate.alerts.load import load_rules
from dq_gate.demo import report, story, traffic
from dq_gate.demo.index import Index
from dq_gate.errors import BackendUnavailableError
from dq_gate.events import AlertFired
from dq_gate.gate.runtime import connect, store_address
from dq_gate.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from dq_gate.alerts.rules import AlertRule
    from dq_gate.quarantine.entry import Group

_CONTRASTS = 3
_GROUPS_READ = 1_000


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the demo leaves what it makes: a SQLite quarantine and an event log, whatever the settings say of others."""

    state_dir: Path

    @property
    def log(self) -> Path:
        return self.state_dir / "events.jsonl"

    def settings(self) -> Settings:
        """Settings of the demo's gates."""
        local = f"sqlite:///{self.state_dir / 'quarantine.db'}"
        return load_settings(state_dir=self.state_dir, quarantine=local, log=str(self.log), mode="enforce")
