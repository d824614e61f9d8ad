"""The two shells that carry out the core's flow: one waits, one awaits. No decision is taken here."""

from __future__ import annotations

from concurrent.futures import CancelledError as FutureCancelledError
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from dq_gate.core.flow import Count, Ending, Quarantine, Report, admission
from dq_gate.core.model import Receipt

if TYPE_CHECKING:
    from dq_gate.gate.rules import Rules
    from dq_gate.gate.runtime import Runtime

DEADLINE_NS = 260_000_000
"""A caller is promised 300 ms from its entry; what is left over is for waking up."""


def run(
    entered: int,
    runtime: Runtime,
    rules: Rules,
    record: Any,
    *,
    key: str | None,
    has_fallback: bool,
) -> Ending:
    """Send one input through the gate, waiting where it must.

    Args:
        entered: When the caller came, by `perf_counter_ns`; the promise counts from here.
        runtime: The gate at work.
        rules: What judges it.
        record: The input.
        key: The caller's name for it.
        has_fallback: Whether a failing input is answered by a fallback.
    """
    flow = admission(rules.judge, record, runtime.mode, has_fallback=has_fallback)
    reply: Receipt | None = None
    latency_ns = 0
    try:
        while True:
            command = flow.send(reply)
            if isinstance(command, Count):
                latency_ns = perf_counter_ns() - entered
                runtime.count(rules, command, latency_ns)
            elif isinstance(command, Quarantine):
                put = _Put(entered, runtime, rules, record, command, key=key)
                reply = put.wait()
            else:
                put.report(command, latency_ns)
    except StopIteration as stop:
        ending: Ending = stop.value
        return ending


async def arun(
    entered: int,
    runtime: Runtime,
    rules: Rules,
    record: Any,
    *,
    key: str | None,
    has_fallback: bool,
) -> Ending:
    """As `run`, awaiting where it must. Cancelling the task does not cancel the put."""
    flow = admission(rules.judge, record, runtime.mode, has_fallback=has_fallback)
    reply: Receipt | None = None
    latency_ns = 0
    try:
        while True:
            command = flow.send(reply)
            if isinstance(command, Count):
                latency_ns = perf_counter_ns() - entered
                runtime.count(rules, command, latency_ns)
            elif isinstance(command, Quarantine):
                import asyncio

                put = _Put(entered, runtime, rules, record, command, key=key)
                try:
                    reply = await put.answer()
                except asyncio.CancelledError:
                    report = flow.send(put.unknown())
                    assert isinstance(report, Report)
                    put.report(report, latency_ns)
                    raise
            else:
                put.report(command, latency_ns)
    except StopIteration as stop:
        ending: Ending = stop.value
        return ending


class _Put:
    """An entry on its way to the quarantine, and how long its caller has waited."""

    __slots__ = ("_entered", "_entry", "_receipt", "_runtime", "_submitted")

    def __init__(
        self, entered: int, runtime: Runtime, rules: Rules, record: Any, command: Quarantine, *, key: str | None
    ) -> None:
        self._entered = entered
        self._runtime = runtime
        self._submitted = perf_counter_ns()
        self._entry = runtime.entry(rules, record, command.decision, key)
        self._receipt = runtime.put(self._entry)

    def wait(self) -> Receipt:
        try:
            return self._receipt.result(self._seconds_left())
        except (TimeoutError, FutureCancelledError):
            return self.unknown()

    async def answer(self) -> Receipt:
        import asyncio

        try:
            async with asyncio.timeout(self._seconds_left()):
                return await asyncio.wrap_future(self._receipt)  # cancelling it leaves the writer's future alone
        except TimeoutError:
            return self.unknown()

    def unknown(self) -> Receipt:
        return Receipt(self._entry.id, "unknown")

    def report(self, command: Report, latency_ns: int) -> None:
        self._runtime.report(command, self._entry, latency_ns, perf_counter_ns() - self._submitted)

    def _seconds_left(self) -> float:
        return max(0.0, (self._entered + DEADLINE_NS - perf_counter_ns()) / 1e9)
