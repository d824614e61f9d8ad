"""The running window of one process: every input is counted in it, and every 10 s it is closed and reported."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dq_gate.core.window import Window, split
from dq_gate.events import WindowClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.core.flow import Counted
    from dq_gate.core.model import Decision, GateMode, Violation
    from dq_gate.signals.emitter import Emitter

WINDOW_SECONDS = 10.0


class Windows:
    """Counts inputs, exactly, and closes a window every `WINDOW_SECONDS` from a thread of its own.

    Args:
        emitter: Where closed windows go.
        mode: The gate's mode at the moment; called at each close.
        on_close: Called after each close, by the same thread.
        unkept: How many entries were lost so far; called at each close.
    """

    def __init__(
        self,
        emitter: Emitter,
        mode: Callable[[], GateMode],
        on_close: Callable[[], None],
        unkept: Callable[[], int] = lambda: 0,
    ) -> None:
        self._emitter = emitter
        self._mode = mode
        self._unkept = unkept
        self._told_unkept = 0
        self._on_close = on_close
        self._lock = threading.Lock()
        self._window = Window(time.time())
        self._seq = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dq-gate-windows", daemon=True)
        self._thread.start()

    def count(self, source: str, outcome: Counted, decision: Decision | None, latency_ns: int, times: int = 1) -> None:
        """Count an input, or several of one outcome."""
        with self._lock:
            self._window.count(source, outcome, decision, latency_ns, times)

    def count_rules(self, source: str, violations: tuple[Violation, ...], *, is_enforced: bool) -> None:
        """Count rules that no single input failed, but a batch."""
        with self._lock:
            self._window.count_rules(source, violations, is_enforced=is_enforced)

    def count_put(self, nanoseconds: int) -> None:
        """Count how long an entry took to be stored."""
        with self._lock:
            self._window.put.add(nanoseconds)

    def close(self) -> None:
        """Report the last, shorter window and stop."""
        self._stop.set()
        self._thread.join()
        self._close_window()

    def _run(self) -> None:
        due = time.monotonic() + WINDOW_SECONDS
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += WINDOW_SECONDS
            self._close_window()
            self._on_close()

    def _close_window(self) -> None:
        closed_at = time.time()
        with self._lock:
            window, self._window = self._window, Window(closed_at)
            seq, self._seq = self._seq, self._seq + 1
        dropped = self._emitter.take_dropped()
        unkept = self._unkept()
        parts = split(*window.rows())
        for part, (inputs, rules) in enumerate(parts, start=1):
            is_told = self._emitter.try_emit(
                WindowClosed(
                    seq=seq,
                    part=part,
                    parts=len(parts),
                    opened_at=_rfc3339(window.opened_at),
                    closed_at=_rfc3339(closed_at),
                    mode=self._mode(),
                    inputs=inputs,
                    rules=rules,
                    latency_us=window.latency.quantiles(1e3) if part == 1 else None,
                    put_ms=window.put.quantiles(1e6) if part == 1 else None,
                    dropped=dropped if part == 1 else 0,
                    unkept=unkept - self._told_unkept if part == 1 else 0,
                )
            )
            if part > 1:
                continue
            if is_told:
                self._told_unkept = unkept
            else:
                self._emitter.count_dropped(dropped)


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
