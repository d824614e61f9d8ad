"""What dead processes spooled comes into the store with the next command that reaches it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from dq_gate.cli.spool import bring_in
from dq_gate.errors import UnreadableEntryError
from dq_gate.events import SpoolDrained
from dq_gate.gate.runtime import spool_target
from dq_gate.quarantine.spool import Spool
from dq_gate.settings import load_settings
from tests.fakes import FakeStore, Reports, make_entry


@pytest.fixture
def settings():
    return load_settings()


@pytest.fixture
def left_behind(settings):
    """A spool whose process is gone, with entries in it."""
    spool = Spool(settings.state_dir / "spool", target=spool_target(settings))
    spool.put(make_entry(f"entry-{n}") for n in range(150))
    spool.close()
    return spool


def test_entries_are_moved_and_the_spool_is_removed(settings, left_behind):
    store, reports = FakeStore(), Reports()

    bring_in(store, settings, reports)

    assert set(store.entries) == {f"entry-{n}" for n in range(150)}
    assert store.puts == [100, 50]
    assert reports.events == [SpoolDrained(150, 150)]
    assert list((settings.state_dir / "spool").iterdir()) == []


def test_a_store_that_might_lose_them_is_mirrored(settings, left_behind):
    store = FakeStore()
    store.unsafe = ("it forgets",)

    bring_in(store, settings, Reports())

    spools = Spool(settings.state_dir / "spool", target=spool_target(settings)).orphans()
    counts = [(spool.count("waiting"), spool.count("mirrored")) for spool in spools]
    assert len(store.entries) == 150
    assert counts == [(0, 150)]


def test_what_the_store_has_not_settled_is_mirrored(settings, left_behind):
    store = FakeStore()
    store.has_settled = False

    bring_in(store, settings, Reports())

    spools = Spool(settings.state_dir / "spool", target=spool_target(settings)).orphans()
    assert [(spool.count("waiting"), spool.count("mirrored")) for spool in spools] == [(0, 150)]


def test_a_damaged_spool_is_told_set_aside_and_keeps_no_other_back(settings, left_behind, capsys):
    (file,) = (settings.state_dir / "spool").glob("*.db")
    file.with_name(file.name.replace(file.stem[-16:], "0" * 16)).write_bytes(b"no database" * 1000)
    store = FakeStore()

    bring_in(store, settings, Reports())
    bring_in(store, settings, Reports())

    assert len(store.entries) == 150
    assert capsys.readouterr().err == "the local spool cannot be read (DatabaseError); see dq-gate doctor\n"
    assert [path.suffix for path in (settings.state_dir / "spool").iterdir()] == [".damaged"]


def test_spools_of_another_store_are_left_alone(settings, left_behind):
    store = FakeStore()

    bring_in(store, settings.model_copy(update={"namespace": "other"}), Reports())

    assert store.entries == {}


def test_a_store_that_has_no_place_for_them_yet_stops_no_command(settings, left_behind, capsys, monkeypatch):
    def refusing(entries):
        raise UnreadableEntryError("run: dq-gate quarantine upgrade")

    store = FakeStore()
    monkeypatch.setattr(store, "put", refusing)

    bring_in(store, settings, Reports())

    told = "spooled entries stay where they are: run: dq-gate quarantine upgrade\n"
    assert capsys.readouterr().err == told
    spools = Spool(settings.state_dir / "spool", target=spool_target(settings)).orphans()
    assert [spool.count("waiting") for spool in spools] == [150]


def test_a_sealed_entry_that_waits_for_the_upgrade_does_not_keep_it_from_running(run, place, quarantined, settings):
    with closing(sqlite3.connect(place / ".dq_gate" / "quarantine.db")) as db:
        db.execute("PRAGMA user_version = 1")
    with closing(Spool(settings.state_dir / "spool", target=spool_target(settings))) as spool:
        spool.put([make_entry("sealed", namespace=settings.namespace, payload=b"\xff")])

    listed = run("quarantine", "list", "--format", "jsonl")
    assert (listed.code, [row["id"] for row in listed.rows]) == (0, quarantined)
    assert "spooled entries stay where they are: " in listed.err
    assert run("quarantine", "upgrade", "--yes").code == 0
    assert len(run("quarantine", "list", "--format", "jsonl").rows) == 4
