"""The two shells that carry out the core's flow: one waits, one awaits. No decision is taken here."""

from __future__ import annotations

from concurrent.futures import CancelledError as FutureCancelledError
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from dq_gate.core.flow import Count, Ending, Quarantine, Report, admission
from dq_gate.core.model import Receipt

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from dq_gate.core.model import Decision
    from dq_gate.gate.runtime import Runtime
    from dq_gate.quarantine.entry import Entry

DEADLINE_NS = 280_000_000
"""A caller is promised 300 ms from its entry; what is left over is for waking up."""


class Admission:
    """One input on its way through the gate, in whichever shell.

    Args:
        entered: When the caller came, by `perf_counter_ns`; the promise counts from here.
        runtime: The gate at work.
        judge: Decides one record.
        record: The input.
        key: The caller's name for it.
        has_fallback: Whether a failing input is answered by a fallback.
    """

    __slots__ = ("_entered", "_entry", "_flow", "_key", "_latency_ns", "_record", "_runtime", "_submitted")

    def __init__(
        self,
        entered: int,
        runtime: Runtime,
        judge: Callable[[Any], Decision],
        record: Any,
        *,
        key: str | None,
        has_fallback: bool,
    ) -> None:
        self._entered = entered
        self._latency_ns = 0
        self._submitted = 0
        self._runtime = runtime
        self._record = record
        self._key = key
        self._entry: Entry | None = None
        self._flow = admission(judge, record, runtime.mode, has_fallback=has_fallback)

    def run(self) -> Ending:
        """Carry the flow out, waiting where it must."""
        reply: Receipt | None = None
        try:
            while True:
                command = self._flow.send(reply)
                if isinstance(command, Quarantine):
                    reply = self._wait(self._put(command))
                else:
                    self._do(command)
        except StopIteration as stop:
            ending: Ending = stop.value
            return ending

    async def arun(self) -> Ending:
        """Carry the flow out, awaiting where it must. Cancelling the task does not cancel the put."""
        reply: Receipt | None = None
        try:
            while True:
                command = self._flow.send(reply)
                if isinstance(command, Quarantine):
                    reply = await self._await(self._put(command))
                else:
                    self._do(command)
        except StopIteration as stop:
            ending: Ending = stop.value
            return ending

    def _do(self, command: Count | Report) -> None:
        now = perf_counter_ns()
        if isinstance(command, Count):
            self._latency_ns = now - self._entered
            self._runtime.count(command, self._latency_ns)
        else:
            assert self._entry is not None
            self._runtime.report(command, self._entry, self._latency_ns, now - self._submitted)

    def _put(self, command: Quarantine) -> Future[Receipt]:
        self._submitted = perf_counter_ns()
        self._entry = self._runtime.entry(self._record, command.decision.violations, self._key)
        return self._runtime.put(self._entry)

    def _seconds_left(self) -> float:
        return max(0.0, (self._entered + DEADLINE_NS - perf_counter_ns()) / 1e9)

    def _wait(self, future: Future[Receipt]) -> Receipt:
        try:
            return future.result(self._seconds_left())
        except (TimeoutError, FutureCancelledError):
            return self._unknown()

    async def _await(self, future: Future[Receipt]) -> Receipt:
        import asyncio

        try:
            async with asyncio.timeout(self._seconds_left()):
                return await asyncio.wrap_future(future)  # cancelling it leaves the writer's future alone
        except TimeoutError:
            return self._unknown()
        except asyncio.CancelledError:
            report = self._flow.send(self._unknown())
            assert isinstance(report, Report)
            self._do(report)
            raise

    def _unknown(self) -> Receipt:
        assert self._entry is not None
        return Receipt(self._entry.id, "unknown")
