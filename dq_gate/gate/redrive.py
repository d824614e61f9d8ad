"""The two shells that redrive released entries: one calls the handler, one awaits it. No decision is taken here.

What they carry out talks to the store; the one that awaits runs it on other threads, and only the handler on the
event loop.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import os
import socket
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dq_gate.core.redrive import Handle, Limits
from dq_gate.errors import ConfigurationError
from dq_gate.gate.runs import AwaitingRun, WaitingRun
from dq_gate.gate.runtime import connect
from dq_gate.quarantine.vault import vault_of
from dq_gate.review.consumer import Consumer
from dq_gate.review.redrive import Redriver

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from dq_gate.core.redrive import Command
    from dq_gate.events import Event
    from dq_gate.gate.runs import Run, Runs
    from dq_gate.gate.runtime import Runtime
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.quarantine.entry import Store
    from dq_gate.review.consumer import RedriveReport
    from dq_gate.review.service import Judge
    from dq_gate.settings import Settings

    Flow = Generator[Command, str | None, RedriveReport]

T = TypeVar("T")


class Redriving(Protocol):
    """What a gate has that redrives."""

    settings: Settings
    redrives: Runs

    @property
    def pack(self) -> CompiledPack:
        """The rules in force."""
        ...

    @property
    def check(self) -> Judge:
        """Judges a record."""
        ...

    def runtime(self) -> Runtime:
        """What the gate needs to act in this process."""
        ...


def redrive(
    gate: Redriving, handler: Callable[..., Any], *, consumer: str | None, rate: float | None, once: bool
) -> RedriveReport:
    """See `Gate.redrive`."""
    if is_awaited(handler):
        raise ConfigurationError("the handler is a coroutine function; use: await gate.aredrive(handler)")
    run = WaitingRun()
    with _flow(gate, run, consumer=consumer, rate=rate, once=once) as flow:
        return drive(flow, handler, run)


async def aredrive(
    gate: Redriving, handler: Callable[..., Any], *, consumer: str | None, rate: float | None, once: bool
) -> RedriveReport:
    """See `Gate.aredrive`."""
    run = AwaitingRun()
    with _flow(gate, run, consumer=consumer, rate=rate, once=once) as flow:
        return await adrive(flow, handler, run)


def drive(flow: Flow, handler: Callable[..., Any], run: WaitingRun) -> RedriveReport:
    """Carry out a run, waiting."""
    call = _caller(handler)
    answer: str | None = None
    with closing(flow):  # what is cut short is let go of
        while True:
            try:
                command = flow.send(answer)
            except StopIteration as ended:
                report: RedriveReport = ended.value
                return report
            answer = None
            if isinstance(command, Handle):
                answer = _handle(call, command)
            else:
                run.wait(command.seconds)


async def adrive(flow: Flow, handler: Callable[..., Any], run: AwaitingRun) -> RedriveReport:
    """Carry out a run, awaiting. Cancelling it cuts the entry at hand short, which stays released."""
    call = _caller(handler)
    answer: str | None = None
    try:
        while True:
            command = await _on_a_thread(_advance, flow, answer)
            answer = None
            if isinstance(command, Handle):
                answer = await _ahandle(call, command)
            elif isinstance(command, _Ended):
                return command.report
            else:
                await run.wait(command.seconds)
    finally:
        await _on_a_thread(flow.close)


def is_awaited(handler: Callable[..., Any]) -> bool:
    """Whether what calling the handler gives has to be awaited, as far as can be told without calling it."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)


class _Ended:
    """Stands for a `StopIteration`, which no future can carry."""

    def __init__(self, report: RedriveReport) -> None:
        self.report = report


def _advance(flow: Flow, answer: str | None) -> Command | _Ended:
    try:
        return flow.send(answer)
    except StopIteration as ended:
        return _Ended(ended.value)


async def _on_a_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Run what waits for the store; a cancellation takes effect once that is done, which the time-out bounds."""
    work = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        work.exception()  # or Python complains that nobody looked at it
        raise cancelled
    return work.result()


def _caller(handler: Callable[..., Any]) -> Callable[[Handle], Any]:
    """Calls the handler with a record, and with the entry's id when it has a parameter of that name."""
    try:
        takes_id = "entry_id" in inspect.signature(handler).parameters
    except (TypeError, ValueError):  # a builtin may not say
        takes_id = False
    if takes_id:
        return lambda command: handler(command.record, entry_id=command.entry_id)
    return lambda command: handler(command.record)


def _handle(call: Callable[[Handle], Any], command: Handle) -> str | None:
    try:
        result = call(command)
    except (Exception, asyncio.CancelledError, GeneratorExit) as error:  # noqa: BLE001 - a failure is the entry's
        return type(error).__name__
    if inspect.isawaitable(result):
        _discard(result)
        raise ConfigurationError("the handler gave something to await; use: await gate.aredrive(handler)")
    _refuse_generator(result)
    return None


async def _ahandle(call: Callable[[Handle], Any], command: Handle) -> str | None:
    task = asyncio.current_task()
    try:
        result = call(command)
        if inspect.isawaitable(result):
            result = await result
    except (Exception, asyncio.CancelledError, GeneratorExit) as error:
        if _is_cut_short(task, error):
            raise
        return type(error).__name__
    _refuse_generator(result)
    return None


def _is_cut_short(task: asyncio.Task[Any] | None, error: BaseException) -> bool:
    """Whether it is the run that is cancelled or thrown away, and not the handler that failed with such an error."""
    if isinstance(error, asyncio.CancelledError):
        return task is not None and task.cancelling() > 0
    return isinstance(error, GeneratorExit) and not _is_at_work(task)


def _is_at_work(task: asyncio.Task[Any] | None) -> bool:
    """Whether we are in a task; a coroutine that Python throws away is closed from outside of it."""
    try:
        return asyncio.current_task() is task
    except RuntimeError:  # the loop has ended
        return False


def _refuse_generator(result: object) -> None:
    """Refuse a handler that has not done its work: its entry would count as redriven."""
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise ConfigurationError("the handler is a generator, which does nothing when it is called")


def _discard(result: object) -> None:
    if inspect.iscoroutine(result):
        result.close()  # or Python warns that nobody awaited it


@contextmanager
def _flow(gate: Redriving, run: Run, *, consumer: str | None, rate: float | None, once: bool) -> Iterator[Flow]:
    """A run of a gate, which ends when the gate is closed."""
    settings, emit = gate.settings, gate.runtime().emitter.emit
    with gate.redrives.entered(run), closing(connect(settings)) as store:
        redriver = make_redriver(
            store,
            settings,
            pack=gate.pack.id.name,
            judge=gate.check,
            who=consumer or f"{socket.gethostname()}-{os.getpid()}",
            emit=emit,
            run=run,
            rate=rate,
            follows=not once,
        )
        worker = Consumer(store, redriver)
        yield worker.all() if once else worker.follow()


def make_redriver(
    store: Store,
    settings: Settings,
    *,
    pack: str,
    judge: Judge,
    who: str,
    emit: Callable[[Event], None],
    run: Run,
    rate: float | None = None,
    follows: bool = False,
) -> Redriver:
    """What redrives entries as the settings want it.

    Args:
        store: Where the entries are.
        settings: Sealing keys and limits.
        pack: The pack's name.
        judge: The gate's `check`.
        who: Who redrives.
        emit: Takes events.
        run: The run, which may be stopped.
        rate: Entries a second at the most.
        follows: Whether the run goes on without end; it then waits without end for a store that is away,
            else for as long as a lease.

    Raises:
        ConfigurationError: the rate is no rate.
        MissingExtraError: payloads are sealed, and the extra `seal` is not installed.
    """
    if rate is not None and not 0 < rate < math.inf:
        raise ConfigurationError(f"the rate is {rate}; it is a number of entries a second, above 0")
    limits = Limits(
        max_attempts=settings.max_attempts,
        backoff_s=settings.redrive_backoff_s,
        backoff_max_s=settings.redrive_backoff_max_s,
        lease_s=settings.redrive_lease_s,
    )
    return Redriver(
        store,
        pack=pack,
        judge=judge,
        vault=vault_of(settings),
        who=who,
        emit=emit,
        limits=limits,
        stopped=run.is_stopped,
        patience_s=math.inf if follows else limits.lease_s,
        rate=rate,
    )
