"""A reviewer at work on a real store: claim, renew, release, discard, look, tidy, and what is told of it."""

from __future__ import annotations

import pytest

from dq_gate import events
from dq_gate.core import lifecycle
from dq_gate.errors import ReviewError, UnreadableEntryError
from dq_gate.quarantine.entry import MAX_BATCH, Act
from dq_gate.review.service import MAX_NAMED, Ages, Outcome, done, refusing_rules
from tests.integration.review.desk import BLANK, LEASE, LOUD

FOR_EVER = Ages(open_s=1e9, finished_s=1e9, tombstone_s=1e9)


def released(review, entry_id, **waiver):
    """The entry, claimed and released."""
    lease, _ = review.claim([entry_id])
    assert review.release([entry_id], lease.token, **waiver) == [Outcome(entry_id, "done")]


# Holding


def test_a_claim_leases_and_is_told(desk, review, clock):
    entry_id = desk.put(BLANK)
    lease, outcomes = review.claim([entry_id])
    assert outcomes == [Outcome(entry_id, "done")]
    assert (lease.owner, lease.until) == ("ann", clock.now + LEASE)
    assert desk.entry(entry_id).lease == lease
    assert desk.told.events == [events.EntryLeased((entry_id,), "ann")]


def test_every_claim_has_a_secret_of_its_own_unless_one_is_given(desk, review):
    first, _ = review.claim([desk.put(BLANK)])
    second, _ = review.claim([desk.put(BLANK)])
    third, _ = review.claim([desk.put(BLANK)], token="mine")
    assert len(first.token) == 32
    assert first.token != second.token
    assert third.token == "mine"


def test_what_is_leased_is_not_claimed_again_and_nothing_is_told(desk, review):
    entry_id = desk.put(BLANK)
    review.claim([entry_id])
    desk.told.events.clear()
    _, outcomes = desk.reviewer("bob").claim([entry_id, "missing"])
    assert [outcome.result for outcome in outcomes] == ["wrong_state", "not_found"]
    assert desk.told.events == []


def test_many_entries_are_claimed_in_batches_and_told_in_batches(desk, review):
    entry_ids = desk.put_many(BLANK, 2 * MAX_BATCH + 1)
    _, outcomes = review.claim(entry_ids)
    assert [outcome.entry_id for outcome in outcomes] == entry_ids
    assert {outcome.result for outcome in outcomes} == {"done"}
    assert [len(event.entry_ids) for event in desk.told.events] == [MAX_BATCH, MAX_BATCH, 1]


def test_a_renewed_lease_runs_on_from_now(desk, review, clock):
    entry_id = desk.put(BLANK)
    lease, _ = review.claim([entry_id])
    clock.now += LEASE / 2
    renewed, outcomes = review.renew([entry_id], lease.token)
    assert done(outcomes) == [entry_id]
    assert desk.entry(entry_id).lease == renewed
    assert renewed.until == clock.now + LEASE
    assert desk.told.events[-1] == events.EntryRenewed((entry_id,), "ann")


def test_a_lease_that_ran_out_or_is_anothers_is_not_renewed(desk, review, clock):
    entry_id = desk.put(BLANK)
    lease, _ = review.claim([entry_id])
    assert review.renew([entry_id], "wrong")[1] == [Outcome(entry_id, "lease_lost")]
    clock.now += LEASE + 1
    assert review.renew([entry_id], lease.token)[1] == [Outcome(entry_id, "lease_lost")]


def test_what_is_given_back_is_pending_again_for_others(desk, review):
    entry_id = desk.put(BLANK)
    lease, _ = review.claim([entry_id])
    assert review.unclaim([entry_id], lease.token, reason="not mine") == [Outcome(entry_id, "done")]
    assert (desk.entry(entry_id).state, desk.entry(entry_id).lease) == ("pending", None)
    assert desk.entry(entry_id).history[-1].why == "not mine"
    assert desk.told.events[-1] == events.EntryUnclaimed((entry_id,), "ann")
    assert desk.reviewer("bob").claim([entry_id])[1] == [Outcome(entry_id, "done")]


def test_a_long_name_is_stored_by_its_first_64_bytes(desk):
    review = desk.reviewer("é" * 40)
    entry_id = desk.put(BLANK)
    review.claim([entry_id])
    assert review.who == "é" * 32
    assert desk.entry(entry_id).history[-1].who == "é" * 32
    assert desk.entry(entry_id).lease.owner == "é" * 32


def test_the_account_beside_the_name_is_the_stores_own(desk, review):
    entry_id = desk.put(BLANK)
    review.claim([entry_id])
    (item,) = desk.entry(entry_id).history
    assert item.who == "ann"
    assert item.account not in ("", "ann")


# Deciding


def test_release_and_discard_need_the_claims_token(desk, review):
    entry_id = desk.put(BLANK)
    lease, _ = review.claim([entry_id])
    assert review.release([entry_id], "wrong") == [Outcome(entry_id, "lease_lost")]
    assert review.discard([entry_id], "wrong") == [Outcome(entry_id, "lease_lost")]
    assert review.release([entry_id], lease.token) == [Outcome(entry_id, "done")]
    assert desk.entry(entry_id).state == "released"


def test_a_lease_that_ran_out_is_lost(desk, review, clock):
    entry_id = desk.put(BLANK)
    lease, _ = review.claim([entry_id])
    clock.now += LEASE + 1
    assert review.discard([entry_id], lease.token) == [Outcome(entry_id, "lease_lost")]


def test_what_is_discarded_was_rightly_refused(desk, review):
    entry_id = desk.put(BLANK)
    lease, _ = review.claim([entry_id])
    review.discard([entry_id], lease.token, reason="spam")
    entry = desk.entry(entry_id)
    assert (entry.state, entry.verdict) == ("discarded", "invalid")
    assert (entry.history[-1].who, entry.history[-1].why) == ("ann", "spam")
    assert desk.names() == ["leased", "discarded"]


def test_a_verdict_that_is_given_stands(desk, review):
    thrown, kept = desk.put(BLANK), desk.put(BLANK)
    lease, _ = review.claim([thrown, kept])
    review.discard([thrown], lease.token, verdict="valid")
    review.release([kept], lease.token, verdict="invalid")
    assert (desk.entry(thrown).verdict, desk.entry(kept).verdict) == ("valid", "invalid")


def test_a_waiver_says_that_the_input_was_valid(desk, review):
    entry_id = desk.put(LOUD)
    released(review, entry_id, waive=["query.text.calm"], reason="a quotation")
    entry = desk.entry(entry_id)
    (waiver,) = entry.waivers
    assert entry.verdict == "valid"
    assert (waiver.rule_id, waiver.payload_digest) == ("query.text.calm", entry.payload_digest)
    assert (waiver.who, waiver.reason) == ("ann", "a quotation")
    assert desk.told.events[-1] == events.EntryReleased((entry_id,), "ann", ("query.text.calm",))


def test_a_waiver_without_a_reason_is_refused_and_changes_nothing(desk, review):
    entry_id = desk.put(BLANK)
    lease, _ = review.claim([entry_id])
    with pytest.raises(ReviewError, match="needs a reason"):
        review.release([entry_id], lease.token, waive=["query.text.present"])
    assert desk.entry(entry_id).state == "leased"


def test_a_waiver_is_not_put_on_an_entry_that_its_rule_did_not_refuse(desk, review):
    loud, blank = desk.put(LOUD), desk.put(BLANK)
    lease, _ = review.claim([loud, blank])
    outcomes = review.release([loud, blank, "missing"], lease.token, waive=["query.text.calm"], reason="x")
    assert [outcome.result for outcome in outcomes] == ["done", "no_waiver_fits", "not_found"]
    assert (desk.entry(blank).state, desk.entry(blank).waivers, desk.entry(blank).verdict) == ("leased", (), None)


def test_a_rule_that_refused_an_entry_in_a_redrive_can_be_waived(desk, review):
    entry_id = desk.put(BLANK)
    released(review, entry_id)
    lease = review.claim([desk.put(BLANK)])[0]
    desk.store.act([entry_id], Act(lifecycle.BEGIN_REDRIVE, review.note(lifecycle.BEGIN_REDRIVE), lease=lease))
    back = review.note(lifecycle.RETURN, "failed again: query.new.rule, query.text.long")
    desk.store.act([entry_id], Act(lifecycle.RETURN, back, token=lease.token))
    assert refusing_rules(desk.entry(entry_id)) == {"query.text.present", "query.text.long", "query.new.rule"}
    released(review, entry_id, waive=["query.new.rule"], reason="it is wrong")


def test_a_release_without_a_waiver_gives_no_verdict(desk, review):
    entry_id = desk.put(BLANK)
    released(review, entry_id)
    assert (desk.entry(entry_id).verdict, desk.entry(entry_id).waivers) == (None, ())


def test_an_event_names_so_many_waived_rules_and_no_more(desk, review):
    entry_id = desk.put(BLANK)
    rules = ["query.text.present", *(f"query.rule.n{number}" for number in range(50))]
    released(review, entry_id, waive=rules, reason="all of them")
    assert len(desk.told.events[-1].waived) == MAX_NAMED


# Looking


def test_who_looks_at_payloads_is_in_the_history_and_told(desk, review):
    entry_ids = desk.put_many(BLANK, MAX_BATCH + 1)
    outcomes = review.reveal([*entry_ids, "missing"], reason="export")
    assert done(outcomes) == entry_ids
    assert desk.actions(entry_ids[0]) == ["reveal"]
    assert desk.entry(entry_ids[0]).history[0].why == "export"
    assert desk.entry(entry_ids[0]).state == "pending"
    assert [len(event.entry_ids) for event in desk.told.events] == [MAX_BATCH, 1]


def test_nothing_may_be_shown_when_the_event_cannot_be_written(desk, review):
    review._emit = lambda event: False
    with pytest.raises(ReviewError, match="nothing is revealed"):
        review.reveal([desk.put(BLANK)])


def test_what_an_entry_holds_is_its_value(desk, review):
    assert review.content(desk.entry(desk.put(LOUD))).value == LOUD


def test_a_payload_that_is_not_what_was_stored_is_not_read(desk, review):
    entry = desk.entry(desk.put(LOUD))
    object.__setattr__(entry, "payload", entry.payload.replace(b"hello", b"hullo"))
    with pytest.raises(UnreadableEntryError, match="not what was stored; discard the entry"):
        review.content(entry)


# Tidying


def test_leases_that_ran_out_lapse_and_are_told(desk, review, clock):
    entry_ids = desk.put_many(BLANK, MAX_BATCH + 1)
    review.claim(entry_ids)
    desk.told.events.clear()
    clock.now += LEASE + 1
    review.tidy(FOR_EVER)
    assert {desk.entry(entry_id).state for entry_id in entry_ids} == {"pending"}
    assert desk.names() == ["lease_expired", "lease_expired"]
    assert sum(len(event.entry_ids) for event in desk.told.events) == MAX_BATCH + 1


def test_open_entries_past_the_retention_expire_and_decided_ones_stay(desk, review, clock):
    kept, pending, leased = (desk.put(BLANK) for _ in range(3))
    lease, _ = review.claim([kept])
    review.discard([kept], lease.token)
    clock.now += 100
    young = desk.put(BLANK)
    review.claim([leased])
    desk.told.events.clear()
    review.tidy(Ages(open_s=99, finished_s=1e9, tombstone_s=1e9))
    assert [desk.entry(entry_id).state for entry_id in (kept, pending, leased, young)] == [
        "discarded", "expired", "expired", "pending",
    ]  # fmt: skip
    assert desk.entry(pending).history[-1].why == "retention"
    (event,) = desk.told.events
    assert set(event.entry_ids) == {pending, leased}


def test_a_finished_entry_stays_as_long_as_is_said_and_is_purged_then(desk, review, clock):
    discarded, expired = desk.put(BLANK), desk.put(BLANK)
    lease, _ = review.claim([discarded])
    review.discard([discarded], lease.token)
    ages = Ages(open_s=100, finished_s=50, tombstone_s=1e9)
    clock.now += 149
    review.tidy(ages)
    assert [desk.entry(entry_id).state for entry_id in (discarded, expired)] == ["discarded", "expired"]
    clock.now += 2
    desk.told.events.clear()
    review.tidy(ages)
    assert [desk.store.get(entry_id) for entry_id in (discarded, expired)] == [None, None]
    assert {entry_id for event in desk.told.events for entry_id in event.entry_ids} == {discarded, expired}
    assert set(desk.names()) == {"purged"}


def test_only_finished_entries_are_purged(desk, review):
    finished, open_ = desk.put(BLANK), desk.put(BLANK)
    lease, _ = review.claim([finished])
    review.discard([finished], lease.token)
    outcomes = review.purge([finished, open_, "missing"], tombstone_s=100)
    assert [outcome.result for outcome in outcomes] == ["done", "wrong_state", "not_found"]
    assert desk.store.get(finished) is None
    assert desk.told.events[-1] == events.EntryPurged((finished,), "ann")
