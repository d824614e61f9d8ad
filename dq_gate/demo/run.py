"""The demo from end to end: send, count, group, contrast, alert, and what to type next."""

from __future__ import annotations

import shlex
from contextlib import closing
from typing import TYPE_CHECKING

from dq_gate.alerts.engine import Engine
from dq_gate.alerts.lines import LineReader
from dq_gate.alerts.load import load_rules
from dq_gate.demo import report, story, traffic
from dq_gate.demo.index import Index
from dq_gate.events import AlertFired
from dq_gate.gate.runtime import connect, store_address
from dq_gate.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.console import Console

    from dq_gate.quarantine.entry import Group, Store
    from dq_gate.settings import Settings

MOST_GROUPS = 100


def run(state_dir: Path | None, console: Console, *, program: str) -> None:
    """Run the demo and print what came of it.

    Args:
        state_dir: Where its quarantine and its events stay; the settings' state directory when None.
        console: Where it prints.
        program: How the reader calls dq-gate, for the commands to type next.

    Raises:
        BackendUnavailableError: the state directory cannot be written.
    """
    settings = demo_settings(state_dir)
    log = Path(settings.log or "")
    documents, messages = traffic.documents(), traffic.messages()
    with closing(connect(settings)) as store, closing(Index(documents)) as index:
        before = sum(group.count for group in _demo_groups(store, messages))
        written = _size(log)
        report.print_opening(len(messages), len(documents), console)
        fates = report.watch(story.send(messages, index, settings), len(messages), console)
        report.print_counts(fates, console)
        groups = _demo_groups(store, messages)
        report.print_groups(groups, before, console)
        refused = [story.contrast(fate, index) for fate in fates if fate.outcome == "quarantined"]
        report.print_contrasts(story.most_telling(refused), refused, console)
        report.print_alerts(raised_by(_lines_since(log, written)), console)
        report.print_next_steps(next_steps(settings, groups, program), console)


def demo_settings(state_dir: Path | None) -> Settings:
    """Settings of the demo's gates: a SQLite quarantine and an event log in the state directory, whatever is set."""
    usual = load_settings(state_dir=state_dir.absolute() if state_dir is not None else None)
    local = usual.model_copy(update={"quarantine": None})
    return load_settings(
        state_dir=usual.state_dir,
        quarantine=store_address(local),
        log=str(usual.state_dir / "events.jsonl"),
        mode="enforce",
    )


def raised_by(lines: Iterable[bytes]) -> list[AlertFired]:
    """Alerts that the shipped rules raise over event lines, without the time that each waits before it rings."""
    engine = Engine([rule.model_copy(update={"hold_for": 0}) for rule in load_rules()])
    reader = LineReader()
    events = [found for line in lines if (found := reader.read(line)) is not None]
    alerts = [alert for record, at in events for alert in engine.feed(record, at)]
    return [alert for alert in (*alerts, *engine.finish()) if isinstance(alert, AlertFired)]


def next_steps(settings: Settings, groups: Sequence[Group], program: str) -> list[tuple[str, str]]:
    """Commands that go on from the quarantine and the log the demo left, with what each does."""
    usual = load_settings()
    is_usual = store_address(usual) == settings.quarantine
    store = "" if is_usual else f" --quarantine {shlex.quote(settings.quarantine or '')}"
    log = "" if is_usual and usual.log is None else f" --input {shlex.quote(settings.log or '')}"
    waive = f"--rule {WRONG_RULE} --waive {WRONG_RULE} --reason 'only leftovers'"
    return [
        (f"quarantine groups{store}", "the groups again, from the quarantine itself"),
        (f"quarantine show {groups[0].sample} --reveal{store}", "an entry of the first, with what came in"),
        (f"rules show {groups[0].pack}", "the rules that judged, and why each is there"),
        (f"quarantine discard --rule {RIGHT_RULE}{store}", "the gate was right about these"),
        (f"quarantine release {waive}{store}", "about these it was not: let them go on"),
        (f"quarantine redrive --out -{store}", "through the gate again, without that rule"),
        (f"signals tail{log}", "every event"),
        (f"alerts run{log}", "follow the events; the alert rings 2 minutes after the burst"),
    ]


def _demo_groups(store: Store, messages: Iterable[traffic.Message]) -> list[Group]:
    feeds = {message.source for message in messages}
    return [group for group in store.groups(limit=MAX_BATCH) if group.source in feeds]


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _lines_since(log: Path, written: int) -> list[bytes]:
    try:
        with log.open("rb") as file:
            file.seek(written)
            return file.readlines()
    except OSError as error:
        raise UnreadableInputError(f"{log}: cannot be read: {error.strerror}") from None
