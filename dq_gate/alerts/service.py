"""Watching a log: events from the inputs through the engine to whoever keeps its alerts, and an account at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.state.contract import Saved
from dq_gate.events import AlertFired

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from dq_gate.alerts.evaluation.engine import Alert, Losses, Status
    from dq_gate.alerts.keeping import Keeper
    from dq_gate.alerts.rules import AlertRule
    from dq_gate.alerts.sources.merge import Inputs

GRACE_MS = 2_000
"""A watch lets time pass without lines only up to so long ago: a line may take that long to be written and read, and a
replay of the log, where no time passes but by its lines, must come to the same."""


@dataclass(frozen=True, slots=True)
class Account:
    """What came of watching a log.

    Attributes:
        lines: All lines read.
        ours: Events of dq_gate among them.
        foreign: Lines of others.
        broken: Lines that could not be read: damaged, too long, or windows without a window's shape.
        gone: Files or stream entries that were removed before they were read.
        fired: Alerts that fired.
        losses: What was ours and not counted, and why.
        states: What every rule says at the end.
    """

    lines: int
    ours: int
    foreign: int
    broken: int
    gone: int
    fired: int
    losses: Losses
    states: tuple[Status, ...]


class Watch:
    """Evaluates rules over a log.

    Args:
        inputs: Where events come from.
        engine: What evaluates the rules.
        clock: The time it is, in milliseconds since the epoch.
        is_live: Whether lines are written while they are read: then time passes between them too.
    """

    def __init__(self, inputs: Inputs, engine: Engine, *, clock: Callable[[], int], is_live: bool) -> None:
        self.inputs = inputs
        self.engine = engine
        self._clock = clock
        self._is_live = is_live
        self._fired = 0

    def state(self) -> Saved:
        """Where it stands: all that was read is evaluated, all that was evaluated was read."""
        return Saved(self.inputs.positions(), self.engine.save())

    def run(self, keeper: Keeper, stop: Event, each: Callable[[], None]) -> None:
        """Read and evaluate until the inputs end or until told to stop.

        Args:
            keeper: Takes the alerts.
            stop: Set to end.
            each: Called after every few lines, and now and then when there are none.
        """
        feed = self.engine.feed
        for batch in self.inputs.batches(stop):
            now = self._clock() if self._is_live else None
            alerts: list[Alert] = []
            for record, at in batch:
                if found := feed(record, at, now):
                    alerts += found
            if now is not None and not batch:
                alerts += self.engine.advance(now - GRACE_MS)
            self._hand_over(alerts, keeper)
            each()

    def conclude(self, keeper: Keeper) -> None:
        """Take in what the engine holds back for lines that would follow; only where nobody goes on from here."""
        self._hand_over(self.engine.finish(self._clock()), keeper)

    def account(self) -> Account:
        """What came of it so far."""
        inputs, losses = self.inputs, self.engine.losses
        broken = inputs.broken + losses.malformed
        return Account(
            lines=inputs.lines,
            ours=inputs.lines - inputs.foreign - broken,
            foreign=inputs.foreign,
            broken=broken,
            gone=inputs.lost,
            fired=self._fired,
            losses=losses,
            states=tuple(self.engine.report()),
        )

    def _hand_over(self, alerts: Sequence[Alert], keeper: Keeper) -> None:
        self._fired += sum(isinstance(alert, AlertFired) for alert in alerts)
        keeper.take(alerts)


def engine_from(rules: Sequence[AlertRule], saved: Saved) -> tuple[Engine, Sequence[Alert]]:
    """The engine of an earlier watch, and what is over because its rule is gone or was changed.

    Raises:
        AlertStateError: what was saved is no engine's.
    """
    return (Engine(rules), ()) if saved.engine is None else Engine.restored(rules, saved.engine)
