"""The running window of one process: every input is counted in it, and every 10 s it is closed and reported.

Callers only count, and keep durations; a thread sums up every second what they kept.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dq_gate.core.window import Window, split
from dq_gate.events import WindowClosed
from dq_gate.signals.durations import Durations

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.core.flow import Counted
    from dq_gate.core.model import Decision, GateMode, Violation
    from dq_gate.signals.emitter import Emitter

WINDOW_SECONDS = 10.0
TICK_SECONDS = 1.0
"""How often what callers kept is summed up, and told to whoever follows the running window."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted since the tally before.

    Attributes:
        inputs: Counts by source and outcome.
        rules: Failures by source, rule and mode.
        latencies_ns: What each judgement took.
        puts_ns: What storing each entry took.
        closed_at: When the last window was closed, seconds since the epoch; None before the first close.
    """

    inputs: Counter[tuple[str, Counted]]
    rules: Counter[tuple[str, str, str]]
    latencies_ns: list[int]
    puts_ns: list[int]
    closed_at: float | None


class Windows:
    """Counts inputs, exactly, and closes a window every `WINDOW_SECONDS` from a thread of its own.

    Args:
        emitter: Where closed windows go.
        mode: The gate's mode at the moment; called at each close. It may change in `on_close`.
        on_close: Called after each close, by the same thread.
        on_tick: Given what was counted since its last call, every `TICK_SECONDS` and at each close.
        unkept: How many entries were lost so far; called at each close.
        spooled: How many entries wait in the spool; called at each close.
    """

    def __init__(
        self,
        emitter: Emitter,
        mode: Callable[[], GateMode],
        on_close: Callable[[], None],
        *,
        on_tick: Callable[[Tally], None] = lambda _: None,
        unkept: Callable[[], int] = lambda: 0,
        spooled: Callable[[], int] = lambda: 0,
    ) -> None:
        self._closed_at: float | None = None
        self._emitter = emitter
        self._mode = mode
        self._on_close = on_close
        self._on_tick = on_tick
        self._unkept = unkept
        self._spooled = spooled
        self._told_dropped = 0
        self._told_unkept = 0
        self._lock = threading.RLock()
        self._window = Window(time.time())
        self._seq = 0
        self._start_summing_up()
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
            self._window.puts_ns.append(nanoseconds)

    def close(self) -> None:
        """Report the last, shorter window and stop."""
        self._stop.set()
        self._thread.join()
        self._close_window()

    def _run(self) -> None:
        self._sum_up(self._window)  # so that there is something to read before the first second is over
        due = time.monotonic() + WINDOW_SECONDS
        while not self._stop.wait(max(0.0, min(TICK_SECONDS, due - time.monotonic()))):
            if time.monotonic() < due:
                self._sum_up(self._window)
                continue
            self._close_window()
            due = max(due + WINDOW_SECONDS, time.monotonic())  # a process that was stopped does not make up for it
            self._on_close()

    def _start_summing_up(self) -> None:
        self._told: tuple[Counter[tuple[str, Counted]], Counter[tuple[str, str, str]]] = Counter(), Counter()
        self._latency = Durations()
        self._put = Durations()

    def _sum_up(self, window: Window) -> None:
        """Take over what came since the last time; called by one thread alone."""
        with self._lock:
            counts = window.inputs.copy(), window.rules.copy()
            latencies, puts = window.take_durations()
        tally = Tally(counts[0] - self._told[0], counts[1] - self._told[1], latencies, puts, self._closed_at)
        self._told = counts
        self._latency.add(latencies)
        self._put.add(puts)
        self._on_tick(tally)

    def _close_window(self) -> None:
        closed_at = time.time()
        with self._lock:
            window, self._window = self._window, Window(closed_at)
            seq, self._seq = self._seq, self._seq + 1
        self._closed_at = closed_at
        self._sum_up(window)
        self._tell(window, seq, closed_at)
        self._start_summing_up()

    def _tell(self, window: Window, seq: int, closed_at: float) -> None:
        """Report a window; what could not be reported of losses is told with the next one."""
        dropped, unkept = self._emitter.dropped, self._unkept()
        mode, spooled = self._mode(), self._spooled()
        parts = split(*window.rows())
        for part, (inputs, rules) in enumerate(parts, start=1):
            is_first = part == 1
            is_told = self._emitter.try_emit(
                WindowClosed(
                    seq=seq,
                    part=part,
                    parts=len(parts),
                    opened_at=_rfc3339(window.opened_at),
                    closed_at=_rfc3339(closed_at),
                    mode=mode,
                    inputs=inputs,
                    rules=rules,
                    latency_us=self._latency.quantiles(1e3) if is_first else None,
                    put_ms=self._put.quantiles(1e6) if is_first else None,
                    dropped=dropped - self._told_dropped if is_first else 0,
                    unkept=unkept - self._told_unkept if is_first else 0,
                    spooled=spooled if is_first else 0,
                )
            )
            if is_first and is_told:
                self._told_dropped, self._told_unkept = dropped, unkept


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
