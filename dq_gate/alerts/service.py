"""Watching a log: lines from a source through the engine to whoever wants its alerts, and an account at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq_gate.alerts.engine import Engine
from dq_gate.alerts.lines import LineReader
from dq_gate.events import AlertFired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from threading import Event

    from dq_gate.alerts.engine import Alert, Losses, Status
    from dq_gate.alerts.follow import Source
    from dq_gate.alerts.rules import AlertRule


@dataclass(frozen=True, slots=True)
class Account:
    """What came of watching a log.

    Attributes:
        lines: All lines read.
        ours: Events of dq_gate among them.
        foreign: Lines of others.
        broken: Lines that could not be read: damaged, too long, or windows without a window's shape.
        fired: Alerts that fired.
        losses: What was ours and not counted, and why.
        states: What every rule says at the end.
    """

    lines: int
    ours: int
    foreign: int
    broken: int
    fired: int
    losses: Losses
    states: tuple[Status, ...]


def watch(
    source: Source,
    rules: Sequence[AlertRule],
    *,
    emit: Callable[[Alert], None],
    rest: Callable[[Losses], None],
    clock: Callable[[], int],
    live: bool,
    stop: Event,
) -> Account:
    """Evaluate rules over a log until it ends or until told to stop.

    Args:
        source: Where lines come from.
        rules: The rules.
        emit: Called with each alert as it fires or resolves.
        rest: Called when a live log was read up to now, with what was lost so far.
        clock: The time it is, in milliseconds since the epoch.
        live: Whether lines are written while they are read: then time passes between them too.
        stop: Set to end.
    """
    engine, reader = Engine(rules), LineReader()
    fired = 0

    def hand_over(alerts: Iterable[Alert]) -> None:
        nonlocal fired
        for alert in alerts:
            fired += isinstance(alert, AlertFired)
            emit(alert)

    for batch in source.batches(stop):
        now = clock() if live else None
        for line in batch:
            found = reader.read(line)
            if found is not None and (alerts := engine.feed(*found, now)):
                hand_over(alerts)
        if now is not None and not batch:
            hand_over(engine.advance(now))
            rest(engine.losses)
    hand_over(engine.finish(clock()))
    return _account(source, reader, engine, fired)


def _account(source: Source, reader: LineReader, engine: Engine, fired: int) -> Account:
    losses = engine.losses
    return Account(
        lines=reader.lines + source.overlong,
        ours=reader.lines - reader.foreign - reader.broken - losses.malformed,
        foreign=reader.foreign,
        broken=reader.broken + source.overlong + losses.malformed,
        fired=fired,
        losses=losses,
        states=tuple(engine.report()),
    )
