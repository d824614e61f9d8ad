"""Two releases side by side: what is written while the release before still uses a namespace, and the upgrade."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dq_gate.core.lifecycle import EDIT, ERASE
from dq_gate.errors import UnreadableEntryError
from dq_gate.quarantine.entry import Filter
from tests.contract.lives import claim, lead_to
from tests.store_model import make_act, make_entry


def test_a_namespace_without_entries_starts_with_the_newest_version(store, namespace):
    assert store.schema() == 2
    store.put([make_entry("e1", namespace)])
    assert store.get("e1").schema_version == 2
    assert store.upgrade() == 2


def test_until_the_upgrade_entries_are_written_for_the_release_before(in_version_1, namespace):
    store = in_version_1
    assert store.schema() == 1
    entry = make_entry("e1", namespace, payload='{"v":1,"value":"é€"}'.encode(), subjects=("s2", "s1"))
    store.put([entry])

    assert store.get("e1") == replace(entry, schema_version=1)
    assert store.ids(Filter(subject="s1")).ids == ("e1",)


def test_until_the_upgrade_no_account_is_written_into_a_history(in_version_1, namespace):
    store = in_version_1
    store.put([make_entry("e1", namespace)])
    claim(store, "e1")
    assert store.get("e1").history[0].account == ""


def test_until_the_upgrade_an_edit_keeps_version_and_subjects(in_version_1, namespace):
    store = in_version_1
    store.put([make_entry("e1", namespace, subjects=("s1",))])
    claim(store, "e1")
    read = store.get("e1")
    store.act(["e1"], make_act(EDIT, token="token-a", rewrite=replace(read, payload=b'{"v":1,"value":2}')))

    kept = store.get("e1")
    assert (kept.schema_version, kept.payload, kept.subjects) == (1, b'{"v":1,"value":2}', ("s1",))


def test_until_the_upgrade_a_sealed_payload_is_refused_with_the_way_out(in_version_1, namespace):
    store = in_version_1
    with pytest.raises(UnreadableEntryError, match="quarantine upgrade"):
        store.put([make_entry("e1", namespace, payload=b"\xff\x00")])
    assert store.get("e1") is None
    store.put([make_entry("e1", namespace)])
    with pytest.raises(UnreadableEntryError, match="quarantine upgrade"):
        store.act(["e1"], make_act(ERASE, rewrite=replace(store.get("e1"), payload=b"\xff")))
    assert store.get("e1").history == ()


def test_an_upgrade_leaves_what_is_there_readable_and_writes_the_newest_from_now_on(in_version_1, namespace):
    store = in_version_1
    old = make_entry("e1", namespace, subjects=("s1",))
    store.put([old])
    lead_to(store, "e1", "leased")

    assert store.upgrade() == 1
    assert store.schema() == 2
    assert store.upgrade() == 2

    new = make_entry("e2", namespace, payload=b"\xff\n")
    store.put([new])
    assert store.get("e1").schema_version == 1
    assert store.get("e2") == new
    assert store.ids(Filter()).ids == ("e1", "e2")
    store.act(["e1"], make_act(EDIT, token="token-a", rewrite=replace(store.get("e1"), payload=b"\xfe")))
    kept = store.get("e1")
    assert (kept.schema_version, kept.payload, kept.subjects) == (2, b"\xfe", ("s1",))
    assert kept.history[-1].account


def test_an_upgrade_counts_every_byte(in_version_1, namespace):
    store = in_version_1
    store.put([make_entry(f"e{n}", namespace) for n in range(3)])
    before = store.stats()
    store.upgrade()
    assert store.stats() == before
    assert before.bytes > 0
