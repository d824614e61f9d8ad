"""What an emitter needs of a sink, and a queue of what it writes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Sink(Protocol):
    """Takes event lines, each whole and with its end, from any thread."""

    def write(self, line: bytes) -> None:
        """Take one line, without making the caller wait for anything slow.

        Raises:
            Exception: it was not taken.
        """
        ...

    def flush(self, within: float) -> bool:
        """Wait until all is written; False when that takes too long, or some was lost since the last flush."""
        ...

    def follow_rotation(self) -> None:
        """Go on in a new file where the old one was rotated away."""
        ...

    def close(self, within: float) -> None:
        """Write what waits, as far as that is done in time, and let go of everything."""
        ...

    def abandon(self) -> None:
        """In a forked child: let go of what is the parent's, without touching it."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of the first of some lines; those after them are to be sent again.

    Attributes:
        written: How many were written.
        lost: How many after those were refused for good.
    """

    written: int = 0
    lost: int = 0


NOT_NOW = Sent()


class Outlet(Protocol):
    """Where a queue writes to, from its own thread. It may be slow."""

    def send(self, lines: Sequence[bytes]) -> Sent:
        """Write some of these lines, from the first one on, in order. Never raises for a reason of the other side's."""
        ...

    def close(self) -> None:
        """Let go of it. `send` may be at work in another thread, and not come back."""
        ...
