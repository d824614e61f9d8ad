"""A bounded queue in front of whatever may be slow: the caller leaves a line and goes on; a thread writes it.

What does not fit, or cannot be written, is counted. Every line is written or counted, once.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import islice
from queue import SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from dq_gate.signals.sinks.base import Sent

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.signals.sinks.base import Outlet

BATCH_LINES = 500
"""Most lines that an outlet is offered at once."""
PAUSE_SECONDS = 0.05
MAX_PAUSE_SECONDS = 0.4
"""Before an outlet that took nothing is tried again: doubled each time, up to this."""
GRACE_SECONDS = 0.3
"""Of the time for closing, what is kept for an attempt that is under way."""


class QueueFullError(Exception):
    """There is no room for a line."""


class QueuedSink:
    """A `Sink` whose lines a thread of its own hands to an outlet. The thread starts with the first line.

    Args:
        outlet: Where lines go.
        capacity: Most lines that wait.
        count_lost: Told how many lines that were taken will never be written.
    """

    def __init__(self, outlet: Outlet, capacity: int, count_lost: Callable[[int], None]) -> None:
        self._outlet = outlet
        self._capacity = capacity
        self._count_lost = count_lost
        self._lines: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._wake: SimpleQueue[None] = SimpleQueue()  # a signal handler may emit while its thread does: no Event
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._settled = self._lost = self._lost_at_flush = 0

    def write(self, line: bytes) -> None:
        """See `Sink`.

        Raises:
            QueueFullError: the outlet is too slow, or the sink is closed.
        """
        with self._changed:
            if self._closed.is_set() or len(self._lines) >= self._capacity:
                raise QueueFullError
            if self._thread is None:
                self._start()
            self._lines.append(line)
        if self._wake.empty():
            self._wake.put(None)

    def flush(self, within: float) -> bool:
        """See `Sink`."""
        with self._changed:
            target = self._settled + len(self._lines)
            is_settled = self._changed.wait_for(lambda: self._settled >= target, within)
            lost_before, self._lost_at_flush = self._lost_at_flush, self._lost
            return is_settled and self._lost == lost_before

    def follow_rotation(self) -> None:
        """Nothing here rotates."""

    def close(self, within: float) -> None:
        """See `Sink`. What the outlet did not take in time is lost."""
        ends = monotonic() + within
        self.flush(within - GRACE_SECONDS)
        with self._changed:
            self._closed.set()
        self._wake.put(None)
        if self._thread is not None:
            self._thread.join(max(0.0, ends - monotonic()))
        with self._changed:
            self._settle(Sent(lost=len(self._lines)))
        self._outlet.close()

    def abandon(self) -> None:
        """See `Sink`: what waits is the parent's to write."""
        self._changed, self._wake, self._closed = threading.Condition(), SimpleQueue(), threading.Event()
        self._closed.set()
        self._lines.clear()
        self._thread = None

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="dq-gate-log", daemon=True)
        thread.start()
        self._thread = thread

    def _run(self) -> None:
        while True:
            self._wake.get()
            pause = PAUSE_SECONDS
            while batch := self._batch():
                if self._send(batch):
                    pause = PAUSE_SECONDS
                    continue
                self._closed.wait(pause)
                pause = min(2 * pause, MAX_PAUSE_SECONDS)
            if self._closed.is_set():
                return

    def _batch(self) -> list[bytes]:
        with self._changed:
            return [] if self._closed.is_set() else list(islice(self._lines, BATCH_LINES))

    def _send(self, batch: list[bytes]) -> bool:
        """Whether the outlet dealt with any of these."""
        try:
            sent = self._outlet.send(batch)
        except Exception:  # noqa: BLE001 - a foreign exporter's error must not end the thread
            sent = Sent(lost=len(batch))
        with self._changed:
            self._settle(sent)
        return sent.written + sent.lost > 0

    def _settle(self, sent: Sent) -> None:
        """Strike lines off, unless `close` gave them up meanwhile."""
        done = min(sent.written + sent.lost, len(self._lines))
        for _ in range(done):
            self._lines.popleft()
        lost = min(sent.lost, done)
        self._settled += done
        self._lost += lost
        self._changed.notify_all()
        if lost:
            self._count_lost(lost)
