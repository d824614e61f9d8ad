"""Two reviewers with one lease, stolen, run out or taken at once: each entry is decided once, by one of them."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from dq_gate.quarantine.address import open_store
from dq_gate.review.service import Review
from tests.fakes import make_entry
from tests.faults.judging import judge, kind_of, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dq_gate.quarantine.entry import Store
    from dq_gate.review.service import Outcome
    from tests.redis_server import RedisServer

MANY = 150
LEASE = 900.0


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer, namespace: str) -> Iterator[Store]:
    """Each kind of store in turn."""
    url = redis_server.url if request.param == "redis" else f"sqlite:///{tmp_path / 'q.db'}"
    with closing(open_store(url, namespace, max_open=1000, timeout=20.0)) as store:
        yield store


@pytest.fixture
def ids(store: Store, namespace: str) -> list[str]:
    """Entries to be reviewed."""
    ids = [f"{n}" for n in range(MANY)]
    for start in range(0, MANY, 50):
        store.put([make_entry(entry_id, namespace=namespace) for entry_id in ids[start : start + 50]])
    return ids


def reviewers(store: Store, now: Callable[[], float], count: int = 2) -> list[Review]:
    return [
        Review(store, who=f"reviewer-{n}", emit=lambda _: None, lease_seconds=LEASE, clock=now) for n in range(count)
    ]


def at_once(*steps: Callable[[], list[Outcome]]) -> list[list[Outcome]]:
    """What each of several steps gives that begin at the same moment."""
    start = Barrier(len(steps))

    def run(step: Callable[[], list[Outcome]]) -> list[Outcome]:
        start.wait()
        return step()

    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(run, steps))


def done(outcomes: list[list[Outcome]]) -> Counter[str]:
    """How often an action was carried out on each entry."""
    return Counter(outcome.entry_id for each in outcomes for outcome in each if outcome.result == "done")


def decisions(store: Store) -> list[int]:
    """How many decisions each entry's history tells of."""
    return [sum(item.action in {"release", "discard"} for item in entry.history) for entry in walk(store)]


def test_of_reviewers_who_claim_at_once_one_gets_each_entry(store: Store, ids: list[str]) -> None:
    team = reviewers(store, lambda: 1_000.0, 4)
    claimed = at_once(*(lambda who=who: who.claim(ids, token=who.who)[1] for who in team))
    assert done(claimed) == Counter(ids)
    decided = at_once(*(lambda who=who: who.discard(ids, who.who) for who in team))
    assert done(decided) == Counter(ids)
    assert [[item.who for item in entry.history[:1]] for entry in walk(store)] == [
        [item.who for item in entry.history[1:2]] for entry in walk(store)
    ]
    judge(f"Four reviewers claim the same entries at once ({kind_of(store)})", store, ids)


def test_of_two_who_use_one_token_at_once_one_decides_each_entry(store: Store, ids: list[str]) -> None:
    ada, thief = reviewers(store, lambda: 1_000.0)
    lease, _ = ada.claim(ids)
    decided = at_once(lambda: ada.release(ids, lease.token), lambda: thief.discard(ids, lease.token))
    assert done(decided) == Counter(ids)
    assert set(decisions(store)) == {1}
    judge(f"Two reviewers use one lease token at once ({kind_of(store)})", store, ids)


def test_a_lease_that_was_renewed_holds_and_one_that_ran_out_does_not(store: Store, ids: list[str]) -> None:
    now = [1_000.0]
    ada, bob = reviewers(store, lambda: now[0])
    lease, _ = ada.claim(ids)
    now[0] += LEASE - 1
    half = ids[: MANY // 2]
    renewed, outcomes = ada.renew(half, lease.token)
    assert done([outcomes]) == Counter(half)
    now[0] += 2
    while store.lapse(now[0]):
        pass
    _, taken = bob.claim(ids)
    assert done([taken]) == Counter(ids[MANY // 2 :])
    assert done([ada.discard(ids, renewed.token)]) == Counter(half)
    assert set(decisions(store)) == {0, 1}
    judge(f"A lease that runs out beside one that is renewed ({kind_of(store)})", store, ids)
