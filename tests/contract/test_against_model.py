"""Both stores, driven at random, always answer what the plain model in memory answers."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dq_gate.core.lifecycle import ACTIONS, EXPIRE, STATES
from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.entry import Filter, HistoryItem, Lease, Waiver
from tests.store_model import ModelStore, make_act, make_entry

MAX_OPEN = 3
# Few of each, so that steps meet.
IDS = st.sampled_from(["a", "b", "c", "d", "é", "😀"])
RULES = st.sampled_from([("r.one",), ("r.one", "r.two"), ("r.three", "r.two", "r.one")])
SOURCES = st.sampled_from(["bot", "feed"])
GROUPS = st.sampled_from(["g1", "g2"])
TIMES = st.sampled_from([1.0, 2.0, 2.5, 4.0])
TOKENS = st.sampled_from(["t1", "t2"])
WAIVERS = st.lists(
    st.builds(Waiver, st.sampled_from(["r.one", "r.two"]), st.just("d"), st.text(max_size=3), st.just(""))
)


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to the model; `url` is set by the test."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.namespace = f"model-{uuid.uuid4().hex[:12]}"
        self.store = open_store(self.url, self.namespace, max_open=MAX_OPEN, timeout=10.0)
        self.model = ModelStore(MAX_OPEN)

    def teardown(self) -> None:
        self.store.close()

    @rule(keys=st.lists(st.tuples(IDS, RULES, SOURCES, GROUPS, TIMES), max_size=6))
    def put(self, keys):
        entries = [
            make_entry(entry_id, self.namespace, rules=rules, source=source, group=group, created_at=at)
            for entry_id, rules, source, group, at in keys
        ]
        assert self.store.put(entries) == self.model.put(entries)

    @rule(
        ids=st.lists(IDS, max_size=4),
        action=st.sampled_from(ACTIONS),
        at=TIMES,
        token=st.none() | TOKENS,
        lease=st.builds(Lease, TOKENS, st.just("ada"), TIMES),
        verdict=st.sampled_from([None, "valid", "invalid"]),
        waivers=WAIVERS,
    )
    def act(self, ids, action, at, token, lease, verdict, waivers):
        act = make_act(action, at, token=token, lease=lease, verdict=verdict, waivers=tuple(waivers))
        assert self.store.act(ids, act) == self.model.act(ids, act)

    @rule(now=TIMES)
    def lapse(self, now):
        assert self.store.lapse(now) == self.model.lapse(now)

    @rule(before=TIMES)
    def expire(self, before):
        note = HistoryItem(9.0, "dq_gate", EXPIRE.name)
        assert self.store.expire(before, note) == self.model.expire(before, note)

    @rule(
        state=st.none() | st.sampled_from(STATES),
        name=st.none() | st.sampled_from(["r.one", "r.two"]),
        source=st.none() | SOURCES,
        group=st.none() | GROUPS,
        limit=st.integers(1, 3),
    )
    def find(self, state, name, source, group, limit):
        where = Filter(state, name, source, group)
        found, after = [], None
        while True:
            page = self.store.find(where, limit=limit, after=after)
            found += page.entries
            after = page.after
            if after is None:
                break
            assert len(page.entries) == limit
        assert found == self.model.find_all(where)

    @invariant()
    def counts_agree(self):
        assert self.store.groups() == self.model.groups()
        assert self.store.stats() == self.model.stats()


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_store_does_what_the_model_does(kind, request):
    with tempfile.TemporaryDirectory() as folder:
        if kind == "redis":
            url = request.getfixturevalue("redis_server").url
        else:
            url = f"sqlite:///{Path(folder) / 'quarantine.db'}"
        machine = type("Machine", (StoreMachine,), {"url": url})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=40,
                stateful_step_count=25,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
