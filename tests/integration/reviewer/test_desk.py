"""What a reviewer decides waits to be sent, holds its entries meanwhile, and can be taken back."""

from __future__ import annotations

import json

import pytest

from dq_gate.cli.reviewer.desk import Desk, Ruling
from dq_gate.errors import ReviewError, UnreadableEntryError
from dq_gate.quarantine.entry import Filter
from tests.integration.damaging import damage

RELEASE = Ruling("release")
DISCARD = Ruling("discard")
WAIVER = Ruling("release", ("query.text.deny",), "a name")


def states(store, ids):
    return [store.get(entry_id).state for entry_id in ids]


def test_a_decision_claims_its_entries_and_changes_nothing_else_until_it_is_sent(desk, store, ids):
    tally = desk.decide(ids[:2], DISCARD)
    assert (tally.done, desk.unsent) == (2, 2)
    assert states(store, ids[:3]) == ["leased", "leased", "pending"]
    assert [tally.done for tally in desk.send()] == [2]
    assert states(store, ids[:3]) == ["discarded", "discarded", "pending"]
    assert (desk.unsent, desk.sent.done) == (0, 2)


def test_only_the_last_decision_is_taken_back_and_its_entries_stay_claimed(desk, store, ids):
    desk.decide(ids[:1], DISCARD)
    desk.decide(ids[1:2], RELEASE)
    assert desk.undo().entry_ids == (ids[1],)
    assert desk.ruling_on(ids[1]) is None
    assert desk.ruling_on(ids[0]) == DISCARD
    list(desk.send())
    assert states(store, ids[:2]) == ["discarded", "leased"]


def test_with_nothing_unsent_there_is_nothing_to_take_back(desk, ids):
    desk.decide(ids[:1], DISCARD)
    list(desk.send())
    assert desk.undo() is None


def test_dropped_decisions_give_their_entries_back(desk, store, ids):
    desk.decide(ids[:1], DISCARD)
    desk.decide(ids[1:2], RELEASE)
    desk.drop()
    assert desk.unsent == 0
    assert states(store, ids[:2]) == ["pending", "pending"]


def test_an_entry_is_decided_about_once(desk, ids):
    desk.decide(ids[:1], DISCARD)
    assert desk.decide(ids[:1], RELEASE).done == 0
    assert desk.ruling_on(ids[0]) == DISCARD


def test_what_someone_else_holds_is_left_out_and_counted(desk, other, ids):
    other.claim(ids[:1])
    tally = desk.decide(ids[:2], DISCARD)
    assert tally.done == 1
    assert tally.refused == {"lease_lost": 1}
    assert desk.unsent == 1


def test_what_was_claimed_before_can_be_decided_about(desk, store, ids):
    desk.claim(ids[:1])
    assert desk.decide(ids[:1], DISCARD).done == 1
    assert desk.unclaim(ids[1:2]).refused == {"wrong_state": 1}


def test_a_decision_whose_lease_was_lost_is_refused_and_counted(desk, store, ids):
    desk.decide(ids[:1], DISCARD)
    store.lapse(store.get(ids[0]).lease.until)
    (tally,) = desk.send()
    assert (tally.done, desk.sent.done, sum(desk.sent.refused.values())) == (0, 0, 1)


def test_a_waiver_goes_into_the_entry_with_its_reason(desk, store, ids):
    desk.decide(ids[:1], WAIVER)
    list(desk.send())
    entry = store.get(ids[0])
    assert entry.state == "released"
    assert [(waiver.rule_id, waiver.who, waiver.reason) for waiver in entry.waivers] == [
        ("query.text.deny", "ada", "a name")
    ]


def test_a_waiver_without_a_reason_is_refused_before_anything_is_claimed(desk, store, ids):
    with pytest.raises(ReviewError):
        desk.decide(ids[:1], Ruling("release", ("query.text.deny",)))
    assert states(store, ids[:1]) == ["pending"]


def test_renewing_holds_what_is_decided(desk, store, ids):
    desk.decide(ids[:1], DISCARD)
    before = store.get(ids[0]).lease.until
    desk.renew()
    assert store.get(ids[0]).lease.until > before


def test_looking_is_recorded_once_for_each_entry(desk, store, ids):
    assert not desk.is_revealed(ids[0])
    desk.reveal(ids[0])
    desk.reveal(ids[0])
    assert desk.is_revealed(ids[0])
    assert [item.action for item in store.get(ids[0]).history] == ["reveal"]


def test_an_edit_that_passes_replaces_the_value_and_one_that_fails_does_not(desk, store, ids):
    entry = store.get(ids[0])
    refused = desk.edit(entry, json.dumps({"query": "still forbidden"}))
    assert refused.result == "refused"
    assert desk.value(store.get(ids[0])) == {"query": "a forbidden word"}
    assert desk.edit(store.get(ids[0]), json.dumps({"query": "a fine word"})).result == "done"
    assert desk.value(store.get(ids[0])) == {"query": "a fine word"}


def test_an_entry_of_another_pack_is_not_edited_here(desk, gate, store, ids, tmp_path):
    import dataclasses

    stranger = dataclasses.replace(store.get(ids[0]), pack="other")
    with pytest.raises(ReviewError, match="--pack other"):
        desk.edit(stranger, "{}")


def test_groups_and_entries_are_those_that_wait_for_a_decision(desk, store, ids):
    groups = desk.groups()
    assert sorted(group.open for group in groups) == [2, 3]
    largest = groups[0].fingerprint
    assert sorted(entry.id for entry in desk.entries(largest)[0]) == sorted(ids[:3])
    desk.decide(ids[:1], DISCARD)
    list(desk.send())
    assert sorted(desk.every_id(largest)) == sorted(ids[1:3])


def test_a_desk_for_one_rule_shows_its_groups_alone(desk, gate, ids):
    narrow = Desk(desk.review, "token", gate, Filter(rule="query.text.present"))
    assert [group.rules for group in narrow.groups()] == [("query.text.present",)]


def test_a_damaged_entry_is_left_out_of_the_list_and_kept_in_mind(desk, store, ids):
    damage(store, ids[1])
    fingerprint = store.get(ids[0]).fingerprint
    assert [entry.id for entry in desk.entries(fingerprint)[0]] == [ids[0], ids[2]]
    assert desk.left_out == {ids[1]}


def test_a_decision_that_meets_damage_stays_unsent_and_keeps_back_no_later_one(desk, store, ids, monkeypatch):
    desk.decide(ids[:1], DISCARD)
    desk.decide(ids[1:2], DISCARD)
    discard = desk.review.discard

    def damaged(entry_ids, token, **options):
        if ids[0] in entry_ids:
            raise UnreadableEntryError("damaged")
        return discard(entry_ids, token, **options)

    with monkeypatch.context() as patched:
        patched.setattr(desk.review, "discard", damaged)
        with pytest.raises(UnreadableEntryError):
            list(desk.send())
    assert (states(store, ids[:2]), desk.unsent) == (["leased", "discarded"], 1)
    assert [tally.done for tally in desk.send()] == [1]
