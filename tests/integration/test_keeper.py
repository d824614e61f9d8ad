"""The keeper empties real spools, its own and those of the dead, into the store."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dq_gate.errors import BackendUnavailableError
from dq_gate.events import SpoolDrained, StoreDegraded, StoreMeasured
from dq_gate.quarantine.spool import Spool, waiting
from dq_gate.quarantine.writer import Writer
from tests.fakes import FakeStore, Reports, eventually, make_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dq_gate.quarantine.spool import Kind

from tests.integration.spooling import damage

TARGET = "0123456789abcdef"
LARGE = b'"' + b"x" * 60_000 + b'"'
"""So large that a hundred of them do not stay in the write-ahead log."""
WAIT = 30.0
DAY = 86_400.0


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def reports() -> Reports:
    return Reports()


@contextmanager
def writing(store: FakeStore, spool: Spool, reports: Reports, *, round_every: float = 0.01) -> Iterator[Writer]:
    """A writer that closes at the end."""
    writer = Writer(
        lambda: store,
        lambda: spool,
        reports,
        store_kind="fake",
        probe_after=0.01,
        round_every=round_every,
        retention_s=DAY,
    )
    yield writer
    writer.close(WAIT)


def stored(writer: Writer, entry_id: str) -> str:
    return writer.submit(make_entry(entry_id)).result(WAIT).stored


def leave_behind(directory: Path, *ids: str, target: str = TARGET, mirrored: tuple[str, ...] = ()) -> None:
    spool = Spool(directory, target)
    spool.put([make_entry(entry_id) for entry_id in ids])
    spool.put([make_entry(entry_id) for entry_id in mirrored], "mirrored")
    spool.close()


def ids(spool: Spool, kind: Kind = "waiting") -> list[str]:
    return [row.entry.id for row in spool.take(1000, kind=kind) if row.entry is not None]


def measured(reports: Reports) -> list[StoreMeasured]:
    return [event for event in reports.events if isinstance(event, StoreMeasured)]


def files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def test_what_an_earlier_process_left_is_drained_after_the_first_use(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    leave_behind(directory, "a", "b")
    with writing(store, Spool(directory, TARGET), reports, round_every=3600) as writer:
        assert stored(writer, "c") == "store"
        eventually(lambda: store.entries.keys() == {"a", "b", "c"})
        eventually(lambda: SpoolDrained(entries=2, adopted=2) in reports.events)
    assert files(directory) == []


def test_what_another_process_leaves_later_is_drained_too(store: FakeStore, directory: Path, reports: Reports) -> None:
    with writing(store, Spool(directory, TARGET), reports) as writer:
        stored(writer, "a")
        leave_behind(directory, "b")
        eventually(lambda: "b" in store.entries)
        leave_behind(directory, "c")
        eventually(lambda: "c" in store.entries)


def test_what_is_bound_for_another_store_is_not_put_in_this_one(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    leave_behind(directory, "foreign", target="f" * 16)
    leave_behind(directory, "ours")
    with writing(store, Spool(directory, TARGET), reports) as writer:
        stored(writer, "a")
        eventually(lambda: "ours" in store.entries)
    assert "foreign" not in store.entries
    assert waiting(directory) == 1


def test_a_damaged_orphan_is_told_and_keeps_no_other_waiting(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    leave_behind(directory, "lost")
    (path,) = directory.glob("*.db")
    path.write_bytes(b"not a database " * 100)
    leave_behind(directory, "a")
    leave_behind(directory, "b")
    with writing(store, Spool(directory, TARGET), reports) as writer:
        stored(writer, "c")
        eventually(lambda: store.entries.keys() == {"a", "b", "c"})
    (told,) = reports.of(StoreDegraded)
    assert (told.store, told.error) == ("spool", "DatabaseError")
    assert "damaged" in told.reason
    assert [path.suffix for path in files(directory)] == [".damaged"]


def test_what_can_be_read_of_a_damaged_spool_reaches_the_store(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.error = BackendUnavailableError()
    with writing(store, Spool(directory, TARGET), reports) as writer:
        for n in range(100):
            assert writer.submit(make_entry(f"{n}", payload=LARGE)).result(WAIT).stored == "spool"
        damage(directory)
        store.error = None
        eventually(lambda: list(directory.glob("*.damaged")))
        eventually(lambda: waiting(directory) == 0)
    assert 90 <= len(store.entries) < 100


def test_a_spool_of_an_unknown_format_keeps_no_other_waiting_and_is_no_fault(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    leave_behind(directory, "foreign")
    (path,) = directory.glob("*.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    leave_behind(directory, "a")
    with writing(store, Spool(directory, TARGET), reports) as writer:
        stored(writer, "b")
        eventually(lambda: store.entries.keys() == {"a", "b"})
    assert not reports.of(StoreDegraded)
    assert path.exists()


def test_a_full_spool_refuses_entries_says_so_once_and_takes_them_again_when_there_is_room(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.error = BackendUnavailableError()
    with writing(store, Spool(directory, TARGET, max_bytes=100_000), reports) as writer:
        while stored(writer, f"{writer.unkept}-{waiting(directory)}") == "spool":
            pass
        assert [stored(writer, "refused") for _ in range(3)] == ["none"] * 3
        assert writer.unkept == 4
        store.error = None
        eventually(lambda: reports.of(SpoolDrained))
        assert stored(writer, "again") == "store"
        store.error = BackendUnavailableError()
        assert stored(writer, "later") == "spool"
    told = [event for event in reports.of(StoreDegraded) if event.store == "spool"]
    assert [event.error for event in told] == ["SpoolFullError"]
    assert "full" in told[0].reason


def test_entries_of_a_subject_that_was_erased_leave_the_spools_and_are_not_put(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.unsafe = ("appendonly is off",)
    of_ada = replace(make_entry("ada"), subjects=("d1",))
    orphan = Spool(directory, TARGET)
    orphan.put([of_ada, make_entry("other")])
    orphan.put([of_ada], "mirrored")
    orphan.close()
    store.erased = {"d1": of_ada.created_at}
    spool = Spool(directory, TARGET)
    with writing(store, spool, reports) as writer:
        stored(writer, "b")
        eventually(lambda: sorted(ids(spool, "mirrored")) == ["b", "other"])
    assert store.entries.keys() == {"b", "other"}


def test_a_subject_that_is_erased_later_leaves_the_spool_of_a_process_at_work(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.unsafe = ("appendonly is off",)
    of_ada = replace(make_entry("ada"), subjects=("d1",))
    spool = Spool(directory, TARGET)
    with writing(store, spool, reports) as writer:
        assert writer.submit(of_ada).result(WAIT).stored == "store"
        assert ids(spool, "mirrored") == ["ada"]
        store.erased = {"d1": of_ada.created_at}
        eventually(lambda: not ids(spool, "mirrored"))


def test_a_store_that_does_not_tell_who_was_erased_is_not_away(
    store: FakeStore, directory: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_behind(directory, "a")

    def refuse() -> dict[str, float]:
        raise BackendUnavailableError

    monkeypatch.setattr(store, "forgotten", refuse)
    with writing(store, Spool(directory, TARGET), reports) as writer:
        stored(writer, "b")
        eventually(lambda: "a" in store.entries)
        assert stored(writer, "c") == "store"
    assert not reports.of(StoreDegraded)


def test_more_than_a_batch_is_drained(store: FakeStore, directory: Path, reports: Reports) -> None:
    leave_behind(directory, *(str(n) for n in range(350)))
    with writing(store, Spool(directory, TARGET), reports) as writer:
        stored(writer, "a")
        eventually(lambda: len(store.entries) == 351)
    assert max(store.puts) == 100
    assert set(store.sightings.values()) == {1}


class ForgetfulSpool(Spool):
    """Fails to delete in its first drain: as if the process had died between the store's put and the spool's delete."""

    failures = 2

    def delete(self, numbers: Iterable[int]) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError
        super().delete(numbers)


def test_a_drain_that_broke_off_is_taken_up_and_leaves_each_entry_once(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.error = BackendUnavailableError()
    with writing(store, ForgetfulSpool(directory, TARGET), reports) as writer:
        assert stored(writer, "a") == "spool"
        store.error = None
        eventually(lambda: store.sightings["a"] == 2)
        eventually(lambda: waiting(directory) == 0)
    assert store.entries.keys() == {"a"}


class UndeletableSpool(Spool):
    """Takes no deletion of single pages, as a full disk does not."""

    def delete(self, numbers: Iterable[int]) -> None:
        if len(given := set(numbers)) < 250:
            raise OSError(28, "No space left on device")
        super().delete(given)


def test_a_disk_that_takes_no_deletion_keeps_no_entry_from_the_store(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.error = BackendUnavailableError()
    with writing(store, UndeletableSpool(directory, TARGET), reports) as writer:
        for n in range(250):
            writer.submit(make_entry(f"{n}"))
        assert stored(writer, "last") == "spool"
        store.error = None
        eventually(lambda: waiting(directory) == 0)
    assert len(store.entries) == 251


def test_an_outage_in_the_middle_of_a_drain_loses_nothing(store: FakeStore, directory: Path, reports: Reports) -> None:
    leave_behind(directory, *(str(n) for n in range(300)))
    store.open_for_puts.clear()
    with writing(store, Spool(directory, TARGET), reports) as writer:
        receipt = writer.submit(make_entry("a"))
        store.being_asked.wait(WAIT)
        store.error = BackendUnavailableError()
        store.open_for_puts.set()
        assert receipt.result(WAIT).stored == "spool"
        store.error = None
        eventually(lambda: len(store.entries) == 301)
        eventually(lambda: waiting(directory) == 0)


def test_a_fresh_process_puts_again_what_an_unsafe_store_lost(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.unsafe = ("appendonly is off",)
    leave_behind(directory, mirrored=("a", "b"))
    with writing(store, Spool(directory, TARGET), reports) as writer:
        stored(writer, "c")
        eventually(lambda: store.entries.keys() == {"a", "b", "c"})
    (kept,) = [ids(orphan, "mirrored") for orphan in Spool(directory, TARGET).orphans()]
    assert sorted(kept) == ["a", "b", "c"]


def test_a_store_that_became_safe_ends_the_mirror(store: FakeStore, directory: Path, reports: Reports) -> None:
    leave_behind(directory, mirrored=("a", "b"))
    with writing(store, Spool(directory, TARGET), reports) as writer:
        stored(writer, "c")
        eventually(lambda: store.entries.keys() == {"a", "b", "c"})
    assert files(directory) == []


def test_the_mirror_forgets_after_the_retention(store: FakeStore, directory: Path, reports: Reports) -> None:
    store.unsafe = ("appendonly is off",)
    leave_behind(directory, "a", mirrored=("b",))
    spool = Spool(directory, TARGET)
    spool.put([replace(make_entry("old"), created_at=0.0)], "mirrored")
    with writing(store, spool, reports) as writer:
        stored(writer, "c")
        eventually(lambda: sorted(ids(spool, "mirrored")) == ["a", "b", "c"])
    assert "old" not in store.entries


def test_what_was_spooled_for_an_unsafe_store_is_mirrored_once_it_is_drained(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.unsafe = ("appendonly is off",)
    spool = Spool(directory, TARGET)
    with writing(store, spool, reports) as writer:
        stored(writer, "a")
        store.error = BackendUnavailableError()
        assert stored(writer, "b") == "spool"
        store.error = None
        eventually(lambda: spool.count("mirrored") == 2)
        assert spool.count() == 0


def test_an_entry_that_is_spooled_after_someone_cleaned_up_goes_to_a_fresh_file(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.error = BackendUnavailableError()
    with writing(store, Spool(directory, TARGET), reports) as writer:
        stored(writer, "a")
        (path,) = directory.glob("*.db")
        path.unlink()
        assert stored(writer, "b") == "spool"
        assert waiting(directory) == 1
        store.error = None
        eventually(lambda: "b" in store.entries)


def test_the_store_is_measured_when_asked_though_nothing_was_put(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    old = replace(make_entry("old"), created_at=time.time() - 100)
    store.entries["old"] = old
    with writing(store, Spool(directory, TARGET), reports, round_every=3600) as writer:
        writer.measure()
        eventually(lambda: measured(reports))
        writer.measure()
        eventually(lambda: len(measured(reports)) == 2)
    first = measured(reports)[0]
    assert (first.pending, first.leased, first.released, first.dead, first.bytes) == (1, 0, 0, 0, 0)
    assert 100 <= first.oldest_pending_s < 200


def test_a_store_that_is_away_is_not_measured_until_it_is_back(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    with writing(store, Spool(directory, TARGET), reports, round_every=3600) as writer:
        store.error = BackendUnavailableError("away")
        assert stored(writer, "a") == "spool"
        writer.measure()
        eventually(lambda: writer.spooled == 1 and writer.is_degraded)
        assert not measured(reports)
        store.error = None
        eventually(lambda: measured(reports))
        assert not writer.is_degraded
    assert measured(reports)[0].pending == 1, "it was drained first"


def test_a_store_that_does_not_say_what_it_holds_is_not_away(
    store: FakeStore, directory: Path, reports: Reports
) -> None:
    store.hides_depth = True
    with writing(store, Spool(directory, TARGET), reports, round_every=3600) as writer:
        writer.measure()
        assert stored(writer, "a") == "store"
        store.hides_depth = False
        writer.measure()
        eventually(lambda: measured(reports))
    assert not reports.of(StoreDegraded)


def test_a_writer_that_is_closed_measures_no_more(store: FakeStore, directory: Path, reports: Reports) -> None:
    with writing(store, Spool(directory, TARGET), reports, round_every=3600) as writer:
        writer.close(WAIT)
        writer.measure()
    assert not directory.exists(), "its keeper came back"
    assert not measured(reports)
