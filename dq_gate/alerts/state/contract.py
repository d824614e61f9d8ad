"""What every state store does, and the values that go in and out of it.

A commit is one transaction: how far the inputs were read, what the engine knew then, what changed, and what is to be
delivered because of it. So whoever goes on after a crash reads again exactly what was not committed, and says it once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from threading import Event

State = Literal["ok", "pending", "firing", "unknown", "silent"]


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of what a rule says about a group.

    Attributes:
        at: Event time, milliseconds since the epoch.
        alert: The rule's name.
        group: Values of the fields it groups by.
        before: What it said.
        after: What it says now; `resolved` when it fired before and holds no longer.
        value: What was measured; None when it could not be.
        id: Of the firing, when it is one or resolves one.
        silenced_by: Why nobody was told: `mute`, or the name of the alert that inhibits it; None when all were told.
    """

    at: int
    alert: str
    group: dict[str, str]
    before: State
    after: State | Literal["resolved"]
    value: float | None = None
    id: str | None = None
    silenced_by: str | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A delivery that is not tried any more.

    Attributes:
        at: When it was given up, milliseconds since the epoch.
        alert: The rule's name.
        group: Values of the fields it groups by.
        id: Of the firing.
        notifier: Who was not told.
        error: Why, without a secret.
    """

    at: int
    alert: str
    group: dict[str, str]
    id: str
    notifier: str
    error: str


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a watch stands.

    Attributes:
        positions: How far each input was read, by its name; what a position is, its source knows.
        engine: What `Engine.save` gave.
    """

    positions: Mapping[str, Any] = field(default_factory=dict)
    engine: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert event on its way to one notifier.

    Attributes:
        number: Its place in the outbox.
        notifier: The notifier's name.
        alert: The fields of the `dq_gate.alert.fired` or `.resolved` event, with `event` and `timestamp`.
        attempts: How often it was tried.
        due_at: When it is to be tried next, seconds since the epoch.
        created_at: When it was committed, seconds since the epoch.
    """

    number: int
    notifier: str
    alert: Mapping[str, Any]
    attempts: int
    due_at: float
    created_at: float


class Outbox(Protocol):
    """What is to be delivered, one row for each notifier and alert event. Safe to use from any thread.

    Every method raises `BackendUnavailableError` when the store does not answer.
    """

    def due(self, notifier: str, now: float, limit: int) -> list[Delivery]:
        """What is to be tried now, in the order it was committed; of one alert id, only the oldest.

        What was never tried is due whatever `now` is: the clock may have been set back since it was committed.
        """
        ...

    def standing(self, notifier: str) -> list[Delivery]:
        """Firings that were settled, and whose resolution was neither settled nor given up.

        Some receivers forget what they are not told again.
        """
        ...

    def waiting(self) -> dict[str, int]:
        """How many deliveries are neither settled nor given up, by notifier, even of one no longer in the settings."""
        ...

    def settle(self, number: int) -> None:
        """Note that something was delivered."""
        ...

    def postpone(self, number: int, due_at: float, error: str) -> None:
        """Note a failed attempt, and when to try again."""
        ...

    def give_up(self, number: int, error: str) -> None:
        """Note that something is not tried any more; the history names it."""
        ...


class StateStore(Outbox, Protocol):
    """Keeps the state of one alert pack. One evaluator at a time holds its lease and may commit.

    Every method raises `BackendUnavailableError` when the store does not answer, and `AlertStateError` when it holds
    what this release cannot read.
    """

    @property
    def way_out(self) -> str:
        """What to do when its content is of no use, as the end of a sentence."""
        ...

    def acquire(self, stop: Event, on_standby: Callable[[str], None]) -> bool:
        """Wait for the lease; False when `stop` was set first, which is then tried for once.

        Args:
            stop: Set to wait no longer.
            on_standby: Told once who holds it, if another does.
        """
        ...

    def load(self) -> Saved:
        """Where the last holder of the lease stood."""
        ...

    def commit(
        self, saved: Saved, transitions: Sequence[Transition], deliveries: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> None:
        """Keep all of it, or nothing, and the lease with it.

        Args:
            saved: Where the watch stands.
            transitions: What changed since the last commit, for the history.
            deliveries: Notifier and alert event of what is to be delivered.

        Raises:
            LeaseLostError: another evaluator took over.
        """
        ...

    def history(self, *, since: int | None = None, alert: str | None = None) -> Iterator[Transition | GivenUp]:
        """What changed and what was given up, in the order it was noted. Needs no lease.

        Args:
            since: Only from this time (`at`) on, milliseconds.
            alert: Only of this rule.
        """
        ...

    def close(self) -> None:
        """Let go of the lease and of everything else."""
        ...
