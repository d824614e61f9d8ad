"""The writer answers every caller, whatever store, spool and threads do."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from dq_gate.errors import BackendUnavailableError
from dq_gate.events import SpoolDrained, StoreDegraded, StoreRestored, StoreUnsafe
from dq_gate.quarantine import writer as writer_module
from dq_gate.quarantine.entry import MAX_BATCH
from dq_gate.quarantine.writer import Writer
from tests.fakes import FakeStore, MemorySpool, Reports, eventually, make_entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from dq_gate.core.model import Receipt, Stored

WAIT = 30.0
"""Seconds after which a test gives a receipt up; none takes them."""
NEVER = 3600.0


class Bench:
    """A writer between fakes."""

    def __init__(self, *, probe_after: float = 0.01) -> None:
        self.store = FakeStore()
        self.spool = MemorySpool()
        self.reports = Reports()
        self.opened: list[str] = []
        self.writer = Writer(
            self._open_store, self._open_spool, self.reports, store_kind="fake", probe_after=probe_after
        )

    def submit(self, *ids: str) -> list[Future[Receipt]]:
        return [self.writer.submit(make_entry(entry_id)) for entry_id in ids]

    def stored(self, *ids: str) -> list[Stored]:
        return [receipt.result(WAIT).stored for receipt in self.submit(*ids)]

    def _open_store(self) -> FakeStore:
        self.opened.append("store")
        self.store.ping()
        return self.store

    def _open_spool(self) -> MemorySpool:
        self.opened.append("spool")
        return self.spool


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not make entries late; tests that are about lateness say so."""
    monkeypatch.setattr(writer_module, "PATIENCE", NEVER)
    monkeypatch.setattr(writer_module, "STUCK_AFTER", NEVER)


@pytest.fixture
def bench() -> Iterator[Bench]:
    yield from closing(Bench())


@pytest.fixture
def unprobed() -> Iterator[Bench]:
    """A bench whose keeper leaves a store that is away alone."""
    yield from closing(Bench(probe_after=NEVER))


def closing(bench: Bench) -> Iterator[Bench]:
    yield bench
    bench.store.open_for_puts.set()
    bench.writer.close(WAIT)
    eventually(lambda: not gate_threads())


def gate_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("dq-gate-")]


def test_nothing_is_opened_before_the_first_submit(bench: Bench) -> None:
    assert bench.opened == []
    assert gate_threads() == []


def test_its_threads_are_daemons_that_tell_their_name(bench: Bench) -> None:
    bench.stored("a")
    assert {thread.name for thread in gate_threads()} == {"dq-gate-writer", "dq-gate-keeper"}
    assert all(thread.daemon for thread in gate_threads())


def test_a_receipt_names_the_entry(bench: Bench) -> None:
    (receipt,) = bench.submit("a")
    assert receipt.result(WAIT).entry_id == "a"


def test_a_created_and_a_known_entry_are_in_the_store(bench: Bench) -> None:
    assert bench.stored("a", "a") == ["store", "store"]


def test_an_entry_that_is_only_counted_is_stored_nowhere(bench: Bench) -> None:
    bench.store.full.add("a")
    assert bench.stored("a", "b") == ["none", "store"]


def test_all_that_waits_goes_in_one_round_trip(bench: Bench) -> None:
    bench.store.open_for_puts.clear()
    receipts = bench.submit("first")
    bench.store.being_asked.wait(WAIT)
    receipts += bench.submit(*(f"next-{n}" for n in range(30)))
    bench.store.open_for_puts.set()
    assert {receipt.result(WAIT).stored for receipt in receipts} == {"store"}
    assert bench.store.puts == [1, 30]


def test_as_many_as_were_answered_are_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.store.open_for_puts.clear()
    receipts = bench.submit("first")
    assert bench.store.being_asked.wait(WAIT)
    receipts += bench.submit("a", "b", "c")
    bench.store.open_for_puts.set()
    assert [receipt.result(WAIT).stored for receipt in receipts] == ["store"] * 4
    monkeypatch.setattr(writer_module, "GATHERING", NEVER)
    assert bench.stored("d", "e", "f") == ["store"] * 3
    assert bench.store.puts == [1, 3, 3]


def test_a_caller_on_its_own_is_not_kept_waiting(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "GATHERING", NEVER)
    assert [bench.stored(entry_id) for entry_id in ("a", "b")] == [["store"], ["store"]]


def test_a_writer_that_gathers_is_closed_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "GATHERING", NEVER)
    bench.store.open_for_puts.clear()
    bench.submit("first")
    assert bench.store.being_asked.wait(WAIT)
    bench.submit("a", "b")
    bench.store.open_for_puts.set()
    assert bench.stored("c", "d") == ["store"] * 2
    late = bench.submit("alone")
    assert bench.writer.close(WAIT) == 0
    assert late[0].result(0).stored == "store"


def test_a_round_trip_carries_no_more_than_a_store_takes(bench: Bench) -> None:
    bench.store.open_for_puts.clear()
    receipts = bench.submit(*(str(n) for n in range(2 * MAX_BATCH + 2)))
    bench.store.open_for_puts.set()
    assert {receipt.result(WAIT).stored for receipt in receipts} == {"store"}
    assert max(bench.store.puts) <= MAX_BATCH


def test_large_payloads_are_spread_over_round_trips(bench: Bench) -> None:
    bench.store.open_for_puts.clear()
    payload = b"x" * 400_000
    receipts = [bench.writer.submit(make_entry(str(n), payload=payload)) for n in range(6)]
    bench.store.open_for_puts.set()
    assert {receipt.result(WAIT).stored for receipt in receipts} == {"store"}
    assert max(bench.store.puts) <= 3


def test_one_failure_sends_all_that_waits_to_the_spool(unprobed: Bench) -> None:
    unprobed.store.open_for_puts.clear()
    receipts = unprobed.submit(*(str(n) for n in range(2 * MAX_BATCH)))
    unprobed.store.error = BackendUnavailableError()
    unprobed.store.open_for_puts.set()
    assert {receipt.result(WAIT).stored for receipt in receipts} == {"spool"}
    assert len(unprobed.spool.ids()) == 2 * MAX_BATCH
    assert unprobed.store.puts == []


def test_a_store_that_is_away_is_not_asked(unprobed: Bench) -> None:
    unprobed.store.error = BackendUnavailableError()
    unprobed.stored("a")
    unprobed.store.error = None
    assert unprobed.stored("b") == ["spool"]


def test_a_store_that_cannot_be_opened_is_away(bench: Bench) -> None:
    bench.store.error = OSError()
    assert bench.stored("a") == ["spool"]
    bench.store.error = None
    eventually(lambda: "a" in bench.store.entries)


def test_a_defect_of_the_store_is_survived(unprobed: Bench) -> None:
    unprobed.store.refused.add("a")
    assert unprobed.stored("a") == ["spool"]


def test_a_store_that_comes_back_gets_what_was_spooled(bench: Bench) -> None:
    bench.stored("before")
    bench.store.error = BackendUnavailableError()
    assert bench.stored("a", "b") == ["spool", "spool"]
    bench.store.error = None
    eventually(lambda: bench.store.entries.keys() == {"before", "a", "b"})
    eventually(lambda: not bench.spool.ids())
    assert bench.stored("after") == ["store"]


def test_an_outage_is_told_once_and_so_are_its_end_and_the_drain(bench: Bench) -> None:
    bench.stored("before")
    bench.store.error = BackendUnavailableError()
    for entry_id in ("a", "b", "c"):
        bench.stored(entry_id)
    bench.store.error = None
    eventually(lambda: bench.reports.of(SpoolDrained))
    assert bench.reports.of(StoreDegraded) == [StoreDegraded("fake", "BackendUnavailableError")]
    assert len(bench.reports.of(StoreRestored)) == 1
    assert bench.reports.of(SpoolDrained) == [SpoolDrained(entries=3, adopted=0)]


def test_an_event_names_the_error_behind_the_error(unprobed: Bench) -> None:
    unprobed.store.error = BackendUnavailableError()
    unprobed.store.error.__cause__ = ConnectionRefusedError()
    unprobed.stored("a")
    assert unprobed.reports.of(StoreDegraded) == [StoreDegraded("fake", "ConnectionRefusedError")]


def test_without_store_and_spool_callers_are_told_that_nothing_kept_the_entry(unprobed: Bench) -> None:
    unprobed.store.error = BackendUnavailableError()
    unprobed.spool.error = OSError(28, "No space left on device")
    assert unprobed.stored("a", "b") == ["none", "none"]
    assert StoreDegraded("spool", "OSError", "its disk is full") in unprobed.reports.events
    assert unprobed.writer.unkept == 2


def test_a_spool_that_fails_is_told_once_until_it_works_again(unprobed: Bench) -> None:
    unprobed.store.error = BackendUnavailableError()
    unprobed.spool.error = OSError()
    unprobed.stored("a")
    unprobed.stored("b")
    assert unprobed.reports.of(StoreDegraded).count(StoreDegraded("spool", "OSError")) == 1
    unprobed.spool.error = None
    assert unprobed.stored("c") == ["spool"]
    unprobed.spool.error = OSError()
    unprobed.stored("d")
    assert unprobed.reports.of(StoreDegraded).count(StoreDegraded("spool", "OSError")) == 2


def test_a_spool_that_fails_does_not_keep_a_store_away_that_is_back(bench: Bench) -> None:
    bench.stored("before")
    bench.spool.error = OSError()
    bench.store.error = BackendUnavailableError()
    assert bench.stored("a") == ["none"]
    bench.store.error = None
    eventually(lambda: bench.reports.of(StoreRestored))
    assert bench.stored("b") == ["store"]


def test_an_entry_that_waited_too_long_for_a_time_out_is_spared_the_store(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.stored("before")
    monkeypatch.setattr(writer_module, "PATIENCE", -1.0)
    bench.store.open_for_puts.clear()
    assert bench.stored("late") == ["spool"]
    bench.store.open_for_puts.set()
    eventually(lambda: "late" in bench.store.entries)
    assert not bench.reports.of(StoreDegraded)


def test_a_store_that_holds_the_writer_up_is_left_alone(unprobed: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    unprobed.store.open_for_puts.clear()
    (held_up,) = unprobed.submit("held-up")
    unprobed.store.being_asked.wait(WAIT)
    monkeypatch.setattr(writer_module, "STUCK_AFTER", 0.0)
    assert unprobed.stored("next") == ["spool"]
    assert held_up.result(WAIT).stored == "spool"
    assert StoreDegraded("fake", "TimeoutError") in unprobed.reports.events


def test_a_thread_that_was_held_up_ends_when_it_is_let_go(unprobed: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    unprobed.store.open_for_puts.clear()
    unprobed.submit("held-up")
    unprobed.store.being_asked.wait(WAIT)
    (stuck,) = (thread for thread in gate_threads() if thread.name == "dq-gate-writer")
    monkeypatch.setattr(writer_module, "STUCK_AFTER", 0.0)
    unprobed.stored("next")
    unprobed.store.open_for_puts.set()
    stuck.join(WAIT)
    assert not stuck.is_alive()
    assert "held-up" in unprobed.store.entries


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_thread_that_died_is_replaced_at_the_next_submit(bench: Bench) -> None:
    bench.stored("before")
    (thread,) = (thread for thread in gate_threads() if thread.name == "dq-gate-writer")
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
    (unanswered,) = bench.submit("wakes-it-up-to-die")
    thread.join(WAIT)
    assert not thread.is_alive()
    assert bench.stored("next") == ["store"]
    assert unanswered.result(WAIT).stored == "store"


def test_when_no_thread_can_be_started_the_caller_writes_the_spool(
    unprobed: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert unprobed.stored("a") == ["spool"]
    assert unprobed.writer.close(WAIT) == 0
    assert unprobed.spool.ids() == {"a"}


def test_cancelling_a_receipt_does_not_cancel_the_put(bench: Bench) -> None:
    bench.store.open_for_puts.clear()
    (receipt,) = bench.submit("a")
    assert not receipt.cancel()
    bench.store.open_for_puts.set()
    assert receipt.result(WAIT).stored == "store"


def test_cancelling_a_task_does_not_cancel_the_put(bench: Bench) -> None:
    bench.store.open_for_puts.clear()
    (receipt,) = bench.submit("a")

    async def cancel_one_that_waits() -> None:
        waiting = asyncio.wrap_future(receipt)
        task = asyncio.ensure_future(asyncio.wait([waiting]))
        await asyncio.sleep(0)
        task.cancel()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_one_that_waits())
    bench.store.open_for_puts.set()
    assert receipt.result(WAIT).stored == "store"


def test_a_reporter_that_raises_stops_nothing(bench: Bench) -> None:
    def explode(event: object) -> None:
        raise ValueError

    writer = Writer(lambda: bench.store, lambda: bench.spool, explode, store_kind="fake", probe_after=NEVER)
    bench.store.error = BackendUnavailableError()
    assert writer.submit(make_entry("a")).result(WAIT).stored == "spool"
    assert writer.close(WAIT) == 0


def test_close_puts_what_waits(bench: Bench) -> None:
    receipts = bench.submit(*(str(n) for n in range(500)))
    assert bench.writer.close(WAIT) == 0
    assert {receipt.result(0).stored for receipt in receipts} <= {"store", "spool"}
    assert len(bench.store.entries) == 500
    assert bench.store.is_closed
    assert bench.spool.is_closed
    assert gate_threads() == []


def test_close_drains_what_was_spooled_if_the_store_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "PATIENCE", -1.0)
    bench.submit(*(str(n) for n in range(500)))
    bench.writer.close(WAIT)
    assert len(bench.store.entries) == 500
    assert not bench.spool.ids()


def test_close_spools_what_waits_when_the_store_holds_it_up(unprobed: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    unprobed.store.open_for_puts.clear()
    receipts = unprobed.submit("a", "b", "c")
    unprobed.store.being_asked.wait(WAIT)
    monkeypatch.setattr(writer_module, "STUCK_AFTER", 0.01)
    assert unprobed.writer.close(WAIT) == 0
    assert [receipt.result(0).stored for receipt in receipts] == ["spool"] * 3


def test_close_tells_how_many_entries_nothing_took(unprobed: Bench) -> None:
    unprobed.store.open_for_puts.clear()
    receipts = unprobed.submit("a", "b", "c")
    unprobed.store.being_asked.wait(WAIT)
    assert unprobed.writer.close(0.0) == 3
    assert {receipt.result(0).stored for receipt in receipts} == {"unknown"}


def test_close_counts_what_the_spool_refused(unprobed: Bench) -> None:
    unprobed.store.open_for_puts.clear()
    unprobed.submit("a", "b")
    unprobed.store.being_asked.wait(WAIT)
    unprobed.store.error = BackendUnavailableError()
    unprobed.spool.error = OSError()
    threading.Timer(0.05, unprobed.store.open_for_puts.set).start()
    assert unprobed.writer.close(WAIT) == 2


def test_a_writer_can_be_closed_twice_and_without_use(bench: Bench) -> None:
    assert bench.writer.close(WAIT) == 0
    assert bench.writer.close(WAIT) == 0
    assert bench.opened == []


def test_a_closed_writer_takes_nothing(bench: Bench) -> None:
    bench.writer.close(WAIT)
    with pytest.raises(RuntimeError, match="closed"):
        bench.submit("a")


def test_a_writer_abandoned_in_a_child_is_never_finalised() -> None:
    writer = Bench().writer
    alive = weakref.ref(writer)
    writer.abandon()
    del writer
    gc.collect()
    assert alive() is not None


def test_an_unsafe_store_is_told_once_and_mirrored(bench: Bench) -> None:
    bench.store.unsafe = ("appendonly is off",)
    bench.stored("a", "b")
    eventually(lambda: bench.reports.of(StoreUnsafe))
    assert bench.stored("c") == ["store"]
    assert bench.spool.ids("mirrored") >= {"c"}
    assert bench.reports.of(StoreUnsafe) == [StoreUnsafe(("appendonly is off",))]


def test_a_safe_store_is_not_mirrored_for_long(bench: Bench) -> None:
    bench.stored("a")
    eventually(lambda: not bench.spool.ids("mirrored"))
    bench.stored("b")
    assert not bench.spool.ids("mirrored")


def test_what_a_store_has_not_settled_is_mirrored_until_it_has(bench: Bench) -> None:
    bench.stored("settled")
    eventually(lambda: not bench.spool.ids("mirrored"))
    bench.store.has_settled = False
    assert bench.stored("unsettled") == ["store"]
    assert bench.spool.ids("mirrored") == {"unsettled"}
    bench.store.has_settled = True
    bench.writer.close(WAIT)
    assert not bench.spool.ids("mirrored")


def test_what_a_store_lost_before_it_settled_is_put_again(bench: Bench) -> None:
    bench.stored("settled")
    bench.store.has_settled = False
    bench.stored("unsettled")
    del bench.store.entries["unsettled"]
    bench.store.error = BackendUnavailableError()
    bench.stored("meanwhile")
    bench.store.error = None
    eventually(lambda: bench.store.entries.keys() == {"settled", "unsettled", "meanwhile"})
    eventually(lambda: bench.spool.ids("mirrored") == {"unsettled", "meanwhile"})


def test_an_unsafe_store_that_comes_back_empty_gets_all_again(bench: Bench) -> None:
    bench.store.unsafe = ("appendonly is off",)
    bench.stored("a", "b")
    bench.store.entries.clear()
    bench.store.error = BackendUnavailableError()
    bench.stored("c")
    bench.store.error = None
    eventually(lambda: bench.store.entries.keys() == {"a", "b", "c"})
    eventually(lambda: bench.spool.ids("mirrored") == {"a", "b", "c"})


def test_what_an_unsafe_store_still_has_is_not_put_again(bench: Bench) -> None:
    bench.store.unsafe = ("appendonly is off",)
    bench.stored("kept", "lost")
    del bench.store.entries["lost"]
    bench.store.error = BackendUnavailableError()
    bench.stored("c")
    bench.store.error = None
    eventually(lambda: "lost" in bench.store.entries)
    assert bench.store.sightings["kept"] == 1


def test_an_entry_the_store_chokes_on_holds_up_no_other(bench: Bench) -> None:
    bench.store.error = BackendUnavailableError()
    bench.stored("a", "poison", "b")
    bench.store.refused.add("poison")
    bench.store.error = None
    eventually(lambda: bench.store.entries.keys() == {"a", "b"})
    eventually(lambda: bench.spool.ids() == {"poison"})
    assert bench.stored("after") == ["store"]
