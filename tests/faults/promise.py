"""The promise of 300 ms, held against a control: what the machine takes to wake a thread is not the product's doing.

On a busy machine a thread runs again some time after the end of its wait: other processes have the processors, other
threads the interpreter. How long that takes is measured beside the callers, by a thread of the same process that does
nothing but wait. Only delays while a caller comes in, or after the last moment at which it may still be kept waiting,
excuse it: a second time-out, which falls between, is found on a busy machine too.

A thread that only waits is woken sooner than one that has work to do, so the control sees less than a crowd of callers
suffers. What the product does wrong it does at most hangs, and the machine at some: of a few hangs, two have to keep
the promise.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Self

PROMISED = 0.3
"""Seconds from a caller's entry to its answer."""
ENTERING = 0.03
"""Seconds before which a caller may not have reached the gate's clock."""
WAITING = 0.25
"""Seconds from a caller's entry in which it may wait for its answer; what comes after is waking up."""
TICK = 0.0005
HANGS = 5
"""How many hangs are tried at most."""
KEPT = 2
"""How many of them have to keep the promise."""


class Span(NamedTuple):
    """A time from one moment to another, in seconds of `time.monotonic`."""

    began: float
    ended: float


def is_settled(longest: Sequence[float]) -> bool:
    """Whether enough hangs have kept the promise, or no more are to be tried; `longest` has a value for each."""
    return is_kept(longest) or len(longest) >= HANGS


def is_kept(longest: Sequence[float]) -> bool:
    """Whether enough hangs have kept the promise."""
    return sum(seconds <= PROMISED for seconds in longest) >= KEPT


def held(span: Span, delays: Iterable[Span]) -> float:
    """Seconds that a caller was held; delays of the machine while it came in or could only wake up are left out."""
    entering = Span(span.began, min(span.began + ENTERING, span.ended))
    waking = Span(min(span.began + WAITING, span.ended), span.ended)
    excused = sum(_overlap(late, part) for late in delays for part in (entering, waking))
    return span.ended - span.began - excused


def _overlap(one: Span, other: Span) -> float:
    return max(0.0, min(one.ended, other.ended) - max(one.began, other.began))


class Control:
    """A thread that measures how late the machine ends a plain timed wait, for as long as it is entered.

    Attributes:
        delays: From when a wait was due to end until it did; the last is known once the control has been left.
    """

    def __init__(self) -> None:
        self.delays: list[Span] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def longest(self, waits: Iterable[Span]) -> float:
        """The most seconds that one of the callers was held."""
        return max(held(span, self.delays) if span.ended - span.began > PROMISED else 0.0 for span in waits)

    def _run(self) -> None:
        is_over, now = False, time.monotonic()
        while not is_over:
            due = now + TICK
            is_over = self._is_over.wait(TICK)
            now = time.monotonic()
            self.delays.append(Span(due, max(due, now)))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()
