"""A guarded generator is judged at its first `next`, and is in all else the generator it guards."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.errors import InputQuarantined
from tests.unit.gate.stage import BAD, CLEAN, COMPOSED, DECOMPOSED, until

if TYPE_CHECKING:
    from dq_gate import Gate
    from tests.unit.gate.stage import FakeRuntime


class OddError(Exception):
    """What consumers throw in."""


@pytest.fixture
def log() -> list[Any]:
    """What went on inside the guarded generator."""
    return []


@pytest.fixture
def stream(gate: Gate, log: list[Any]) -> Any:
    """A guarded generator function that listens, recovers from `OddError` once, and returns its query."""

    @gate.guard
    def retrieve(query):
        try:
            try:
                log.append((yield query))
                log.append((yield "second"))
            except OddError:
                yield "recovered"
        finally:
            log.append("closed")
        return query

    return retrieve


@pytest.fixture
def async_stream(gate: Gate, log: list[Any]) -> Any:
    """The same, async."""

    @gate.guard
    async def retrieve(query):
        try:
            try:
                log.append((yield query))
                await asyncio.sleep(0)
                log.append((yield "second"))
            except OddError:
                yield "recovered"
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    return retrieve


def test_nothing_is_judged_before_the_first_next(stream: Any, async_stream: Any, runtime: FakeRuntime) -> None:
    stream(BAD).close()
    asyncio.run(async_stream(BAD).aclose())
    assert runtime.counted == []


def test_the_first_next_judges_once(stream: Any, runtime: FakeRuntime) -> None:
    with pytest.raises(InputQuarantined):
        next(stream(BAD))
    assert next(stream(DECOMPOSED)) == COMPOSED
    assert list(stream(CLEAN)) == [CLEAN, "second"]
    assert runtime.counted == ["quarantined", "repaired", "clean"]


def test_what_is_sent_in_arrives_and_what_is_returned_comes_out(stream: Any, log: list[Any]) -> None:
    running = stream(DECOMPOSED)
    assert running.send(None) == COMPOSED
    assert running.send("hello") == "second"
    with pytest.raises(StopIteration) as caught:
        running.send("bye")
    assert caught.value.value == COMPOSED
    assert log == ["hello", "bye", "closed"]


def test_what_is_thrown_in_arrives(stream: Any, log: list[Any]) -> None:
    running = stream(CLEAN)
    next(running)
    assert running.throw(OddError()) == "recovered"
    with pytest.raises(OddError):
        running.throw(OddError())
    assert log == ["closed"]


def test_closing_closes_the_guarded_generator(stream: Any, log: list[Any]) -> None:
    running = stream(CLEAN)
    next(running)
    running.close()
    assert log == ["closed"]


def test_a_generator_is_a_fallback_with_all_it_takes(gate: Gate, log: list[Any]) -> None:
    def fallback(decision: Any) -> Any:
        log.append((yield decision.outcome))
        return "done"

    @gate.guard(fallback=fallback)
    def retrieve(query):
        yield query

    running = retrieve(BAD)
    assert next(running) == "quarantined"
    with pytest.raises(StopIteration) as caught:
        running.send("hello")
    assert (caught.value.value, log) == ("done", ["hello"])


def test_async_the_first_next_judges_once(async_stream: Any, runtime: FakeRuntime) -> None:
    async def scene() -> None:
        with pytest.raises(InputQuarantined):
            await anext(async_stream(BAD))
        assert [item async for item in async_stream(DECOMPOSED)] == [COMPOSED, "second"]

    asyncio.run(scene())
    assert runtime.counted == ["quarantined", "repaired"]


def test_async_what_is_sent_in_arrives(async_stream: Any, log: list[Any]) -> None:
    async def scene() -> None:
        running = async_stream(CLEAN)
        assert await running.asend(None) == CLEAN
        assert await running.asend("hello") == "second"
        with pytest.raises(StopAsyncIteration):
            await running.asend("bye")

    asyncio.run(scene())
    assert log == ["hello", "bye", "closed"]


def test_async_what_is_thrown_in_arrives(async_stream: Any, log: list[Any]) -> None:
    async def scene() -> None:
        running = async_stream(CLEAN)
        await anext(running)
        assert await running.athrow(OddError()) == "recovered"
        with pytest.raises(OddError):
            await running.athrow(OddError())
        with pytest.raises(StopAsyncIteration):
            await anext(running)

    asyncio.run(scene())
    assert log == ["closed"]


def test_async_closing_closes_the_guarded_generator_at_once(async_stream: Any, log: list[Any]) -> None:
    async def scene() -> None:
        running = async_stream(CLEAN)
        await anext(running)
        await running.aclose()
        assert log == ["closed"]

    asyncio.run(scene())


def test_async_a_stream_that_is_dropped_half_way_is_closed_by_the_loop(async_stream: Any, log: list[Any]) -> None:
    async def scene() -> None:
        running = async_stream(CLEAN)
        await anext(running)
        del running
        gc.collect()
        await until(lambda: log)

    asyncio.run(scene())
    assert log == ["closed"]


def test_async_a_task_that_is_cancelled_half_way_cancels_the_guarded_generator(gate: Gate, log: list[Any]) -> None:
    @gate.guard
    async def retrieve(query):
        yield query
        log.append("waiting")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def consume() -> None:
        async for _ in retrieve(CLEAN):
            pass

    async def scene() -> None:
        task = asyncio.create_task(consume())
        await until(lambda: log)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert log == ["waiting", "cancelled"]


def test_async_closing_closes_a_fallback_stream_at_once(gate: Gate, log: list[Any]) -> None:
    async def fallback(decision: Any) -> Any:
        try:
            yield decision.outcome
            yield "more"
        finally:
            log.append("closed")

    @gate.guard(fallback=fallback)
    async def retrieve(query):
        yield query

    async def scene() -> None:
        running = retrieve(BAD)
        assert await anext(running) == "quarantined"
        await running.aclose()
        assert log == ["closed"]

    asyncio.run(scene())
