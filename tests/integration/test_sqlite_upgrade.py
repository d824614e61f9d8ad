"""A SQLite file of format 1: taken over whole, shared with the release that made it, upgraded when asked."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dq_gate.core.lifecycle import BEGIN_REDRIVE, EDIT, RETURN, REVEAL
from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine import sqlite_schema
from dq_gate.quarantine.entry import Filter, HistoryItem, Lease, Waiver
from dq_gate.quarantine.sqlite import SqliteStore
from tests import release_1
from tests.store_model import make_act, make_entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAR_AHEAD = 4e9
LEASE = Lease("token-a", "ada", 2_500.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state" / "quarantine.db"
    release_1.write_file(path)
    return path


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path, "n", timeout=10.0)
    yield store
    store.close()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [*db.iterdump(), str(db.execute("PRAGMA user_version").fetchone())]


def tables(path: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2")
        return [(kind, name, " ".join((sql or "").split())) for kind, name, sql in rows]


def test_what_the_release_before_kept_is_read_as_it_was(store):
    assert store.schema() == 1
    stats = store.stats()
    assert [stats.by_state[state] for state in ("pending", "leased", "released", "discarded")] == [3, 1, 1, 1]
    assert (stats.groups, stats.counted_only) == (2, 1)
    assert store.get("e0").seen == 2
    entry = store.get("e2")
    assert (entry.state, entry.schema_version, entry.payload) == (
        "released",
        1,
        '{"v":1,"value":{"query":"é 2"}}'.encode(),
    )
    assert entry.waivers == (Waiver("r.one", "d" * 64, "ada", "fine"),)
    assert (entry.subjects, entry.revision, entry.not_before) == ((), 0, 0.0)
    assert store.get("e1").lease == LEASE
    assert store.ids(Filter(rule="r.two")).ids == ("e1", "e3", "e5")


def test_what_was_released_before_is_delivered_and_all_bodies_are_counted(store, path):
    assert [delivery.entry_id for delivery in store.deliver("one", limit=10, idle_s=60.0)] == ["e2"]
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute(
            "SELECT sum(length(body)) FROM bodies JOIN entries USING (number) WHERE namespace = 'n'"
        ).fetchone()
    assert store.stats().bytes == size


def test_an_adopted_file_has_the_tables_of_a_new_one(store, path, tmp_path):
    store.ping()
    new = SqliteStore(tmp_path / "new.db", "n", timeout=10.0)
    new.ping()
    new.close()
    assert tables(path) == tables(tmp_path / "new.db")


def test_a_file_is_adopted_once(store, path):
    store.ping()
    store.close()
    before = dump(path)
    store.ping()
    store.close()
    assert dump(path) == before


def test_the_release_before_goes_on_working_on_an_adopted_file(store, path):
    store.ping()
    with release_1.transaction(path) as db:
        assert release_1.put(db, "n", "new", ("r.one", "r.two"), "g9", 3_000.0) == "created"
        assert release_1.put(db, "n", "e1", ("r.one",), "g1", 3_000.0) == "seen"
        assert release_1.act(db, "n", "new", source="pending", target="leased", lease=("t", "bob", 9e9)) == "done"
        assert release_1.act(db, "n", "new", source="leased", target="released") == "done"
        assert release_1.find(db, "n", "released", "r.one") == ["e2", "new"]

    entry = store.get("new")
    assert (entry.state, entry.schema_version, len(entry.history)) == ("released", 1, 2)
    # What it released is announced, what it put is counted.
    assert [delivery.entry_id for delivery in store.deliver("one", limit=10, idle_s=60.0)] == ["e2", "new"]
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute(
            "SELECT sum(length(body)) FROM bodies JOIN entries USING (number) WHERE namespace = 'n'"
        ).fetchone()
    assert store.stats().bytes == size
    with release_1.transaction(path) as db:
        assert release_1.act(db, "n", "new", source="released", target="redriven", closes=True) == "done"
    assert store.deliver("two", limit=10, idle_s=0.0) != []
    assert "new" not in [delivery.entry_id for delivery in store.deliver("two", limit=10, idle_s=0.0)]


def test_the_release_before_reads_what_this_one_writes_until_the_upgrade(store, path):
    store.put([make_entry("new", "n", rules=("r.one",), subjects=("s1",))])
    store.act(["new"], make_act(REVEAL))
    lease = Lease("token-b", "redriver", 2_600.0)
    assert store.act(["e2"], make_act(BEGIN_REDRIVE, lease=lease)) == ["done"]
    assert store.act(["e2"], make_act(RETURN, token="token-b", not_before=3_000.0)) == ["done"]
    edited = replace(store.get("e1"), payload=b'{"v":1,"value":"edited"}')
    assert store.act(["e1"], make_act(EDIT, token="token-a", rewrite=edited)) == ["done"]

    with release_1.transaction(path) as db:
        new, edited_there = release_1.get(db, "n", "new"), release_1.get(db, "n", "e1")
        assert release_1.find(db, "n", "pending", "r.one") == ["e0", "new", "e2", "e4", "e5"]
    assert (new["payload"], [item["action"] for item in new["history"]]) == ('{"v":1,"value":{"query":""}}', ["reveal"])
    assert edited_there["payload"] == '{"v":1,"value":"edited"}'


def test_to_the_release_before_a_purged_entry_was_seen_and_is_not_listed(store, path):
    assert store.purge(["e3"], FAR_AHEAD) == ["done"]
    with release_1.transaction(path) as db:
        assert release_1.put(db, "n", "e3", ("r.one",), "g1", 3_000.0) == "seen"
        assert release_1.act(db, "n", "e3", source="pending", target="leased") == "wrong_state"
        assert release_1.find(db, "n", "discarded", "r.one") == []
        # Asked for by id it is a damaged entry, which that release answers with an error of one line.
        with pytest.raises(ValueError):
            release_1.get(db, "n", "e3")
    assert store.get("e3") is None


def test_an_upgrade_locks_the_release_before_out_and_keeps_everything(store, path):
    before = store.find(Filter()).entries
    assert store.upgrade() == 1
    assert store.schema() == 2
    assert store.find(Filter()).entries == before
    with pytest.raises(AssertionError, match="use the release that made it"), release_1.transaction(path):
        pass
    other = SqliteStore(path, "other", timeout=10.0)
    assert other.schema() == 2
    assert other.get("e0").id == "e0"
    other.close()


def test_an_upgrade_reaches_a_process_that_has_the_file_open(store, path):
    store.ping()
    other = SqliteStore(path, "n", timeout=10.0)
    other.upgrade()
    other.close()
    store.put([make_entry("sealed", "n", payload=b"\xff")])
    assert store.get("sealed").schema_version == 2


@pytest.mark.parametrize("at", range(len(sqlite_schema._ADDITIONS) + 1))
def test_an_adoption_that_breaks_off_leaves_the_file_as_it_was(store, path, monkeypatch, at):
    before = dump(path)
    additions = sqlite_schema._ADDITIONS
    monkeypatch.setattr(sqlite_schema, "_ADDITIONS", (*additions[:at], "SELECT broken", *additions[at:]))
    with pytest.raises(BackendUnavailableError):
        store.ping()
    assert dump(path) == before

    monkeypatch.setattr(sqlite_schema, "_ADDITIONS", additions)
    assert store.get("e2").state == "released"


def test_what_waits_is_counted_in_a_file_that_had_no_counts(store, path):
    """A file that an earlier commit of this release has used has all additions but these."""
    before = store.depth()
    assert (before.pending, before.leased, before.released, before.dead) == (3, 1, 1, 0)
    store.close()
    with closing(sqlite3.connect(path)) as db:
        for trigger in ("entry_counted", "entry_moved", "entry_gone"):
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("DROP TABLE depths")
    assert store.depth() == before


DIE_WHILE_ADOPTING = """
import os, signal, sqlite3, sys
from pathlib import Path
from dq_gate.quarantine import sqlite_file, sqlite_schema
from dq_gate.quarantine.sqlite import SqliteStore

sqlite_schema._ADDITIONS = (*sqlite_schema._ADDITIONS, "SELECT die()")
connect = sqlite3.connect

def connect_to_die(*arguments, **options):
    db = connect(*arguments, **options)
    db.create_function("die", 0, lambda: os.kill(os.getpid(), signal.SIGKILL))
    # Small, so that what is not committed is on the disk already.
    db.execute("PRAGMA cache_size = 1")
    return db

sqlite_file.sqlite3.connect = connect_to_die
SqliteStore(Path(sys.argv[1]), "n", timeout=10.0).ping()
"""


def test_a_kill_amid_the_adoption_costs_nothing(store, path):
    before = dump(path)
    killed = subprocess.run([sys.executable, "-c", DIE_WHILE_ADOPTING, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert dump(path) == before
    with release_1.transaction(path) as db:
        assert release_1.get(db, "n", "e0")["state"] == "pending"
    assert store.schema() == 1
    assert store.stats().by_state["pending"] == 3


ADOPT_AND_PUT = """
import sys
from pathlib import Path
from dq_gate.quarantine.sqlite import SqliteStore
from tests.store_model import make_entry

store = SqliteStore(Path(sys.argv[1]), "n", timeout=30.0)
print(store.put([make_entry(f"from-{sys.argv[2]}", "n")]))
"""


def test_processes_that_open_it_at_once_adopt_it_once(store, path):
    command = [sys.executable, "-c", ADOPT_AND_PUT, str(path)]
    workers = [subprocess.Popen([*command, str(n)], stdout=subprocess.PIPE, text=True) for n in range(3)]
    assert [worker.communicate()[0] for worker in workers] == ["['created']\n"] * 3
    assert store.stats().by_state["pending"] == 6


def test_what_was_purged_is_nowhere_in_the_file(store, path):
    secret = b"the-secret-of-this-entry"
    store.put([make_entry(f"new{n}", "n", payload=b'{"v":1,"value":"%s"}' % secret) for n in range(20)])
    ids = [f"new{n}" for n in range(20)]
    store.expire(9e9, HistoryItem(9_000.0, "dq_gate", "expire"))
    assert store.purge(ids, FAR_AHEAD) == ["done"] * 20
    # The last to close takes the write-ahead log away.
    store.close()
    assert secret not in path.read_bytes()
    assert not path.with_name("quarantine.db-wal").exists()


def test_who_acted_is_the_systems_user_or_its_number(store, monkeypatch):
    import pwd

    store.upgrade()
    store.act(["e0"], make_act(REVEAL))
    assert store.get("e0").history[-1].account == pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_001)
    store.act(["e0"], make_act(REVEAL))
    assert store.get("e0").history[-1].account == "4000000001"
