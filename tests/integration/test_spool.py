"""The spool keeps entries on a real disk, for one owner at a time, and hands them to whoever comes after."""

from __future__ import annotations

import fcntl
import math
import shutil
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dq_gate.quarantine import spool as spool_module
from dq_gate.quarantine.serial import entry_to_bytes
from dq_gate.quarantine.spool import MAX_PAGE_BYTES, SPOOL_ERRORS, Spool, target_of, waiting
from dq_gate.quarantine.spool_file import SpoolFullError, reason_of, survey
from tests.fakes import make_entry
from tests.integration.spooling import damage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TARGET = "0123456789abcdef"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A spool directory that does not exist yet."""
    return tmp_path / "state" / "spool"


@pytest.fixture
def spool(directory: Path):
    """A spool that closes after the test."""
    with closing(Spool(directory, TARGET)) as spool:
        yield spool


def leave_behind(directory: Path, *ids: str, target: str = TARGET, mirrored: tuple[str, ...] = ()) -> Path:
    """What a process that died leaves: a spool with entries that nobody holds a lock on."""
    spool = Spool(directory, target)
    before = set(files(directory))
    spool.put([make_entry(entry_id) for entry_id in ids])
    spool.put([make_entry(entry_id) for entry_id in mirrored], "mirrored")
    (path,) = (directory / name for name in set(files(directory)) - before if name.endswith(".db"))
    spool.close()
    return path


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def ids(spool: Spool, kind: str = "waiting") -> list[str]:
    return [row.entry.id for row in spool.take(1000, kind=kind) if row.entry is not None]


def test_nothing_is_made_before_the_first_use(spool: Spool, directory: Path) -> None:
    assert not directory.exists()


def test_its_files_are_for_the_owner_alone(spool: Spool, directory: Path) -> None:
    spool.put([make_entry("a")])
    assert directory.stat().st_mode & 0o777 == 0o700
    assert directory.parent.stat().st_mode & 0o777 == 0o700
    assert {path.suffix for path in directory.iterdir()} >= {".db", ".lock", ".db-wal"}
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}


def test_entries_come_back_as_they_went_in_oldest_first(spool: Spool) -> None:
    entries = [make_entry("b", payload=b'"\xc3\xa9"'), make_entry("a")]
    spool.put(entries)
    assert [row.entry for row in spool.take(10)] == entries


def test_taken_rows_stay_until_they_are_deleted(spool: Spool) -> None:
    spool.put([make_entry("a"), make_entry("b")])
    first, _ = spool.take(10)
    spool.delete([first.number])
    assert ids(spool) == ["b"]


def test_a_page_has_a_limit_and_the_next_begins_after_it(spool: Spool) -> None:
    spool.put([make_entry(str(n)) for n in range(5)])
    page = spool.take(3)
    assert [row.entry.id for row in page] == ["0", "1", "2"]
    assert [row.entry.id for row in spool.take(3, after=page[-1].number)] == ["3", "4"]


def test_a_number_is_never_used_again(spool: Spool) -> None:
    spool.put([make_entry("a")])
    (a,) = spool.take(1)
    spool.delete([a.number])
    spool.put([make_entry("b")])
    assert [row.entry.id for row in spool.take(1, after=a.number)] == ["b"]


def test_a_page_ends_with_the_row_that_fills_it(spool: Spool) -> None:
    payload = b'"' + b"x" * (MAX_PAGE_BYTES * 2 // 5) + b'"'
    spool.put([make_entry(str(n), payload=payload) for n in range(4)])
    assert len(spool.take(100)) == 3


def test_a_row_that_only_a_newer_release_can_read_stays(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(
            spool_module,
            "entry_to_bytes",
            lambda entry: entry_to_bytes(entry).replace(b'"schema_version":2', b'"schema_version":99'),
        )
        spool.put([make_entry("a")])
    assert [row.entry for row in spool.take(10)] == [None]
    assert spool.count() == 1


def test_a_mirrored_entry_is_kept_once_and_does_not_wait(spool: Spool) -> None:
    spool.put([make_entry("a"), make_entry("a")], "mirrored")
    spool.put([make_entry("a")])
    (row,) = spool.take(10)
    spool.mirror([row.number])
    assert ids(spool) == []
    assert ids(spool, "mirrored") == ["a"]


def test_mirrored_entries_are_pruned_by_age_and_waiting_ones_are_not(spool: Spool) -> None:
    old, new = make_entry("old"), make_entry("new")
    spool.put([old, new], "mirrored")
    spool.put([old])
    spool.prune(before=new.created_at)
    assert ids(spool, "mirrored") == ["new"]
    assert ids(spool) == ["old"]


def test_closed_empty_it_leaves_no_file(spool: Spool, directory: Path) -> None:
    spool.put([make_entry("a")])
    spool.delete(row.number for row in spool.take(10))
    spool.close()
    assert files(directory) == []


def test_the_spool_of_a_living_owner_is_no_orphan(spool: Spool, directory: Path) -> None:
    spool.put([make_entry("a")])
    assert list(Spool(directory, TARGET).orphans()) == []


def test_what_its_owner_left_is_adopted_and_removed(spool: Spool, directory: Path) -> None:
    leave_behind(directory, "a", "b", mirrored=("c",))
    moved = [spool.absorb(orphan) for orphan in spool.orphans()]
    assert moved == [3]
    assert ids(spool) == ["a", "b"]
    assert ids(spool, "mirrored") == ["c"]
    assert all(row.adopted for row in spool.take(10))
    assert len([name for name in files(directory) if name.endswith(".db")]) == 1


def test_what_is_not_taken_from_an_orphan_stays_in_it(spool: Spool, directory: Path) -> None:
    path = leave_behind(directory, "a", "b")
    for orphan in spool.orphans():
        orphan.delete([orphan.take(1)[0].number])
    assert path.exists()
    assert [ids(orphan) for orphan in spool.orphans()] == [["b"]]


def test_entries_bound_for_another_store_or_namespace_are_left_alone(spool: Spool, directory: Path) -> None:
    leave_behind(directory, "a", target="f" * 16)
    assert list(spool.orphans()) == []
    assert waiting(directory) == 1


def test_an_orphan_is_out_to_one_adopter_at_a_time(spool: Spool, directory: Path) -> None:
    leave_behind(directory, "a")
    for _ in spool.orphans():
        assert list(Spool(directory, TARGET).orphans()) == []


def test_a_lock_file_that_its_owner_just_removed_counts_for_nothing(
    spool: Spool, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = leave_behind(directory, "a")
    flock = fcntl.flock

    def removed_just_before(lock: int, operation: int) -> None:
        path.with_suffix(".lock").unlink(missing_ok=True)
        flock(lock, operation)

    monkeypatch.setattr(fcntl, "flock", removed_just_before)
    assert list(spool.orphans()) == []


def test_a_lock_that_outlived_its_spool_is_removed(spool: Spool, directory: Path) -> None:
    leave_behind(directory, "a").unlink()
    assert list(spool.orphans()) == []
    assert files(directory) == []


def test_many_adopters_take_every_entry_once(directory: Path) -> None:
    for n in range(12):
        leave_behind(directory, *(f"{n}-{m}" for m in range(5)))
    adopters = [Spool(directory, TARGET) for _ in range(6)]
    start = threading.Barrier(len(adopters))

    def adopt(adopter: Spool) -> None:
        start.wait()
        for orphan in adopter.orphans():
            adopter.absorb(orphan)

    threads = [threading.Thread(target=adopt, args=(adopter,)) for adopter in adopters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted(entry_id for adopter in adopters for entry_id in ids(adopter))
    assert found == sorted(f"{n}-{m}" for n in range(12) for m in range(5))
    for adopter in adopters:
        adopter.delete(row.number for row in adopter.take(1000))
        adopter.close()
    assert files(directory) == []


def test_a_damaged_orphan_is_set_aside(spool: Spool, directory: Path) -> None:
    path = leave_behind(directory, "a")
    path.write_bytes(b"not a database " * 100)
    for orphan in spool.orphans():
        with pytest.raises(sqlite3.DatabaseError):
            orphan.take(10)
    assert files(directory) == [f"{path.name}.corrupt"]
    assert list(spool.orphans()) == []


def test_of_a_damaged_file_all_that_can_be_read_is_salvaged_and_the_rest_is_left(spool: Spool, directory: Path) -> None:
    leave_behind(directory, *(f"{n:03}" for n in range(200)), mirrored=("m",))
    path = damage(directory)
    for orphan in spool.orphans():
        with pytest.raises(SPOOL_ERRORS):
            spool.absorb(orphan)
    salvaged = spool.salvage()
    found = ids(spool) + ids(spool, "mirrored")
    assert 190 < salvaged < 201
    assert len(set(found)) == salvaged
    assert {"000", "199", "m"} <= set(found)
    assert path.with_suffix(".db.damaged").exists()
    assert spool.salvage() == 0
    assert survey(directory).corrupt == ()
    assert survey(directory).damaged == (path.with_suffix(".db.damaged"),)


def test_damage_that_sqlite_takes_for_a_full_disk_is_damage(spool: Spool, directory: Path) -> None:
    path = leave_behind(directory, "a", "b")

    class Garbled(Spool):
        def delete(self, numbers: Iterable[int]) -> None:
            path.write_bytes(path.read_bytes()[:8192] + bytes(8192))
            raise sqlite3.OperationalError("database or disk is full")

    for orphan in spool.orphans():
        orphan.__class__ = Garbled
        with pytest.raises(sqlite3.OperationalError):
            spool.absorb(orphan)
    assert path.with_suffix(".db.corrupt").exists()


def test_after_its_file_was_damaged_it_starts_a_fresh_one(spool: Spool, directory: Path) -> None:
    path = leave_behind(directory, "a")
    intact = path.read_bytes()
    path.write_bytes(intact[:4096] + bytes(len(intact) - 4096))
    for damaged in spool.orphans():
        with pytest.raises(SPOOL_ERRORS):
            damaged.take(10)
        damaged.put([make_entry("b")])
        assert ids(damaged) == ["b"]
    assert len(list(directory.glob("*.corrupt"))) == 1


def test_a_spool_of_an_unknown_format_is_left_to_the_release_that_wrote_it(spool: Spool, directory: Path) -> None:
    path = leave_behind(directory, "a")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    assert list(spool.orphans()) == []
    assert survey(directory).unknown == (path,)


def test_it_takes_no_more_than_its_limit_and_more_again_when_there_is_room(directory: Path) -> None:
    with closing(Spool(directory, TARGET, max_bytes=100_000)) as spool:
        spool.put([make_entry(f"fits-{n}", payload=b"x" * 1000) for n in range(40)])
        with pytest.raises(SpoolFullError):
            spool.put([make_entry(f"not-{n}", payload=b"x" * 1000) for n in range(40)])
        assert spool.count() == 40
        spool.delete(row.number for row in spool.take(40))
        spool.put([make_entry(f"now-{n}", payload=b"x" * 1000) for n in range(40)])
        assert spool.count() == 40


def test_the_limit_is_that_of_all_spools_of_the_directory(directory: Path) -> None:
    with (
        closing(Spool(directory, TARGET)) as other,
        closing(Spool(directory, "f" * 16, max_bytes=100_000)) as spool,
    ):
        other.put([make_entry(f"{n}", payload=b"x" * 1000) for n in range(100)])
        with pytest.raises(SpoolFullError):
            spool.put([make_entry("a")])


def test_what_was_drained_is_room_for_other_processes(directory: Path) -> None:
    with closing(Spool(directory, TARGET)) as other, closing(Spool(directory, TARGET, max_bytes=7 << 20)) as spool:
        for start in range(0, 8000, 1000):
            other.put([make_entry(f"{n}", payload=b"x" * 1000) for n in range(start, start + 1000)])
        with pytest.raises(SpoolFullError):
            spool.put([make_entry("a")])
        while page := other.take(1000):
            other.delete(row.number for row in page)
        spool.put([make_entry("a")])


def test_an_orphan_is_taken_over_though_there_is_no_room(directory: Path) -> None:
    leave_behind(directory, *(f"{n}" for n in range(500)))
    with closing(Spool(directory, TARGET, max_bytes=1)) as spool:
        assert [spool.absorb(orphan) for orphan in spool.orphans()] == [500]


def test_entries_of_a_subject_leave_no_trace_in_the_files(spool: Spool, directory: Path) -> None:
    of_ada = replace(make_entry("ada", payload=b'"tell-tale"'), subjects=("d1",), created_at=100.0)
    came_anew = replace(of_ada, id="anew", created_at=101.0)
    spool.put([of_ada, came_anew, make_entry("other")])
    spool.put([replace(of_ada, id="mirrored")], "mirrored")
    spool.forget({"d1": 100.0, "d2": 1e12})
    assert ids(spool) == ["anew", "other"]
    assert ids(spool, "mirrored") == []
    spool.delete(row.number for row in spool.take(1))
    spool.forget({"d1": 100.0})
    assert b'"mirrored"' not in b"".join(path.read_bytes() for path in directory.iterdir())


def test_a_subject_that_is_only_spoken_of_is_no_reason_to_forget(spool: Spool) -> None:
    spool.put([make_entry("a", payload=b'"d1"')])
    spool.forget({"d1": 1e12})
    assert ids(spool) == ["a"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "full"),
        (OSError(30, "Read-only file system"), "cannot be written"),
        (SpoolFullError("it is full"), "full"),
    ],
)
def test_what_is_wrong_is_said_in_words(error: OSError, words: str) -> None:
    assert words in (reason_of(error) or "")


def test_what_is_put_after_someone_cleaned_up_is_there_to_be_found(spool: Spool, directory: Path) -> None:
    spool.put([make_entry("a")])
    shutil.rmtree(directory)
    spool.put([make_entry("b")])
    assert waiting(directory) == 1


def test_a_directory_that_cannot_be_made_is_one_of_the_spools_errors(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    with pytest.raises(SPOOL_ERRORS):
        Spool(tmp_path / "spool", TARGET).put([make_entry("a")])


def test_waiting_counts_the_living_and_the_dead_but_not_the_mirrored(spool: Spool, directory: Path) -> None:
    spool.put([make_entry("a"), make_entry("b")])
    spool.put([make_entry("c")], "mirrored")
    leave_behind(directory, "d")
    assert waiting(directory) == 3
    assert ids(spool) == ["a", "b"]


def test_waiting_takes_a_missing_directory_and_foreign_files_in_its_stride(directory: Path) -> None:
    assert waiting(directory) == 0
    leave_behind(directory, "a").write_bytes(b"not a database " * 100)
    assert waiting(directory) == 0


def test_a_target_does_not_depend_on_credentials() -> None:
    without = target_of("redis://localhost:6379/0", "default")
    assert target_of("redis://user:p%40ss@localhost:6379/0", "default") == without


def test_a_target_depends_on_server_database_and_namespace() -> None:
    targets = {
        target_of(address, namespace)
        for address in ("redis://a:1/0", "redis://a:1/1", "redis://b:1/0", "sqlite:///a/b")
        for namespace in ("x", "y")
    }
    assert len(targets) == 8


def test_it_knows_how_many_wait_without_asking_the_disk(spool: Spool, directory: Path) -> None:
    seen = []

    def look() -> None:
        seen.append(spool.waiting)
        assert spool.waiting == spool.count()

    spool.put([make_entry(name) for name in "abcde"])
    look()
    spool.put([make_entry("m"), make_entry("n")], "mirrored")
    look()
    numbers = [row.number for row in spool.take(10)]
    spool.mirror(numbers[:1])
    spool.mirror(numbers[:1])
    look()
    spool.delete([*numbers[:2], 10_000])
    spool.delete([])
    look()
    leave_behind(directory, "x", "y", mirrored=("z",))
    for orphan in spool.orphans():
        spool.absorb(orphan)
    look()
    spool.forget({"nobody": math.inf})
    spool.delete([row.number for row in spool.take(10)])
    look()
    assert seen == [5, 5, 4, 3, 5, 0]


def test_what_is_not_written_does_not_wait(directory: Path) -> None:
    with closing(Spool(directory, TARGET, max_bytes=200_000)) as spool:
        spool.put([make_entry("a")])
        with pytest.raises(SpoolFullError):
            spool.put([make_entry("b", payload=b" " * 300_000)])
        assert spool.waiting == spool.count() == 1


def test_nothing_waits_in_a_file_that_is_gone(spool: Spool, directory: Path) -> None:
    spool.put([make_entry("a")])
    shutil.rmtree(directory)
    spool.put([make_entry("b")])
    assert spool.waiting == spool.count() == 1
