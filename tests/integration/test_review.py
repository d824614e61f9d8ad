"""A reviewer at work on a real store: claim, release, discard, redrive, and what is told of it."""

from __future__ import annotations

from contextlib import closing
from functools import partial

import pytest

from dq_gate import events
from dq_gate.core.decide import decide
from dq_gate.errors import ReviewError
from dq_gate.quarantine.build import build_entry
from dq_gate.quarantine.entry import MAX_BATCH, Filter
from dq_gate.quarantine.sqlite import SqliteStore
from dq_gate.review.service import MAX_NAMED, Outcome, Review
from tests.fakes import Reports
from tests.packs import make_pack

LEASE = 60.0
BLANK = {"query": " "}
DECOMPOSED = {"query": "cafe\u0301!!"}
PACK = make_pack(
    {"query": {"type": "str"}},
    [
        {"id": "query.text.present", "field": "query", "check": "not_blank"},
        {"id": "query.text.long", "field": "query", "check": "length", "min": 2},
        {"id": "query.text.normal", "field": "query", "check": "normalized", "repair": "nfc"},
        {"id": "query.text.calm", "field": "query", "check": "not_matches", "patterns": ["!!"]},
    ],
)
judge = partial(decide, PACK.plan)
lax_judge = partial(decide, make_pack({"query": {"type": "str"}}).plan)


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


class Handler:
    """Takes records, unless told to fail."""

    def __init__(self):
        self.taken = []
        self.error = None

    def __call__(self, record):
        if self.error is not None:
            raise self.error
        self.taken.append(record)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told():
    return Reports()


@pytest.fixture
def handler():
    return Handler()


@pytest.fixture
def store(tmp_path):
    with closing(SqliteStore(tmp_path / "quarantine.db", "test")) as store:
        yield store


@pytest.fixture
def review(store, clock, told):
    return Review(store, who="reviewer", emit=told, lease_seconds=LEASE, clock=clock)


@pytest.fixture
def put(store, clock):
    """Quarantines a record and gives its entry's id."""

    def put(record, key=None):
        decision = judge(record)
        entry = build_entry(
            record, decision.violations, pack=PACK.id, namespace="test", source="faq", now=clock(), key=key
        )
        store.put([entry])
        return entry.id

    return put


def released(review, entry_id, **waiver):
    """The entry, claimed and released."""
    lease, _ = review.claim([entry_id])
    (outcome,) = review.release([entry_id], lease.token, **waiver)
    assert outcome.result == "done"


def redrive(review, handler, *entry_ids, judge=judge, max_attempts=3):
    return [outcome.result for outcome in review.redrive(entry_ids, judge, handler, max_attempts=max_attempts)]


def actions(store, entry_id):
    return [item.action for item in store.get(entry_id).history]


def names(told):
    return [event.name.removeprefix("dq_gate.entry.") for event in told.events]


# Claim


def test_a_claim_leases_and_is_told(review, store, put, told, clock):
    entry_id = put(BLANK)
    lease, outcomes = review.claim([entry_id])
    assert outcomes == [Outcome(entry_id, "done")]
    assert (lease.owner, lease.until) == ("reviewer", clock.now + LEASE)
    assert store.get(entry_id).lease == lease
    assert told.events == [events.EntryLeased((entry_id,), "reviewer")]


def test_every_claim_has_a_secret_of_its_own_unless_one_is_given(review, put):
    first, _ = review.claim([put(BLANK)])
    second, _ = review.claim([put(BLANK)])
    third, _ = review.claim([put(BLANK)], token="mine")
    assert len(first.token) == 32
    assert first.token != second.token
    assert third.token == "mine"


def test_what_is_leased_is_not_claimed_again_and_nothing_is_told(review, put, told):
    entry_id = put(BLANK)
    review.claim([entry_id])
    told.events.clear()
    _, outcomes = review.claim([entry_id, "missing"])
    assert [outcome.result for outcome in outcomes] == ["wrong_state", "not_found"]
    assert told.events == []


def test_many_entries_are_claimed_in_batches_and_told_in_batches(review, put, told):
    entry_ids = [put(BLANK) for _ in range(2 * MAX_BATCH + 1)]
    _, outcomes = review.claim(entry_ids)
    assert [outcome.entry_id for outcome in outcomes] == entry_ids
    assert {outcome.result for outcome in outcomes} == {"done"}
    assert [len(event.entry_ids) for event in told.events] == [MAX_BATCH, MAX_BATCH, 1]


# Release and discard


def test_release_and_discard_need_the_claims_token(review, store, put):
    entry_id = put(BLANK)
    lease, _ = review.claim([entry_id])
    assert review.release([entry_id], "wrong") == [Outcome(entry_id, "lease_lost")]
    assert review.discard([entry_id], "wrong") == [Outcome(entry_id, "lease_lost")]
    assert review.release([entry_id], lease.token) == [Outcome(entry_id, "done")]
    assert store.get(entry_id).state == "released"


def test_a_lease_that_ran_out_is_lost(review, clock, put):
    entry_id = put(BLANK)
    lease, _ = review.claim([entry_id])
    clock.now += LEASE + 1
    assert review.discard([entry_id], lease.token) == [Outcome(entry_id, "lease_lost")]


def test_what_is_discarded_was_rightly_refused(review, store, put, told):
    entry_id = put(BLANK)
    lease, _ = review.claim([entry_id])
    review.discard([entry_id], lease.token, reason="spam")
    entry = store.get(entry_id)
    assert (entry.state, entry.verdict) == ("discarded", "invalid")
    assert (entry.history[-1].who, entry.history[-1].why) == ("reviewer", "spam")
    assert names(told) == ["leased", "discarded"]


def test_a_waiver_says_that_the_input_was_valid(review, store, put, told):
    entry_id = put({"query": "hello!!"})
    released(review, entry_id, waive=["query.text.calm"], reason="a quotation")
    entry = store.get(entry_id)
    (waiver,) = entry.waivers
    assert entry.verdict == "valid"
    assert (waiver.rule_id, waiver.payload_digest) == ("query.text.calm", entry.payload_digest)
    assert (waiver.who, waiver.reason) == ("reviewer", "a quotation")
    assert told.events[-1] == events.EntryReleased((entry_id,), "reviewer", ("query.text.calm",))


def test_a_waiver_without_a_reason_is_refused_and_changes_nothing(review, store, put):
    entry_id = put(BLANK)
    lease, _ = review.claim([entry_id])
    with pytest.raises(ReviewError, match="needs a reason"):
        review.release([entry_id], lease.token, waive=["query.text.present"])
    assert store.get(entry_id).state == "leased"


def test_a_release_without_a_waiver_gives_no_verdict(review, store, put):
    entry_id = put(BLANK)
    released(review, entry_id)
    assert (store.get(entry_id).verdict, store.get(entry_id).waivers) == (None, ())


def test_an_event_names_so_many_waived_rules_and_no_more(review, put, told):
    entry_id = put(BLANK)
    released(review, entry_id, waive=[f"query.rule.n{number}" for number in range(50)], reason="all of them")
    assert len(told.events[-1].waived) == MAX_NAMED


# Redrive


def test_what_passes_now_goes_to_the_handler_and_is_done(review, store, put, handler, told):
    entry_id = put(BLANK)
    released(review, entry_id)
    assert redrive(review, handler, entry_id, judge=lax_judge) == ["done"]
    assert handler.taken == [BLANK]
    assert store.get(entry_id).state == "redriven"
    assert actions(store, entry_id) == ["claim", "release", "begin-redrive", "redrive"]
    assert names(told) == ["leased", "released", "redriven"]


def test_exactly_the_waived_rules_are_skipped(review, put, handler):
    entry_id = put({"query": " "})
    released(review, entry_id, waive=["query.text.present"], reason="meant so")
    assert redrive(review, handler, entry_id) == ["failed_again"]
    released(review, entry_id, waive=["query.text.long"], reason="meant so too")
    assert redrive(review, handler, entry_id) == ["done"]
    assert handler.taken == [{"query": " "}]


def test_the_handler_gets_the_repaired_record(review, put, handler):
    entry_id = put(DECOMPOSED)
    released(review, entry_id, waive=["query.text.calm"], reason="a quotation")
    redrive(review, handler, entry_id)
    assert handler.taken == [{"query": "caf\u00e9!!"}]


def test_what_fails_again_is_pending_with_one_attempt_more(review, store, put, handler, told):
    entry_id = put(BLANK)
    released(review, entry_id)
    assert redrive(review, handler, entry_id) == ["failed_again"]
    entry = store.get(entry_id)
    assert (entry.state, entry.attempts, entry.lease) == ("pending", 1, None)
    assert entry.history[-1].why == "failed again: query.text.present, query.text.long"
    assert told.events[-1] == events.EntryReturned((entry_id,), "reviewer", ("query.text.present", "query.text.long"))
    assert handler.taken == []


def test_a_handler_that_fails_sends_the_entry_back_without_its_message(review, store, put, handler, told):
    entry_id = put({"query": "hello!!"})
    released(review, entry_id, waive=["query.text.calm"], reason="a quotation")
    handler.error = ConnectionError("some content")
    assert redrive(review, handler, entry_id) == ["handler_failed"]
    assert store.get(entry_id).history[-1].why == "handler raised ConnectionError"
    assert told.events[-1] == events.EntryReturned((entry_id,), "reviewer", (), "ConnectionError")


def test_an_entry_dies_with_its_last_attempt_and_is_not_redriven_again(review, store, put, handler, told):
    entry_id = put(BLANK)
    for _ in range(2):
        released(review, entry_id)
        redrive(review, handler, entry_id, max_attempts=2)
    assert (store.get(entry_id).state, store.get(entry_id).attempts) == ("dead", 2)
    assert names(told)[-2:] == ["returned", "died"]
    assert redrive(review, handler, entry_id) == ["wrong_state"]


def test_a_redrive_that_was_cut_short_can_be_done_again_at_once(review, store, put, handler):
    entry_id = put({"query": "hello!!"})
    released(review, entry_id, waive=["query.text.calm"], reason="a quotation")
    handler.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        redrive(review, handler, entry_id)
    handler.error = None
    assert store.get(entry_id).attempts == 0
    assert redrive(review, handler, entry_id) == ["done"]


def test_a_handler_that_outlives_its_lease_decides_nothing(review, store, put, told, clock):
    entry_id = put({"query": "hello!!"})
    released(review, entry_id, waive=["query.text.calm"], reason="a quotation")
    told.events.clear()

    def slow(_record):
        clock.now += LEASE + 1
        raise ConnectionError

    assert redrive(review, slow, entry_id) == ["lease_lost"]
    assert (store.get(entry_id).state, store.get(entry_id).attempts) == ("released", 0)
    assert told.events == []


def test_an_entry_whose_payload_is_not_whole_is_not_redriven(review, store, put, handler):
    entry_id = put({"query": " ", "more": "x" * 300_000})
    released(review, entry_id)
    assert redrive(review, handler, entry_id, "missing") == ["not_replayable", "not_found"]
    assert store.get(entry_id).state == "released"


def test_a_damaged_payload_is_not_redriven_and_leaves_no_lease(review, store, clock):
    damaged = build_entry(BLANK, judge(BLANK).violations, pack=PACK.id, namespace="test", source="faq", now=clock())
    object.__setattr__(damaged, "payload", damaged.payload.replace(b" ", b"!"))
    store.put([damaged])
    released(review, damaged.id)
    assert redrive(review, Handler(), damaged.id) == ["not_replayable"]
    assert store.get(damaged.id).lease is None


def test_entries_are_redriven_one_by_one_as_they_are_asked_for(review, store, put, handler):
    entry_ids = [put({"query": "hello!!"}) for _ in range(3)]
    for entry_id in entry_ids:
        released(review, entry_id, waive=["query.text.calm"], reason="a quotation")
    outcomes = review.redrive(entry_ids, judge, handler, max_attempts=3)
    assert next(outcomes).entry_id == entry_ids[0]
    assert [store.get(entry_id).state for entry_id in entry_ids] == ["redriven", "released", "released"]


# Tidying, finding, revealing


def test_leases_that_ran_out_lapse_and_are_told(review, store, put, told, clock):
    entry_ids = [put(BLANK) for _ in range(MAX_BATCH + 1)]
    review.claim(entry_ids)
    told.events.clear()
    clock.now += LEASE + 1
    review.tidy(retention_s=1e9)
    assert {store.get(entry_id).state for entry_id in entry_ids} == {"pending"}
    assert names(told) == ["lease_expired", "lease_expired"]
    assert sum(len(event.entry_ids) for event in told.events) == MAX_BATCH + 1


def test_open_entries_past_the_retention_expire_and_decided_ones_stay(review, store, put, told, clock):
    kept, pending, leased = put(BLANK), put(BLANK), put(BLANK)
    lease, _ = review.claim([kept])
    review.discard([kept], lease.token)
    clock.now += 100
    young = put(BLANK)
    review.claim([leased])
    told.events.clear()
    review.tidy(retention_s=99)
    assert [store.get(entry_id).state for entry_id in (kept, pending, leased, young)] == [
        "discarded", "expired", "expired", "pending",
    ]  # fmt: skip
    assert store.get(pending).history[-1].why == "retention"
    (event,) = told.events
    assert set(event.entry_ids) == {pending, leased}


def test_every_matching_entry_is_found_oldest_first(review, put, clock):
    entry_ids = []
    for _ in range(2 * MAX_BATCH + 5):
        clock.now += 1
        entry_ids.append(put(BLANK))
    put({"query": "hello!!"})
    assert review.matching(Filter(rule="query.text.present")) == entry_ids
    assert review.matching(Filter(state="dead")) == []


def test_who_looked_at_payloads_is_told(review, told):
    review.reveal([f"{number:024}" for number in range(MAX_BATCH + 1)])
    assert [len(event.entry_ids) for event in told.events] == [MAX_BATCH, 1]
    assert {(event.name, event.who) for event in told.events} == {("dq_gate.entry.revealed", "reviewer")}
