"""What every notifier does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, get_args, runtime_checkable

from dq_gate.alerts.rules.base import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SEVERITIES: tuple[str, ...] = get_args(Rule.model_fields["severity"].annotation)


class Notifier(Protocol):
    """Tells somebody. Called from a thread of its own, one alert at a time."""

    @property
    def name(self) -> str:
        """What the outbox knows it by, the same in every run: never with a secret in it."""
        ...

    @property
    def severities(self) -> frozenset[str]:
        """Which alerts it is told of."""
        ...

    def send(self, alert: Mapping[str, Any]) -> None:
        """Deliver the fields of a `dq_gate.alert.fired` or `.resolved` event.

        Raises:
            NotifyError: it was not delivered; says why without a secret.
        """
        ...

    def close(self) -> None:
        """Cut off what is under way; called by another thread than `send`. Whoever takes over again may send again."""
        ...


@runtime_checkable
class Repeating(Notifier, Protocol):
    """A notifier whose receiver forgets an alert that it is not told again."""

    @property
    def repeat_every(self) -> float:
        """Seconds between two times."""
        ...

    def repeat(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Tell again of alerts that were delivered as firing, and still are.

        Raises:
            NotifyError: they were not delivered.
        """
        ...
