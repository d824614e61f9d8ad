"""Leads entries through their lives, for tests that begin in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.core.lifecycle import BEGIN_REDRIVE, CLAIM, DIE, DISCARD, EXPIRE, REDRIVE, RELEASE
from dq_gate.quarantine.entry import HistoryItem, Lease
from tests.store_model import make_act

if TYPE_CHECKING:
    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import ActResult, Store

LEASE = Lease("token-a", "ada", 2_500.0)


def claim(store: Store, entry_id: str, lease: Lease = LEASE, at: float = 2_000.0) -> ActResult:
    (result,) = store.act([entry_id], make_act(CLAIM, at, lease=lease))
    return result


def release(store: Store, entry_id: str) -> None:
    assert claim(store, entry_id) == "done"
    assert store.act([entry_id], make_act(RELEASE, token="token-a")) == ["done"]


def lead_to(store: Store, entry_id: str, state: State) -> None:
    """Bring a pending entry into a state; where it is open, a lease of `LEASE` runs that could be had there."""
    if state == "pending":
        return
    if state == "expired":
        assert store.expire(float("inf"), HistoryItem(2_000.0, "dq_gate", EXPIRE.name)) == [entry_id]
        return
    assert claim(store, entry_id) == "done"
    steps = {
        "leased": [],
        "discarded": [make_act(DISCARD, token="token-a")],
        "released": [make_act(RELEASE, token="token-a"), make_act(BEGIN_REDRIVE, lease=LEASE)],
        "redriven": [make_act(REDRIVE, token="token-a")],
        "dead": [make_act(DIE, token="token-a")],
    }
    before = [] if state in {"leased", "discarded"} else steps["released"]
    for act in [*before, *(steps[state] if steps[state] is not before else [])]:
        assert store.act([entry_id], act) == ["done"]
