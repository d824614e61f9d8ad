"""Both shells keep the promise: a caller waits so long and no longer, and giving up gives up no entry."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from dq_gate.core.model import Receipt
from dq_gate.errors import InputQuarantined
from dq_gate.gate import shell
from tests.unit.gate.stage import BAD, CLEAN, COMPOSED, DECOMPOSED, until

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate import Gate
    from dq_gate.quarantine.entry import Entry
    from tests.unit.gate.stage import FakeRuntime

NEVER_NS = 3_600_000_000_000


class SlowWriter:
    """Answers puts when told to, or never."""

    def __init__(self) -> None:
        self.puts: list[Future[Receipt]] = []

    def __call__(self, entry: Entry) -> Future[Receipt]:
        receipt: Future[Receipt] = Future()
        receipt.set_running_or_notify_cancel()  # as a writer's: cancelling it does nothing
        self.puts.append(receipt)
        return receipt

    def answer(self) -> None:
        for number, put in enumerate(self.puts, start=1):
            put.set_result(Receipt(f"entry-{number}", "store"))


@pytest.fixture
def writer(runtime: FakeRuntime) -> SlowWriter:
    """The gate's writer, one that is slow."""
    writer = SlowWriter()
    runtime.keep = writer
    return writer


@pytest.fixture(params=["admit", "aadmit"])
def admit(request: pytest.FixtureRequest, gate: Gate) -> Callable[..., Any]:
    """The gate's two doors, both to be called without `await`."""
    if request.param == "admit":
        return gate.admit
    return lambda record, **options: asyncio.run(gate.aadmit(record, **options))


def test_a_clean_record_is_returned_itself(admit: Callable[..., Any]) -> None:
    record = {"query": CLEAN, "top_k": 5}
    assert admit(record) is record


def test_a_repaired_record_is_a_copy(admit: Callable[..., Any]) -> None:
    record = {"query": DECOMPOSED, "top_k": 5}
    assert admit(record) == {"query": COMPOSED, "top_k": 5}
    assert record == {"query": DECOMPOSED, "top_k": 5}


@pytest.mark.parametrize("record", [BAD, None, ["query"], 3, b"{}"])
def test_what_is_no_record_is_refused(admit: Callable[..., Any], runtime: FakeRuntime, record: Any) -> None:
    with pytest.raises(InputQuarantined):
        admit(record)
    assert runtime.kept == [(record, ("record.type",), None)]


def test_the_callers_key_goes_with_the_entry(admit: Callable[..., Any], runtime: FakeRuntime) -> None:
    with pytest.raises(InputQuarantined):
        admit({"query": BAD}, key="kafka/topic/3/1542")
    assert [key for _, _, key in runtime.kept] == ["kafka/topic/3/1542"]


def test_a_put_that_outlasts_the_deadline_is_unknown_and_goes_on(
    admit: Callable[..., Any], runtime: FakeRuntime, writer: SlowWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "DEADLINE_NS", 1_000_000)
    with pytest.raises(InputQuarantined) as caught:
        admit({"query": BAD})
    assert (caught.value.entry_id, caught.value.stored) == ("entry-1", "unknown")
    assert [report.receipt.stored for report in runtime.reports] == ["unknown"]
    assert [put.running() for put in writer.puts] == [True]


def test_a_deadline_that_has_passed_already_waits_for_nothing(
    admit: Callable[..., Any], writer: SlowWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "DEADLINE_NS", 0)
    with pytest.raises(InputQuarantined) as caught:
        admit({"query": BAD})
    assert caught.value.stored == "unknown"


def test_a_late_answer_harms_nobody(
    admit: Callable[..., Any], writer: SlowWriter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shell, "DEADLINE_NS", 1_000_000)
    with caplog.at_level(logging.DEBUG, "concurrent.futures"):
        with pytest.raises(InputQuarantined):
            admit({"query": BAD})
        writer.answer()
    assert caplog.records == []


def test_a_cancelled_task_leaves_its_put_alone_and_reports_it(
    gate: Gate, runtime: FakeRuntime, writer: SlowWriter, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(shell, "DEADLINE_NS", NEVER_NS)

    async def scene() -> None:
        task = asyncio.create_task(gate.aadmit({"query": BAD}))
        await until(lambda: writer.puts)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with caplog.at_level(logging.DEBUG, "concurrent.futures"):
        asyncio.run(scene())
        assert [put.running() for put in writer.puts] == [True]
        writer.answer()
    assert [report.receipt.stored for report in runtime.reports] == ["unknown"]
    assert caplog.records == []


def test_a_cancellation_that_meets_the_answer_still_cancels(
    gate: Gate, writer: SlowWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "DEADLINE_NS", NEVER_NS)

    async def scene() -> None:
        task = asyncio.create_task(gate.aadmit({"query": BAD}))
        await until(lambda: writer.puts)
        writer.answer()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())


def test_the_answer_reaches_the_task_that_waits_among_others(
    gate: Gate, writer: SlowWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "DEADLINE_NS", NEVER_NS)

    async def scene() -> list[Any]:
        tasks = [asyncio.create_task(gate.aadmit({"query": BAD})) for _ in range(3)]
        await until(lambda: len(writer.puts) == 3)
        threading.Thread(target=writer.answer).start()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(scene())
    assert [(answer.entry_id, answer.stored) for answer in answers] == [(f"entry-{n}", "store") for n in (1, 2, 3)]


def test_answers_that_come_together_wake_the_loop_once(
    gate: Gate, writer: SlowWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "DEADLINE_NS", NEVER_NS)

    async def scene() -> int:
        tasks = [asyncio.create_task(gate.aadmit({"query": BAD})) for _ in range(64)]
        await until(lambda: len(writer.puts) == 64)
        loop = asyncio.get_running_loop()
        with mock.patch.object(loop, "call_soon_threadsafe", wraps=loop.call_soon_threadsafe) as wake:
            writer.answer()
            await asyncio.gather(*tasks, return_exceptions=True)
        return wake.call_count

    assert asyncio.run(scene()) == 1


def test_an_answer_after_the_loop_has_ended_harms_nobody(gate: Gate, writer: SlowWriter) -> None:
    async def scene() -> None:
        task = asyncio.create_task(gate.aadmit({"query": BAD}))
        await until(lambda: writer.puts)
        task.cancel()

    asyncio.run(scene())
    writer.answer()
    assert [put.done() for put in writer.puts] == [True]


def test_an_async_caller_does_not_hold_up_its_loop(
    gate: Gate, writer: SlowWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "DEADLINE_NS", NEVER_NS)

    async def scene() -> str:
        task = asyncio.create_task(gate.aadmit({"query": BAD}))
        await until(lambda: writer.puts)
        clean = await gate.aadmit({"query": CLEAN})
        writer.answer()
        with pytest.raises(InputQuarantined):
            await task
        return clean["query"]

    assert asyncio.run(scene()) == CLEAN
