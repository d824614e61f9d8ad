"""What listing, grouping and counting mean, in every store."""

from __future__ import annotations

import functools
import operator
from dataclasses import replace

import pytest

from dq_gate.core.lifecycle import BEGIN_REDRIVE, CLAIM, DISCARD, RELEASE
from dq_gate.core.model import Violation
from dq_gate.quarantine.entry import MAX_BATCH, Filter, Lease
from tests.store_model import make_act, make_entry


def ids_of(page) -> list[str]:
    return [entry.id for entry in page.entries]


def every_page(store, where: Filter, limit: int) -> list[list[str]]:
    pages, after = [], None
    while True:
        page = store.find(where, limit=limit, after=after)
        pages.append(ids_of(page))
        if page.after is None:
            return pages
        after = page.after


def test_an_empty_store_lists_nothing(store):
    page = store.find(Filter())
    assert page.entries == ()
    assert page.after is None
    assert store.groups() == []
    assert store.stats().groups == 0


def test_the_oldest_come_first_and_equal_times_by_id(store, namespace):
    times = {"d": 3.0, "a": 2.0, "c": 2.0, "B": 2.0, "é": 2.0, "😀": 2.0, "z": 1.0}
    store.put([make_entry(entry_id, namespace, created_at=at) for entry_id, at in times.items()])

    assert ids_of(store.find(Filter())) == ["z", "B", "a", "c", "é", "😀", "d"]


def test_pages_follow_one_another_through_equal_times(store, namespace):
    ids = [f"e{n:02}" for n in range(25)]
    store.put([make_entry(entry_id, namespace, created_at=7.0) for entry_id in reversed(ids)])

    pages = every_page(store, Filter(state="pending"), 10)
    assert [len(page) for page in pages] == [10, 10, 5]
    assert functools.reduce(operator.iadd, pages, []) == ids


def test_a_page_that_ends_exactly_at_the_end_has_no_next(store, namespace):
    store.put([make_entry(f"e{n}", namespace) for n in range(4)])
    assert every_page(store, Filter(), 2) == [["e0", "e1"], ["e2", "e3"]]


def test_a_cursor_holds_when_its_entry_has_left_the_list(store, namespace):
    store.put([make_entry(f"e{n}", namespace, created_at=7.0) for n in range(6)])
    first = store.find(Filter(state="pending"), limit=3)

    store.act(["e2", "e3"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))

    assert ids_of(store.find(Filter(state="pending"), limit=3, after=first.after)) == ["e4", "e5"]


def test_any_state_lists_all_in_one_order(store, namespace):
    store.put([make_entry(f"e{n}", namespace, created_at=float(n)) for n in range(6)])
    store.act(["e1", "e4"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))
    store.act(["e4"], make_act(RELEASE, token="t"))

    assert every_page(store, Filter(), 4) == [["e0", "e1", "e2", "e3"], ["e4", "e5"]]
    assert ids_of(store.find(Filter(state="released"))) == ["e4"]


def test_every_condition_holds_alone_and_together(store, namespace):
    store.put(
        [
            make_entry("e1", namespace, rules=("r.one",), source="bot", group="g1"),
            make_entry("e2", namespace, rules=("r.one", "r.two"), source="bot", group="g2"),
            make_entry("e3", namespace, rules=("r.two",), source="feed", group="g3"),
            make_entry("e4", namespace, rules=("r.one", "r.two"), source="feed", group="g4"),
        ]
    )
    for state in (None, "pending"):
        assert ids_of(store.find(Filter(state, rule="r.one"))) == ["e1", "e2", "e4"]
        assert ids_of(store.find(Filter(state, source="feed"))) == ["e3", "e4"]
        assert ids_of(store.find(Filter(state, group="g2"))) == ["e2"]
        assert ids_of(store.find(Filter(state, rule="r.two", source="feed"))) == ["e3", "e4"]
        assert ids_of(store.find(Filter(state, rule="r.one", source="feed", group="g4"))) == ["e4"]
        assert ids_of(store.find(Filter(state, rule="r.one", group="g3"))) == []
        assert ids_of(store.find(Filter(state, rule="r.\udcff"))) == []
    assert ids_of(store.find(Filter("leased", rule="r.one"))) == []


def test_a_rare_match_among_many_is_found_over_pages(store, namespace):
    # More than one script may look at, with the wide conditions equally wide.
    for start in range(0, 1_500, MAX_BATCH):
        store.put(
            [
                make_entry(
                    f"e{n:04}",
                    namespace,
                    rules=("r.even" if n % 2 == 0 else "r.odd",),
                    source="rare" if n in {1_401, 1_402, 1_499} else "bot" if n % 2 == 0 else "rare",
                    created_at=float(n),
                )
                for n in range(start, start + MAX_BATCH)
            ]
        )
    assert every_page(store, Filter("pending", rule="r.even", source="rare"), 1) == [["e1402"]]
    assert len(functools.reduce(operator.iadd, every_page(store, Filter(rule="r.odd", source="rare"), 100), [])) == 750


def test_a_warning_does_not_file_an_entry_under_its_rule(store, namespace):
    warning = Violation("r.warns", "query", "cel", "warn", "costs much")
    entry = make_entry("e1", namespace, rules=("r.fails",))
    store.put([replace(entry, violations=(*entry.violations, warning))])

    assert ids_of(store.find(Filter(rule="r.warns"))) == []
    assert store.groups()[0].rules == ("r.fails",)
    assert store.stats().open_by_rule == {"r.fails": 1}


@pytest.mark.parametrize("limit", [0, -1, MAX_BATCH + 1])
def test_a_page_size_that_is_none_is_refused(store, limit):
    with pytest.raises(ValueError, match="from 1 to 100"):
        store.find(Filter(), limit=limit)
    with pytest.raises(ValueError, match="from 1 to 100"):
        store.groups(limit=limit)


@pytest.mark.parametrize("cursor", ["x", "1.0", "nan_e1", "_", "inf_e1"])
def test_a_cursor_of_no_page_is_refused(store, cursor):
    with pytest.raises(ValueError, match="not a cursor"):
        store.find(Filter(), after=cursor)


def test_groups_come_by_open_entries_then_by_inputs(open_another, namespace):
    store = open_another(max_open=3)
    for group, count in {"small": 1, "large": 3, "flooded": 5, "done": 2}.items():
        store.put([make_entry(f"{group}{n}", namespace, group=group) for n in range(count)])
    store.act(["done0", "done1"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))
    store.act(["done0", "done1"], make_act(DISCARD, token="t"))

    assert [group.fingerprint for group in store.groups()] == ["flooded", "large", "small", "done"]
    assert [group.fingerprint for group in store.groups(limit=2)] == ["flooded", "large"]


def test_a_group_carries_its_rules_times_and_newest_sample(store, namespace):
    store.put(
        [
            make_entry("e1", namespace, rules=("r.two", "r.one"), created_at=5.0),
            make_entry("e2", namespace, rules=("r.two", "r.one"), created_at=9.0),
            make_entry("e3", namespace, rules=("r.two", "r.one"), created_at=2.0),
        ]
    )
    (group,) = store.groups()
    assert (group.source, group.pack, group.rules) == ("bot", "query", ("r.one", "r.two"))
    assert (group.first_seen, group.last_seen, group.sample) == (2.0, 9.0, "e2")
    assert (group.count, group.open, group.counted_only) == (3, 3, 0)


def test_stats_count_what_is_open_by_rule_and_source(store, namespace):
    store.put(
        [
            make_entry("e1", namespace, rules=("r.one",), group="g1"),
            make_entry("e2", namespace, rules=("r.one", "r.two"), group="g2"),
            make_entry("e3", namespace, rules=("r.two",), source="feed", group="g3"),
        ]
    )
    store.act(["e2", "e3"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))
    store.act(["e3"], make_act(RELEASE, token="t"))
    store.act(["e3"], make_act(BEGIN_REDRIVE, lease=Lease("u", "ada", 3_000.0)))

    stats = store.stats()
    assert (stats.by_state["pending"], stats.by_state["leased"], stats.by_state["released"]) == (1, 1, 1)
    assert stats.open_by_rule == {"r.one": 2, "r.two": 2}
    assert stats.open_by_source == {"bot": 2, "feed": 1}
    assert stats.groups == 3
