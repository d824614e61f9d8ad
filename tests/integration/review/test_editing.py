"""Editing: what passes the gate takes the place of what was refused, and nothing of it shows outside the payload."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from dq_gate import events
from dq_gate.errors import ReviewError, SealedPayloadError
from dq_gate.quarantine.entry import Filter, Waiver
from dq_gate.quarantine.payload import erased_entry, read
from dq_gate.quarantine.vault import Vault, subject_digest
from dq_gate.review.editing import Change, differences, edit, editable, examine
from dq_gate.settings import SealingKey
from tests.integration.review.desk import BLANK, LOUD, RULES, judge

MENDED = {"query": "hello"}
KEY = SealingKey("k1", base64.b64decode("a" * 43 + "="))


@pytest.fixture
def leased(desk, review):
    """Quarantines a record under the lease `mine`, and gives its entry."""

    def leased(record=LOUD):
        entry_id = desk.put(record)
        review.claim([entry_id], token="mine")
        return desk.entry(entry_id)

    return leased


def mend(review, entry, value=MENDED, **options):
    return edit(review, entry, "mine", value, judge, rules=RULES, **options)


def test_a_value_that_passes_takes_the_place_of_the_old_one(desk, review, leased):
    entry = leased()
    done = mend(review, entry, reason="too loud")
    assert (done.result, done.violations) == ("done", ())
    assert done.changes == (Change("query", '"hello!!"', '"hello"'),)
    after = desk.entry(entry.id)
    document = read(review.content(after).document)
    assert (document.value, document.original) == (MENDED, LOUD)
    assert [edit.who for edit in document.edits] == ["ann"]
    assert (after.state, after.verdict, after.revision) == ("leased", "invalid", 1)
    assert after.lease == entry.lease


def test_history_and_events_tell_of_the_edit_and_not_what_it_changed(desk, review, leased):
    entry = leased()
    mend(review, entry, reason="too loud")
    item = desk.entry(entry.id).history[-1]
    assert (item.who, item.action, item.why) == ("ann", "edit", "too loud")
    assert desk.told.events[-1] == events.EntryEdited((entry.id,), "ann")


def test_a_value_that_still_fails_is_refused_with_its_violations(desk, review, leased):
    entry = leased()
    done = mend(review, entry, {"query": "hullo!!"})
    assert done.result == "refused"
    assert [violation.rule_id for violation in done.violations] == ["query.text.calm"]
    assert desk.entry(entry.id) == entry
    assert "edited" not in desk.names()


def test_what_still_fails_is_kept_when_its_rules_are_waived_in_the_same_edit(desk, review, leased):
    entry = leased({"query": "hello!!", "top_k": 500})
    done = mend(review, entry, LOUD, waive=["query.text.calm"], reason="a quotation")
    after = desk.entry(entry.id)
    assert done.result == "done"
    assert after.waivers == (Waiver("query.text.calm", after.payload_digest, "ann", "a quotation"),)
    assert desk.told.events[-1].waived == ("query.text.calm",)


def test_a_waiver_in_an_edit_needs_a_reason(review, leased):
    with pytest.raises(ReviewError, match="needs a reason"):
        mend(review, leased(), waive=["query.text.calm"])


def test_rules_waived_before_stay_waived_for_the_new_value(desk, review, leased):
    entry = leased()
    mend(review, entry, {"query": "hullo!!"}, waive=["query.text.calm"], reason="a quotation")
    done = mend(review, desk.entry(entry.id), {"query": "hallo!!"})
    after = desk.entry(entry.id)
    assert done.result == "done"
    assert after.waivers[-1] == Waiver("query.text.calm", after.payload_digest, "ann", "a quotation")


def test_an_edited_entry_was_rightly_refused_even_when_a_rule_is_waived_later(desk, review, leased):
    entry = leased()
    mend(review, entry)
    review.release([entry.id], "mine", waive=["query.text.calm"], reason="to be sure")
    assert desk.entry(entry.id).verdict == "invalid"


def test_the_same_value_is_no_edit(desk, review, leased):
    entry = leased()
    assert mend(review, entry, dict(LOUD)).result == "unchanged"
    assert desk.entry(entry.id) == entry


def test_an_edit_of_what_was_edited_meanwhile_is_refused(desk, review, leased):
    entry = leased()
    mend(review, entry)
    assert mend(review, entry, {"query": "hi there"}).result == "changed"
    assert review.content(desk.entry(entry.id)).value == MENDED


def test_only_the_holder_of_the_lease_edits(desk, review, leased):
    entry = leased()
    assert edit(desk.reviewer("bob"), entry, "theirs", MENDED, judge).result == "lease_lost"
    review.unclaim([entry.id], "mine")
    assert mend(review, entry).result == "wrong_state"
    assert mend(review, replace(entry, id="missing", payload=entry.payload)).result == "not_found"


def test_examining_says_what_an_edit_would_come_to_and_changes_nothing(desk, review, leased):
    entry = leased()
    assert examine(review, entry, MENDED, judge).result == "done"
    assert examine(review, entry, BLANK, judge).result == "refused"
    assert desk.entry(entry.id) == entry


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"query": "!!" * 200_000}, "not kept whole"),
        ({"query": "!!", "password": "secret"}, "not kept whole"),
        ({"query": "!!", "top_k": object()}, "not kept whole"),
    ],
)
def test_what_was_not_kept_whole_is_not_edited(review, leased, record, message):
    with pytest.raises(ReviewError, match=message):
        mend(review, leased(record))


def test_what_was_erased_is_not_edited(desk, review, leased):
    with pytest.raises(ReviewError, match="was erased"):
        editable(review, erased_entry(leased(), desk.vault))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"query": "x" * 300_000}, "too large"),
        ({"query": "hello", "password": "secret"}, "'password' stored as it is"),
        ({"query": "hello", "note": "aws key AKIAIOSFODNN7EXAMPLQ"}, "without a sealing key"),
    ],
)
def test_a_value_that_would_not_have_been_kept_is_refused(review, leased, value, message):
    with pytest.raises(ReviewError, match=message):
        mend(review, leased(), value, waive=["note.secrets.absent"], reason="a test")


def test_an_edit_of_a_sealed_payload_stays_sealed_with_its_original(desk, leased):
    desk.vault = Vault([KEY])
    review = desk.reviewer()
    entry = leased()
    assert mend(review, entry).result == "done"
    after = desk.entry(entry.id)
    assert b"hello" not in after.payload
    assert read(review.content(after).document).original == LOUD
    with pytest.raises(SealedPayloadError):
        Vault().open(after.id, after.payload)


def test_an_edited_entry_is_found_by_whoever_it_is_about_before_and_after(desk, review, leased):
    entry = leased(LOUD | {"customer": "c-1"})
    mend(review, entry, MENDED | {"customer": "c-2"})
    for customer in ("c-1", "c-2"):
        digest = subject_digest(desk.namespace, customer)
        assert desk.store.ids(Filter(subject=digest)).ids == (entry.id,)


@pytest.mark.parametrize(
    ("before", "after", "paths"),
    [
        ({"a": 1}, {"a": 1.0}, ["a"]),
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, ["a", "b", "c"]),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ["a.b[1]"]),
        ([1], [1, 2], [""]),
        ({"a": {"$date": "2024-05-01"}}, {"a": {"$date": "2024-05-02"}}, ["a"]),
        ("x", {"x": 1}, [""]),
        ({"a": [{}]}, {"a": [{}]}, []),
    ],
)
def test_differences_say_where(before, after, paths):
    assert [change.path for change in differences(before, after)] == paths


def test_a_difference_says_what_is_gone_and_what_is_new():
    assert list(differences({"a": "é"}, {"b": None})) == [Change("a", '"é"', None), Change("b", None, "null")]
