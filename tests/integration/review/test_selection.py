"""Which entries an action is about, what it would do, and that it holds nothing it did not decide."""

from __future__ import annotations

import pytest

from dq_gate.errors import BackendUnavailableError
from dq_gate.quarantine.entry import MAX_BATCH, MAX_IDS, Filter
from dq_gate.review.selection import Selection, decide, forecast, matching, mentions, page_of, snapshot
from dq_gate.review.service import done
from tests.integration.review.desk import BLANK, LEASE, LOUD, PACK


@pytest.fixture
def entries(desk, clock):
    """Ids of five entries, a second apart: blank, loud, blank of another source, loud, blank."""
    made = []
    for record, source in [(BLANK, "faq"), (LOUD, "faq"), (BLANK, "crawl"), (LOUD, "crawl"), (BLANK, "faq")]:
        clock.now += 1
        made.append(desk.put(record, source=source))
    return made


def discarding(review, **options):
    return lambda batch: review.discard(batch, "mine", **options)


# Finding


def test_named_entries_are_taken_as_they_are_named(desk, entries):
    named = Selection(ids=(entries[1], "missing", entries[0]))
    assert snapshot(desk.store, named) == [entries[1], "missing", entries[0]]
    assert [entry.id for entry in matching(desk.store, named)] == [entries[1], entries[0]]


def test_a_filter_finds_by_rule_source_and_age(desk, entries, clock):
    def found(**parts):
        return [entries.index(entry_id) for entry_id in snapshot(desk.store, Selection(where=Filter(**parts)))]

    assert found() == [0, 1, 2, 3, 4]
    assert found(rule="query.text.present") == [0, 2, 4]
    assert found(rule="query.text.present", source="faq") == [0, 4]
    assert found(before=clock.now - 2) == [0, 1]
    assert found(since=clock.now - 1, rule="query.text.calm") == [3]
    assert found(group=desk.entry(entries[0]).fingerprint) == [0, 4]


@pytest.mark.parametrize(("text", "found"), [("VISIBLE character", [0, 2, 4]), ("match", [1, 3]), ("hello", [])])
def test_a_text_is_looked_for_in_the_reasons_in_any_case(desk, entries, text, found):
    chosen = Selection(text=text)
    assert [entries.index(entry_id) for entry_id in snapshot(desk.store, chosen)] == found
    assert [entries.index(entry.id) for entry in matching(desk.store, chosen)] == found


def test_a_snapshot_has_the_chosen_states_alone(desk, review, entries):
    review.claim(entries[:2], token="mine")
    review.discard(entries[:1], "mine")
    assert snapshot(desk.store, Selection(), ("pending",)) == entries[2:]
    assert snapshot(desk.store, Selection(), ("pending", "leased")) == [*entries[2:], entries[1]]


def test_pages_with_a_text_follow_one_another_without_gap_or_overlap(desk, entries):
    chosen, found, after = Selection(text="visible"), [], None
    while True:
        page, after = page_of(desk.store, chosen, 2, after)
        found += [entry.id for entry in page]
        assert len(page) <= 2
        if after is None:
            break
    assert found == [entries[0], entries[2], entries[4]]


def test_more_entries_than_a_page_of_ids_has_are_all_found(desk):
    made = desk.put_many(BLANK, MAX_IDS + 1)
    assert set(snapshot(desk.store, Selection(where=Filter(rule="query.text.present")))) == set(made)


def test_what_mentions_nothing_mentions_everything(desk, entries):
    assert mentions(desk.entry(entries[0]), None)


# Deciding on many


def test_what_is_decided_is_claimed_first_and_what_is_not_is_given_back(desk, review, entries):
    outcomes = list(
        decide(
            review, entries, "mine",
            lambda batch: review.release(batch, "mine", waive=["query.text.calm"], reason="quoted"),
        )
    )  # fmt: skip
    assert [outcome.result for outcome in outcomes] == ["no_waiver_fits", "done"] * 2 + ["no_waiver_fits"]
    assert [desk.entry(entry_id).state for entry_id in entries] == ["pending", "released"] * 2 + ["pending"]
    assert desk.actions(entries[0]) == ["claim", "unclaim"]


def test_what_was_claimed_before_stays_claimed_when_it_is_not_decided(desk, review, entries):
    review.claim(entries[:1], token="mine")
    list(decide(review, entries[:2], "mine", lambda batch: []))
    assert [desk.entry(entry_id).state for entry_id in entries[:2]] == ["leased", "pending"]


def test_what_others_hold_is_left_to_them(desk, review, entries):
    desk.reviewer("bob").claim(entries[:2], token="theirs")
    outcomes = list(decide(review, entries, "mine", discarding(review)))
    assert [outcome.result for outcome in outcomes] == ["lease_lost"] * 2 + ["done"] * 3
    assert desk.entry(entries[0]).lease.owner == "bob"


def test_at_most_a_hundred_are_decided_at_once(desk, review):
    entry_ids, sizes = desk.put_many(BLANK, MAX_BATCH + 5), []

    def act(batch):
        sizes.append(len(batch))
        return review.discard(batch, "mine")

    assert done(decide(review, entry_ids, "mine", act)) == entry_ids
    assert sizes == [MAX_BATCH, 5]


def test_cut_short_it_gives_back_what_it_claimed_and_the_same_again_completes_it(desk, review):
    entry_ids = desk.put_many(BLANK, MAX_BATCH + 5)
    calls = []

    def act(batch):
        calls.append(batch)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return review.discard(batch, "mine")

    steps = decide(review, entry_ids, "mine", act)
    with pytest.raises(KeyboardInterrupt):
        list(steps)
    assert snapshot(desk.store, Selection(), ("leased",)) == []

    rest = snapshot(desk.store, Selection(), ("pending", "leased"))
    assert set(rest) == set(entry_ids[MAX_BATCH:])
    assert set(done(decide(review, rest, "mine", discarding(review)))) == set(rest)


def test_a_store_that_goes_away_is_not_hidden_by_giving_back(desk, review, entries):
    def act(batch):
        raise BackendUnavailableError("gone")

    review.unclaim = lambda *_: (_ for _ in ()).throw(BackendUnavailableError("still gone"))
    with pytest.raises(BackendUnavailableError, match=r"^gone$"):
        list(decide(review, entries, "mine", act))


# Foretelling


def test_a_forecast_says_what_would_be_done_and_changes_nothing(desk, review, entries, clock):
    review.claim(entries[:1], token="mine")
    desk.reviewer("bob").claim(entries[1:2], token="theirs")
    review.claim(entries[2:3], token="mine")
    review.discard(entries[2:3], "mine")
    before = list(map(desk.entry, entries))

    found = forecast([*before, None], "discard", token="mine", now=clock.now)

    assert found.would == 3
    assert found.refused == {"lease_lost": 1, "wrong_state": 1, "not_found": 1}
    assert found.by_state == {"pending": 2, "leased": 2, "discarded": 1}
    assert found.held == {"bob": 1}
    assert list(map(desk.entry, entries)) == before


@pytest.mark.parametrize("waive", [(), ("query.text.calm",), ("query.text.present", "query.text.calm")])
@pytest.mark.parametrize("action", ["claim", "release", "discard", "purge"])
def test_a_forecast_comes_true(desk, review, entries, clock, action, waive):
    review.claim(entries[:2], token="mine")
    review.discard(entries[1:2], "mine")
    desk.reviewer("bob").claim(entries[2:3], token="theirs")
    waive = waive if action == "release" else ()
    found = forecast(map(desk.entry, entries), action, token="mine", now=clock.now, waive=waive)

    match action:
        case "claim":
            outcomes = review.claim(entries, token="mine")[1]
        case "purge":
            outcomes = review.purge(entries, 100)
        case "discard":
            outcomes = list(decide(review, entries, "mine", discarding(review)))
        case "release":
            act = lambda batch: review.release(batch, "mine", waive=waive, reason="x")  # noqa: E731
            outcomes = list(decide(review, entries, "mine", act))

    assert len(done(outcomes)) == found.would
    assert found.would + sum(found.refused.values()) == len(entries)


def test_a_lease_of_ours_that_ran_out_is_none(desk, review, entries, clock):
    review.claim(entries[:1], token="mine")
    found = forecast([desk.entry(entries[0])], "discard", token="mine", now=clock.now + LEASE)
    assert found.refused == {"lease_lost": 1}


def test_a_forecast_counts_the_entries_that_each_waiver_fits(desk, entries, clock):
    rules = ("query.text.calm", "query.text.long")
    found = forecast(map(desk.entry, entries), "release", token="", now=clock.now, waive=rules)
    assert found.fits == {"query.text.calm": 2, "query.text.long": 3}
    assert {rule.id for rule in PACK.rules} > set(rules)
