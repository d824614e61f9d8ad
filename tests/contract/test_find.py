"""What listing, grouping and counting mean, in every store."""

from __future__ import annotations

import functools
import operator
from dataclasses import replace

import pytest

from dq_gate.core.lifecycle import BEGIN_REDRIVE, CLAIM, DISCARD, RELEASE
from dq_gate.core.model import Violation
from dq_gate.quarantine.entry import MAX_BATCH, MAX_IDS, Filter, IdPage, Lease
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


def test_a_span_of_time_begins_with_since_and_ends_before_before(store, namespace):
    store.put([make_entry(f"e{n}", namespace, rules=("r.one",), created_at=float(n)) for n in range(6)])
    store.act(["e2"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))

    assert ids_of(store.find(Filter(since=2.0))) == ["e2", "e3", "e4", "e5"]
    assert ids_of(store.find(Filter(before=2.0))) == ["e0", "e1"]
    assert ids_of(store.find(Filter(since=1.5, before=4.5))) == ["e2", "e3", "e4"]
    assert ids_of(store.find(Filter("pending", rule="r.one", since=2.0, before=5.0))) == ["e3", "e4"]
    assert ids_of(store.find(Filter(since=4.0, before=4.0))) == []
    assert every_page(store, Filter(since=1.0, before=5.0), 3) == [["e1", "e2", "e3"], ["e4"]]


def test_a_page_goes_on_behind_its_cursor_however_early_the_span_begins(store, namespace):
    store.put([make_entry(f"e{n}", namespace, created_at=7.0) for n in range(6)])
    for since in (None, 1.0, 7.0):
        assert every_page(store, Filter(since=since), 4) == [["e0", "e1", "e2", "e3"], ["e4", "e5"]]


def test_entries_are_found_by_each_of_their_subjects_and_what_else_is_asked(store, namespace):
    store.put(
        [
            make_entry("e1", namespace, rules=("r.one",), subjects=("s1",), created_at=3.0),
            make_entry("e2", namespace, rules=("r.one", "r.two"), subjects=("s1", "s2"), created_at=2.0),
            make_entry("e3", namespace, rules=("r.two",), source="feed", group="g2", subjects=("s2",)),
            make_entry("e4", namespace, rules=("r.one",)),
        ]
    )
    store.act(["e2"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))

    assert ids_of(store.find(Filter(subject="s1"))) == ["e2", "e1"]
    assert ids_of(store.find(Filter(subject="s2"))) == ["e2", "e3"]
    assert ids_of(store.find(Filter("leased", subject="s1"))) == ["e2"]
    assert ids_of(store.find(Filter(subject="s1", rule="r.two"))) == ["e2"]
    assert ids_of(store.find(Filter("pending", subject="s2", rule="r.two", source="feed", group="g2"))) == ["e3"]
    assert ids_of(store.find(Filter(subject="s1", since=2.5, before=9.0))) == ["e1"]
    assert ids_of(store.find(Filter(subject="nobody"))) == []
    assert every_page(store, Filter(subject="s1"), 1) == [["e2"], ["e1"]]
    assert store.get("e2").subjects == ("s1", "s2")


def test_ids_are_those_of_the_entries_and_the_cursors_are_the_same(store, namespace):
    store.put([make_entry(f"e{n}", namespace, created_at=float(n // 2)) for n in range(7)])
    first = store.ids(Filter(), limit=3)
    assert first.ids == ("e0", "e1", "e2")
    assert ids_of(store.find(Filter(), limit=3)) == list(first.ids)
    assert store.find(Filter(), limit=3).after == first.after
    assert store.ids(Filter(), limit=4, after=first.after) == IdPage(("e3", "e4", "e5", "e6"), None)
    assert store.ids(Filter("leased")) == IdPage((), None)


def test_a_page_of_ids_may_be_long(store, namespace):
    for start in range(0, MAX_IDS + MAX_BATCH, MAX_BATCH):
        store.put([make_entry(f"e{n:04}", namespace) for n in range(start, start + MAX_BATCH)])
    page = store.ids(Filter())
    assert len(page.ids) == MAX_IDS
    assert len(store.ids(Filter(), after=page.after).ids) == MAX_BATCH
    for limit in (0, MAX_IDS + 1):
        with pytest.raises(ValueError, match="from 1 to 1000"):
            store.ids(Filter(), limit=limit)


def test_ids_taken_as_a_snapshot_hold_while_entries_come_and_go(store, namespace):
    store.put([make_entry(f"e{n}", namespace, created_at=float(n)) for n in range(6)])
    first = store.ids(Filter("pending"), limit=2)
    store.put([make_entry("early", namespace, created_at=0.5), make_entry("later", namespace, created_at=9.0)])
    store.act(["e1", "e2"], make_act(CLAIM, lease=Lease("t", "ada", 3_000.0)))

    assert store.ids(Filter("pending", before=6.0), limit=10, after=first.after).ids == ("e3", "e4", "e5")


def test_a_group_alone_is_as_it_is_among_all(store, namespace):
    store.put([make_entry(f"e{n}", namespace, group=f"g{n % 2}") for n in range(5)])
    assert {group.fingerprint: group for group in store.groups()} == {name: store.group(name) for name in ("g0", "g1")}
    assert store.group("g2") is None
    assert store.group("\udcff") is None


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
