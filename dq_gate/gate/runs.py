"""Runs of redrive: how each waits, how it is told to end, and how a gate that closes waits for its own."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Run:
    """One run of redrive, and the way to end it. Made in the thread that carries the run out.

    Args:
        wake: Ends a wait; callable from any thread, and from a signal handler.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._is_stopped = False
        self._ended = threading.Event()
        self._thread = threading.get_ident()

    def stop(self) -> None:
        """End after the entry at hand. Callable from any thread, a signal handler, or the handler at work."""
        self._is_stopped = True
        self._wake()

    def is_stopped(self) -> bool:
        """Whether the run is to end."""
        return self._is_stopped

    def end(self) -> None:
        """Note that the run has ended."""
        self._ended.set()

    def join(self, timeout: float) -> None:
        """Wait for the end (seconds), unless this very thread would have to bring it about."""
        if self._thread != threading.get_ident():
            self._ended.wait(timeout)


class WaitingRun(Run):
    """A run whose thread waits."""

    def __init__(self) -> None:
        # A signal handler may put into this queue whatever the thread is at; a threading.Event might lock up.
        self._bell: SimpleQueue[None] = SimpleQueue()
        super().__init__(lambda: self._bell.put(None))

    def wait(self, seconds: float) -> None:
        """Wait some seconds, or until the run is to end."""
        if seconds > 0 and not self.is_stopped():
            with suppress(Empty):
                self._bell.get(timeout=seconds)


class AwaitingRun(Run):
    """A run on an event loop."""

    def __init__(self) -> None:
        import asyncio

        loop, self._bell = asyncio.get_running_loop(), asyncio.Event()
        super().__init__(lambda: loop.call_soon_threadsafe(self._bell.set))

    async def wait(self, seconds: float) -> None:
        """Wait some seconds, or until the run is to end."""
        if seconds > 0:
            import asyncio

            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), seconds)


class Runs:
    """The runs of one gate in one process. Thread-safe."""

    def __init__(self) -> None:
        self._at_work: list[Run] = []
        self._is_closed = False

    @contextmanager
    def entered(self, run: Run) -> Iterator[None]:
        """Have a run told when it is to end."""
        self._at_work.append(run)
        if self._is_closed:  # meanwhile, so that nobody else would tell it
            run.stop()
        try:
            yield
        finally:
            self._at_work.remove(run)
            run.end()

    def stop(self) -> None:
        """End each after the entry at hand."""
        for run in list(self._at_work):
            run.stop()

    def close(self, timeout: float) -> None:
        """End them and wait for it, so many seconds at the most."""
        deadline = monotonic() + timeout
        self._is_closed = True
        self.stop()
        for run in list(self._at_work):
            run.join(max(0.0, deadline - monotonic()))
