"""The demo from end to end: send, count, group, contrast, alert, and what to type next."""

from __future__ import annotations

import os
import shlex
from contextlib import closing
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.load import load_rules
from dq_gate.alerts.sources.lines import LineReader
from dq_gate.demo import report, story, traffic
from dq_gate.demo.index import Index
from dq_gate.errors import UnreadableInputError
from dq_gate.events import AlertFired
from dq_gate.gate.runtime import connect, store_address
from dq_gate.quarantine.entry import MAX_BATCH
from dq_gate.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rich.console import Console

    from dq_gate.quarantine.entry import Group, Store

EVENTS = "events.jsonl"


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
    log: Path = settings["state_dir"] / EVENTS
    documents, messages = traffic.documents(), traffic.messages()
    with closing(connect(load_settings(**settings))) as store, closing(Index(documents)) as index:
        earlier = sum(group.count for group in _demo_groups(store, messages))
        written = log.stat().st_size if log.exists() else 0
        report.print_opening(len(messages), len(documents), console)
        fates = report.watch(story.send(messages, index, **settings), len(messages), console)
        report.print_counts(fates, console)
        report.print_groups(_demo_groups(store, messages), earlier, console)
        refused = [story.contrast(fate.message, fate.refusal, index) for fate in fates if fate.refusal]
        told = story.telling(refused)
        report.print_contrasts(told, refused, console)
        report.print_alerts(raised_by(_lines_since(log, written)), console)
        report.print_next_steps(next_steps(settings, told[0].refusal.entry_id, program), console)


def demo_settings(state_dir: Path | None) -> dict[str, Any]:
    """Settings of the demo's gates: quarantine and events in the state directory, whatever else is set."""
    usual = load_settings(state_dir=state_dir.absolute() if state_dir is not None else None)
    return {
        "state_dir": usual.state_dir,
        "quarantine": store_address(usual.model_copy(update={"quarantine": None})),
        "log": str(usual.state_dir / EVENTS),
        "mode": "enforce",
        "control_file": os.devnull,  # an empty word: the mode above holds
    }


def raised_by(lines: Iterable[bytes]) -> list[AlertFired]:
    """Alerts that the shipped rules raise over event lines, without the time that a rule waits before it fires."""
    engine = Engine([rule.model_copy(update={"hold_for": 0}) for rule in load_rules()])
    reader = LineReader()
    events = [event for line in lines if (event := reader.read(line)) is not None]
    alerts = [alert for record, at in events for alert in engine.feed(record, at)]
    return [alert for alert in (*alerts, *engine.finish()) if isinstance(alert, AlertFired)]


def next_steps(settings: dict[str, Any], entry_id: str, program: str) -> list[tuple[str, str]]:
    """Commands that go on from what the demo left, each after what it does.

    Args:
        settings: Of the demo's gates.
        entry_id: An entry worth a look.
        program: How the reader calls dq-gate.
    """
    usual = load_settings()
    is_usual = store_address(usual) == settings["quarantine"]
    store = "" if is_usual else f" --quarantine {shlex.quote(settings['quarantine'])}"
    log = "" if is_usual and usual.log is None else f" --input {shlex.quote(settings['log'])}"
    wrong = "query.text.markup"
    steps = [
        ("The groups again, with their entries' ids.", f"quarantine groups{store}"),
        ("One entry, with what came in.", f"quarantine show {entry_id} --reveal{store}"),
        ("The rules that judged, and why each is there.", f"rules show {story.PACK}"),
        ("The gate was right about these: throw them away.", f"quarantine discard --rule query.text.present{store}"),
        (
            "And too strict about these: send them through again without that rule.",
            f"quarantine release --rule {wrong} --waive {wrong} --reason 'only leftovers'{store}",
        ),
        ("... to a handler of yours, or to a file.", f"quarantine redrive --out -{store}"),
        ("Every decision as an event.", f"signals tail{log}"),
        ("Follow the events; two minutes after the burst, the alert fires here.", f"alerts run{log}"),
    ]
    return [(what, f"{program} {command}") for what, command in steps]


def _demo_groups(store: Store, messages: Iterable[traffic.Message]) -> list[Group]:
    feeds = {message.source for message in messages}
    return [group for group in store.groups(limit=MAX_BATCH) if group.source in feeds]


def _lines_since(log: Path, written: int) -> list[bytes]:
    try:
        with log.open("rb") as file:
            file.seek(written)
            return file.readlines()
    except OSError as error:
        raise UnreadableInputError(f"{log}: cannot be read: {error.strerror}") from None
