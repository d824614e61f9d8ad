"""Whether an entry is there can be asked without reading it."""

from __future__ import annotations

from dq_gate.core.lifecycle import CLAIM, DISCARD
from dq_gate.quarantine.entry import Lease
from tests.store_model import make_act, make_entry


def test_each_id_is_answered_in_order(store, namespace):
    store.put([make_entry("e1", namespace), make_entry("e2", namespace)])
    assert store.known(["e2", "nobody", "e1", "\udcff"]) == [True, False, True, False]
    assert store.known([]) == []


def test_an_entry_of_another_namespace_is_not_known(open_another, namespace):
    open_another(namespace="elsewhere").put([make_entry("e1", "elsewhere")])
    assert open_another().known(["e1"]) == [False]


def test_a_purged_entry_is_known_while_its_tombstone_stands(store, namespace):
    store.put([make_entry("e1", namespace)])
    store.act(["e1"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))
    store.act(["e1"], make_act(DISCARD, token="t"))
    assert store.purge(["e1"], 9e9) == ["done"]
    assert store.get("e1") is None
    assert store.known(["e1"]) == [True]
    store.put([make_entry("e2", namespace)])
    store.act(["e2"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))
    store.act(["e2"], make_act(DISCARD, token="t"))
    store.purge(["e2"], 1.0)
    assert store.known(["e2", "e1"]) == [False, True]
