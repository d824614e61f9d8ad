"""The two shells that carry out the core's flow: one waits, one awaits. No decision is taken here."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import CancelledError as FutureCancelledError
from contextlib import suppress
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from dq_gate.core.flow import Count, Ending, Quarantine, Report, admission
from dq_gate.core.model import Receipt

if TYPE_CHECKING:
    import asyncio
    from asyncio import AbstractEventLoop
    from concurrent.futures import Future

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

        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Receipt | None] = loop.create_future()  # cancelling it leaves the writer's future alone
        self._receipt.add_done_callback(partial(_mailbox_of(loop).post, waiter))
        timer = loop.call_later(self._seconds_left(), _answer, waiter, None)
        try:
            return await waiter or self.unknown()
        finally:
            timer.cancel()

    def unknown(self) -> Receipt:
        return Receipt(self._entry.id, "unknown")

    def report(self, command: Report, latency_ns: int) -> None:
        self._runtime.report(command, self._entry, latency_ns, perf_counter_ns() - self._submitted)

    def _seconds_left(self) -> float:
        return max(0.0, (self._entered + DEADLINE_NS - perf_counter_ns()) / 1e9)


class _Mailbox:
    """Brings receipts to an event loop: the writer answers many puts at once, and wakes the loop once for them all."""

    __slots__ = ("_is_called_for", "_letters", "_loop")

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._letters: deque[tuple[asyncio.Future[Receipt | None], Future[Receipt]]] = deque()
        self._is_called_for = False

    def is_of(self, loop: AbstractEventLoop) -> bool:
        return self._loop is loop

    def post(self, waiter: asyncio.Future[Receipt | None], receipt: Future[Receipt]) -> None:
        """Called by any thread."""
        self._letters.append((waiter, receipt))
        if not self._is_called_for:
            self._is_called_for = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_called_for = False  # before the letters are taken: one that comes meanwhile is taken, or calls again
        while self._letters:
            waiter, receipt = self._letters.popleft()
            _answer(waiter, None if receipt.cancelled() else receipt.result())


class _Local(threading.local):
    mailbox: _Mailbox | None = None


_LOCAL = _Local()


def _mailbox_of(loop: AbstractEventLoop) -> _Mailbox:
    """The mailbox of the loop that runs in this thread."""
    mailbox = _LOCAL.mailbox
    if mailbox is None or not mailbox.is_of(loop):
        mailbox = _LOCAL.mailbox = _Mailbox(loop)
    return mailbox


def _answer(waiter: asyncio.Future[Receipt | None], receipt: Receipt | None) -> None:
    if not waiter.done():
        waiter.set_result(receipt)
