"""An entry that cannot be read keeps back no other, is told by its id, and can be discarded by it."""

from __future__ import annotations

import pytest

from dq_gate import events
from dq_gate.errors import BackendUnavailableError, UnreadableEntryError
from dq_gate.quarantine.entry import Filter
from dq_gate.review.selection import Selection, considered, matching, page_of, snapshot
from dq_gate.review.service import Outcome, done
from tests.integration.damaging import damage
from tests.integration.review.desk import LOUD


@pytest.fixture
def entries(desk):
    """Ids of three entries in the order of lists, the second of them damaged."""
    ids = desk.put_many(LOUD, 3)
    damage(desk.store, ids[1])
    return ids


def test_the_error_names_the_entry_and_the_way_out_and_quotes_nothing(desk, entries):
    with pytest.raises(UnreadableEntryError, match=f"entry {entries[1]}: .* damaged .*; discard or purge it") as caught:
        desk.store.get(entries[1])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("is_named", [False, True])
def test_what_reads_entries_goes_on_without_it_and_tells_it(desk, entries, is_named):
    chosen = Selection(ids=tuple(entries)) if is_named else Selection()
    told = []

    assert [entry.id for entry in matching(desk.store, chosen, told.append)] == [entries[0], entries[2]]
    assert [entry.id for entry in considered(desk.store, chosen, leave_out=told.append)] == [entries[0], entries[2]]
    assert told == [entries[1]] * 2


def test_pages_go_on_without_it(desk, entries):
    told, found, after = [], [], None
    while True:
        page, after = page_of(desk.store, Selection(where=Filter(state="pending")), 1, after, told.append)
        found += [entry.id for entry in page]
        if after is None:
            break
    assert (found, told) == ([entries[0], entries[2]], [entries[1]])


def test_a_snapshot_by_text_goes_on_without_it(desk, entries):
    told = []
    text = desk.entry(entries[0]).violations[0].message
    assert snapshot(desk.store, Selection(text=text), leave_out=told.append) == [entries[0], entries[2]]
    assert told == [entries[1]]


def test_nobody_to_tell_means_an_error(desk, entries):
    with pytest.raises(UnreadableEntryError, match=entries[1]):
        list(matching(desk.store, Selection()))


def test_it_is_discarded_and_purged_by_its_id(desk, review, entries):
    review.claim(entries, token="mine")
    assert done(review.discard(entries, "mine")) == entries
    assert done(review.purge(entries, 60.0)) == entries


def test_a_waiver_passes_it_over_and_releases_the_others(desk, review, entries):
    review.claim(entries, token="mine")

    outcomes = review.release(entries, "mine", waive=["query.text.calm"], reason="a greeting")

    assert [outcome.result for outcome in outcomes] == ["done", "damaged", "done"]
    assert outcomes[1] == Outcome(entries[1], "damaged")
    assert desk.told.of(events.EntryReleased)[0].entry_ids == (entries[0], entries[2])


@pytest.mark.parametrize("waive", [(), ("query.text.calm",)])
def test_what_was_released_before_the_store_failed_is_told(desk, review, monkeypatch, waive):
    ids = desk.put_many(LOUD, 101)
    review.claim(ids, token="mine")
    act, calls = desk.store.act, []

    def failing(entry_ids, what):
        if ids[-1] in entry_ids:
            raise BackendUnavailableError("the store is gone")
        calls.extend(entry_ids)
        return act(entry_ids, what)

    monkeypatch.setattr(desk.store, "act", failing)
    with pytest.raises(BackendUnavailableError):
        review.release(ids, "mine", waive=waive, reason="a greeting")

    (told,) = desk.told.of(events.EntryReleased)
    assert (told.entry_ids, told.waived) == (tuple(ids[:-1]), waive)
