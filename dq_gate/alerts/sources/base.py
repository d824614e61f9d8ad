"""What every source of log lines does. A source never waits: it gives what is there, and says where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

CHUNK_BYTES = 32 * 1024
"""Small, so that the events of a chunk are still in the processor's cache when they are evaluated."""
POLL_SECONDS = 0.25

Say = Callable[[str], None]
"""Takes one sentence for an operator. It holds no line's content and no password."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines that were read at once.

    Attributes:
        lines: The lines, without their ends.
        place: The source's position once so many of them were taken; None where a source cannot go back.
    """

    lines: list[bytes]
    place: Callable[[int], Any]


class Source(Protocol):
    """One place that lines come from. Its position is plain JSON, and means something to its own kind alone.

    Attributes:
        name: What its position is kept under: never with a password in it.
        overlong: Lines that were too long and skipped.
        lost: Files or stream entries that were gone before they were read.
        ended: Whether nothing will come any more.
    """

    name: str
    lost: int
    ended: bool

    @property
    def overlong(self) -> int:
        """Lines that were too long and skipped."""
        ...

    @property
    def descriptor(self) -> int | None:
        """What to wait on for more; None where one has to look again after a while."""
        ...

    def go_on(self, position: Any) -> None:
        """Begin where an earlier source stood; called before anything is read.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: the position is none of this kind.
        """
        ...

    def progress(self) -> tuple[int, int]:
        """Bytes read so far, and all there are; two zeros where that is not known."""
        ...

    def poll(self) -> Chunk | None:
        """The next lines, possibly none, or None when nothing is there now.

        Raises:
            UnreadableInputError: there is nothing to go on with.
            BackendUnavailableError: a server does not answer, and is not waited for.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def say_nothing(text: str) -> None:
    """A `Say` for who does not listen."""
