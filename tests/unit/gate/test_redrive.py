"""The shells of redrive: they call or await the handler, end on request, and let go of what is cut short."""

from __future__ import annotations

import asyncio
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.core.redrive import Command, Handle, Wait
from dq_gate.errors import ConfigurationError
from dq_gate.gate.redrive import adrive, drive, is_awaited
from dq_gate.gate.runs import AwaitingRun, WaitingRun

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

ANSWERS: list[Any] = []


@pytest.fixture(autouse=True)
def answers() -> list[Any]:
    """What the flow was answered, and how it was cut short."""
    ANSWERS.clear()
    return ANSWERS


def flow(*commands: Command) -> Generator[Command, str | None, Any]:
    """Wants these commands carried out."""
    try:
        for command in commands:
            ANSWERS.append((yield command))  # noqa: PERF401 - no list can be built of it
    except BaseException as error:
        ANSWERS.append(type(error))
        raise
    return "report"


def waiting(handler: Callable[..., Any], *commands: Command) -> Any:
    """Carries commands out, waiting."""
    return drive(flow(*commands), handler, WaitingRun())


def awaiting(handler: Callable[..., Any], *commands: Command) -> Any:
    """Carries commands out, awaiting."""

    async def run() -> Any:
        return await adrive(flow(*commands), handler, AwaitingRun())

    return asyncio.run(run())


BOTH = pytest.mark.parametrize("shell", [waiting, awaiting])
HANDLE = Handle("e1", {"query": "hello"})


@BOTH
def test_the_handler_is_answered_for_and_the_report_given_on(shell: Any, answers: list[Any]) -> None:
    taken: list[Any] = []
    assert shell(taken.append, HANDLE, Wait(0.0), HANDLE) == "report"
    assert (taken, answers) == ([{"query": "hello"}] * 2, [None] * 3)


@BOTH
def test_what_a_handler_raises_is_answered_by_its_type(shell: Any, answers: list[Any]) -> None:
    assert shell(lambda record: record["no such field"], HANDLE) == "report"
    assert answers == ["KeyError"]


@BOTH
@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit])
def test_a_handler_that_raises_what_ends_others_has_failed(shell: Any, answers: list[Any], error: Any) -> None:
    def fail(_record: Any) -> None:
        raise error

    assert shell(fail, HANDLE) == "report"
    assert answers == [error.__name__]


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit])
def test_a_coroutine_that_raises_what_ends_others_has_failed(answers: list[Any], error: Any) -> None:
    async def fail(_record: Any) -> None:
        await asyncio.sleep(0)
        raise error

    assert awaiting(fail, HANDLE) == "report"
    assert answers == [error.__name__]


def test_a_handler_whose_own_task_is_cancelled_has_failed(answers: list[Any]) -> None:
    async def fail(_record: Any) -> None:
        task = asyncio.create_task(asyncio.sleep(60))
        task.cancel()
        await task

    assert awaiting(fail, HANDLE) == "report"
    assert answers == ["CancelledError"]


@BOTH
def test_what_is_no_exception_cuts_it_short(shell: Any, answers: list[Any]) -> None:
    def leave(_record: Any) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        shell(leave, HANDLE)
    assert answers == [GeneratorExit]


class Index:
    """A handler that is an object, and one that is its method."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def __call__(self, _record: Any, *, entry_id: str) -> None:
        self.ids.append(entry_id)

    def method(self, _record: Any, entry_id: str) -> None:
        self.ids.append(entry_id)


@BOTH
@pytest.mark.parametrize(
    "of", [lambda index: index, lambda index: index.method, lambda index: partial(Index.method, index)]
)
def test_a_handler_with_a_parameter_of_that_name_gets_the_entrys_id(shell: Any, of: Any) -> None:
    index = Index()
    shell(of(index), HANDLE)
    assert index.ids == ["e1"]


@BOTH
def test_a_second_parameter_of_another_name_keeps_its_default(shell: Any) -> None:
    clients: list[Any] = []
    shell(lambda _record, client="default": clients.append(client), HANDLE)
    assert clients == ["default"]


class Coroutine:
    """An object whose call is awaited."""

    async def __call__(self, record: Any) -> None:
        """Take a record."""


async def coroutine(_record: Any) -> None:
    """A handler that is awaited."""


def test_it_is_told_which_handlers_are_awaited() -> None:
    assert is_awaited(coroutine)
    assert is_awaited(partial(coroutine))
    assert is_awaited(Coroutine())
    assert not is_awaited(Index())
    assert not is_awaited(print)


def generator(_record: Any) -> Any:
    """A handler that does nothing when it is called."""
    yield


async def async_generator(_record: Any) -> Any:
    """The same, for an event loop."""
    yield


@pytest.mark.parametrize(
    ("shell", "handler"),
    [
        (waiting, lambda record: coroutine(record)),  # noqa: PLW0108 - not to be told by looking at it
        (waiting, generator),
        (waiting, async_generator),
        (awaiting, generator),
        (awaiting, async_generator),
    ],
)
def test_a_handler_that_has_not_done_its_work_cuts_it_short(shell: Any, handler: Any, answers: list[Any]) -> None:
    with pytest.raises(ConfigurationError):
        shell(handler, HANDLE)
    assert answers == [GeneratorExit]


# Ending


def test_a_stop_ends_a_wait() -> None:
    run = WaitingRun()
    threading.Timer(0.02, run.stop).start()
    drive(flow(Wait(60.0), Wait(60.0)), print, run)
    assert run.is_stopped()


def test_a_stop_ends_a_wait_on_a_loop() -> None:
    async def stop_soon() -> Any:
        run = AwaitingRun()
        asyncio.get_running_loop().call_later(0.02, run.stop)
        return await adrive(flow(Wait(60.0), Wait(60.0)), print, run)

    assert asyncio.run(stop_soon()) == "report"


def test_a_signal_handler_may_stop_a_wait() -> None:
    run = WaitingRun()
    before = signal.signal(signal.SIGALRM, lambda *_: run.stop())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert drive(flow(Wait(60.0)), print, run) == "report"
    finally:
        signal.signal(signal.SIGALRM, before)


def test_who_carries_a_run_out_does_not_wait_for_its_end() -> None:
    run = WaitingRun()
    run.join(60.0)
    other = threading.Thread(target=run.join, args=(60.0,))
    other.start()
    run.end()
    other.join(30)
    assert not other.is_alive()


def test_a_cancellation_takes_effect_once_the_store_has_answered(answers: list[Any]) -> None:
    answered, asked = threading.Event(), threading.Event()

    def slow() -> Generator[Command, str | None, Any]:
        asked.set()
        answered.wait(30)
        try:
            yield HANDLE
        except GeneratorExit:
            answers.append("let go")
            raise

    async def cancel_twice() -> None:
        task = asyncio.create_task(adrive(slow(), print, AwaitingRun()))
        assert await asyncio.to_thread(asked.wait, 30)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
        answered.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_twice())
    assert answers == ["let go"]


def test_a_cancelled_handler_is_let_go(answers: list[Any]) -> None:
    async def cancel() -> None:
        entered = asyncio.Event()

        async def handler(_record: Any) -> None:
            entered.set()
            await asyncio.sleep(60)

        task = asyncio.create_task(adrive(flow(HANDLE), handler, AwaitingRun()))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert answers == [GeneratorExit]
