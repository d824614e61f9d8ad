"""Both stores, driven at random, always answer what the plain model in memory answers."""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from dq_gate.core.lifecycle import (
    ACTIONS,
    BEGIN_REDRIVE,
    CLAIM,
    CLOSED,
    DIE,
    EXPIRE,
    INTERRUPT,
    REDRIVE,
    RELEASE,
    RETURN,
    STATES,
)
from dq_gate.quarantine.address import open_store
from dq_gate.quarantine.entry import Filter, HistoryItem, Lease, Waiver
from tests.store_model import ModelStore, make_act, make_entry, without_accounts

MAX_OPEN = 3
MAX_BYTES = 2_000
LONG_AGO, FAR_AHEAD = 1.0, 4e9
# Few of each, so that steps meet; expiry is rare, or no entry would live long.
IDS = st.sampled_from(["a", "b", "c", "d", "é", "😀"])
RULES = st.sampled_from([("r.one",), ("r.one", "r.two"), ("r.three", "r.two", "r.one")])
SOURCES = st.sampled_from(["bot", "feed"])
GROUPS = st.sampled_from(["g1", "g2"])
TIMES = st.sampled_from([1.0, 2.0, 2.5, 4.0])
TOKENS = st.sampled_from(["t1", "t2"])
SUBJECTS = st.sampled_from(["s1", "s2"])
SETS_OF_SUBJECTS = st.sampled_from([(), (), ("s1",), ("s2", "s1")])
PAYLOADS = st.sampled_from([b"{}", b"x" * 700, b"\xff\n\x00", b""])
WAIVERS = st.lists(
    st.builds(Waiver, st.sampled_from(["r.one", "r.two"]), st.just("d"), st.text(max_size=3), st.just("")), max_size=2
)
NEW = st.tuples(IDS, RULES, SOURCES, GROUPS, TIMES, PAYLOADS, SETS_OF_SUBJECTS)
CONDITIONS = st.one_of(
    st.tuples(st.just("state"), st.sampled_from(STATES)),
    st.tuples(st.just("rule"), st.sampled_from(["r.one", "r.two"])),
    st.tuples(st.just("source"), SOURCES),
    st.tuples(st.just("group"), GROUPS),
    st.tuples(st.just("subject"), SUBJECTS),
    st.tuples(st.just("since"), TIMES),
    st.tuples(st.just("before"), TIMES),
)
FILTERS = st.lists(CONDITIONS, max_size=3).map(lambda conditions: Filter(**dict(conditions)))


@dataclass(frozen=True)
class Step:
    """What an action may carry."""

    at: float
    lease: Lease
    not_before: float
    payload: bytes
    subjects: tuple[str, ...]
    stale: int


STEPS = st.builds(
    Step,
    at=st.sampled_from([2.0, 2.0, 2.5]),
    lease=st.builds(Lease, TOKENS, st.just("bob"), st.sampled_from([2.5, 4.0, 4.0])),
    not_before=st.sampled_from([2.0, 2.5, 4.0]),
    payload=PAYLOADS,
    subjects=SETS_OF_SUBJECTS,
    stale=st.sampled_from([0, 0, 0, 1]),
)


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to the model; `url` is set by the test."""

    url: str

    def __init__(self) -> None:
        super().__init__()
        self.namespace = f"model-{uuid.uuid4().hex[:12]}"
        self.store = open_store(self.url, self.namespace, max_open=MAX_OPEN, max_bytes=MAX_BYTES, timeout=10.0)
        self.model = ModelStore(MAX_OPEN, MAX_BYTES)
        self.delivered = []

    def teardown(self) -> None:
        try:
            for where in (Filter(), Filter(subject="s1"), Filter(rule="r.two"), Filter(since=2.0), Filter(before=2.5)):
                self.look(where, 1, [], "g1")
            self.deliver("last", 10, 0.0)
        finally:
            self.store.close()

    @initialize(entries=st.lists(NEW, min_size=4, max_size=8))
    def begin(self, entries):
        self.keep(entries)

    @rule(entries=st.lists(NEW, max_size=6))
    def put(self, entries):
        self.keep(entries)

    def keep(self, entries):
        new = [
            make_entry(
                entry_id,
                self.namespace,
                rules=rules,
                source=source,
                group=group,
                created_at=at,
                payload=payload,
                subjects=subjects,
            )
            for entry_id, rules, source, group, at, payload, subjects in entries
        ]
        assert self.store.put(new) == self.model.put(new)

    @rule(
        ids=st.lists(IDS, max_size=4),
        action=st.sampled_from([action for action in ACTIONS if not action.rewrites]),
        at=TIMES,
        token=st.none() | TOKENS,
        lease=st.builds(Lease, TOKENS, st.just("ada"), TIMES),
        verdict=st.sampled_from([None, "valid", "invalid"]),
        waivers=WAIVERS,
        not_before=TIMES,
    )
    def act(self, ids, action, at, token, lease, verdict, waivers, not_before):
        self.both(
            ids,
            make_act(
                action,
                at,
                token=token,
                lease=lease,
                verdict=verdict,
                waivers=tuple(waivers),
                not_before=not_before,
            ),
        )

    @rule(data=st.data(), steps=st.lists(STEPS, min_size=1, max_size=10))
    def proceed(self, data, steps):
        """What blind choices seldom reach: actions that an entry's state allows, by whoever may do them."""
        ids = sorted(self.model.entries)
        entry_id = data.draw(st.sampled_from(ids)) if ids else None
        for step in steps if ids else []:
            entry = self.model.entries[entry_id]
            allowed = [action for action in ACTIONS if entry.state in action.sources]
            moving = [action for action in allowed if action.target and action is not EXPIRE]
            self.take(step, data.draw(st.sampled_from(3 * moving + allowed)), entry)

    def take(self, step, action, entry):
        rewrite = replace(
            entry,
            payload=step.payload,
            payload_digest="e" * 64,
            replayable=False,
            subjects=step.subjects,
            revision=entry.revision - step.stale,
        )
        self.both(
            [entry.id],
            make_act(
                action,
                step.at,
                token=entry.lease.token if entry.lease else None,
                lease=step.lease,
                not_before=step.not_before,
                rewrite=rewrite if action.rewrites else None,
            ),
        )

    @rule(
        ids=st.lists(IDS, min_size=1, max_size=4),
        at=st.sampled_from([2.0, 2.5]),
        not_before=st.sampled_from([2.0, 2.5]),
        end=st.sampled_from([REDRIVE, RETURN, DIE, INTERRUPT]),
        length=st.sampled_from([2, 3, 4, 8, 8]),
    )
    def live(self, ids, at, not_before, end, length):
        """A part of the longest ways that an entry goes, which chance alone would seldom find."""
        lease = Lease("t1", "ada", 4.0)
        for action in (CLAIM, RELEASE, BEGIN_REDRIVE, end, CLAIM, RELEASE, BEGIN_REDRIVE, REDRIVE)[:length]:
            self.both(ids, make_act(action, at, token="t1", lease=lease, not_before=not_before))

    def both(self, ids, act):
        assert self.store.act(ids, act) == self.model.act(ids, act)

    @rule(now=TIMES)
    def lapse(self, now):
        assert self.store.lapse(now) == self.model.lapse(now)

    @rule(before=st.sampled_from([1.0, 1.0, 1.0, 2.5]))
    def expire(self, before):
        note = HistoryItem(9.0, "dq_gate", EXPIRE.name)
        assert self.store.expire(before, note) == self.model.expire(before, note)

    @rule(ids=st.lists(IDS, max_size=4), until=st.sampled_from([LONG_AGO, FAR_AHEAD]))
    def purge(self, ids, until):
        assert self.store.purge(ids, until) == self.model.purge(ids, until)

    @rule(until=st.sampled_from([LONG_AGO, FAR_AHEAD]))
    def purge_the_closed(self, until):
        closed = [entry.id for entry in self.model.entries.values() if entry.state in CLOSED]
        assert self.store.purge(closed, until) == self.model.purge(closed, until) == ["done"] * len(closed)

    @rule(consumer=st.sampled_from(["one", "two"]), limit=st.integers(1, 3), idle_s=st.sampled_from([0.0, 3_600.0]))
    def deliver(self, consumer, limit, idle_s):
        found = self.store.deliver(consumer, limit=limit, idle_s=idle_s)
        expected = self.model.deliver(limit=limit, idle_s=idle_s)
        assert [item.entry_id for item in found] == [item.entry_id for item in expected]
        self.delivered += zip(found, expected, strict=True)

    @rule(keep=st.integers(0, 2))
    def acknowledge(self, keep):
        some = range(len(self.delivered))[keep:]
        self.store.acknowledge([self.delivered[n][0] for n in some])
        self.model.acknowledge([self.delivered[n][1] for n in some])

    @rule(subjects=st.lists(SUBJECTS, max_size=2), at=TIMES)
    def forget(self, subjects, at):
        self.store.forget(subjects, at)
        self.model.forget(subjects, at)
        assert self.store.forgotten() == self.model.forgotten()

    @rule(where=FILTERS, limit=st.integers(1, 3), ids=st.lists(IDS, max_size=4), group=GROUPS)
    def look(self, where, limit, ids, group):
        expected = self.model.find_all(where)
        found = self.pages(lambda after: self.store.find(where, limit=limit, after=after), limit, "entries")
        assert list(map(without_accounts, found)) == expected
        found = self.pages(lambda after: self.store.ids(where, limit=limit, after=after), limit, "ids")
        assert found == [entry.id for entry in expected]
        assert [without_accounts(self.store.get(entry_id)) for entry_id in ids] == list(map(self.model.get, ids))
        assert self.store.known(ids) == self.model.known(ids)
        assert self.store.group(group) == self.model.group(group)

    def pages(self, page_after, limit, part):
        found, after = [], None
        while True:
            page = page_after(after)
            found += getattr(page, part)
            after = page.after
            if after is None:
                return found
            assert len(getattr(page, part)) == limit
            assert len(found) <= len(self.model.entries)

    @invariant()
    def counts_agree(self):
        assert self.store.groups() == self.model.groups()
        assert self.store.stats() == self.model.stats()
        assert self.store.depth() == self.model.depth()


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
                max_examples=60,
                stateful_step_count=30,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
