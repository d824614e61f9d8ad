"""`dq-gate quarantine claim`, `renew`, `unclaim`, `release`, `discard`: on many entries, foretold, and cut short."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from contextlib import closing

import pytest

from dq_gate.errors import BackendUnavailableError
from dq_gate.review.service import Review
from tests.integration.cli.command import WAIT, write_lines


def states(run):
    return Counter(row["state"] for row in run("quarantine", "list", "--state", "any", "--format", "jsonl").rows)


@pytest.fixture
def colleague(place, monkeypatch):
    """Switches to another user of the same quarantine, and back."""

    def switch(name):
        monkeypatch.setenv("DQ_GATE_QUARANTINE", f"sqlite:///{place / '.dq_gate' / 'quarantine.db'}")
        monkeypatch.setenv("DQ_GATE_STATE_DIR", str(place / f"of-{name}" if name else place / ".dq_gate"))
        monkeypatch.setenv("DQ_GATE_REVIEWER", name or "me")

    return switch


@pytest.fixture
def many(run, place):
    """Ids of 250 entries of one group."""
    write_lines(place / "many.jsonl", *[{"query": f"{n}\x01"} for n in range(250)])
    run("admit", "many.jsonl", "--out", "clean.jsonl")
    return [row["id"] for row in run("quarantine", "list", "--limit", "300", "--format", "jsonl").rows]


# Holding


def test_all_that_is_held_is_renewed_or_given_back_and_nothing_of_others(run, quarantined, colleague):
    run("quarantine", "claim", *quarantined[:2])
    colleague("bob")
    run("quarantine", "claim", quarantined[2])

    assert run("quarantine", "renew").out == "1 entry renewed\n"
    assert run("quarantine", "unclaim").out == "1 entry given back\n"
    assert states(run) == {"leased": 2, "pending": 1}
    assert run("quarantine", "unclaim", quarantined[0]).code == 1


def test_a_lease_that_is_given_back_says_why(run, quarantined):
    run("quarantine", "claim", quarantined[0])
    run("quarantine", "unclaim", quarantined[0], "--reason", "not mine")

    *_, last = run("quarantine", "history", quarantined[0], "--format", "json").document
    assert (last["action"], last["why"]) == ("unclaim", "not mine")


def test_a_reviewer_waits_longer_for_a_busy_store_than_a_caller_of_a_gate(run, place, quarantined):
    def hold(connection):
        connection.execute("BEGIN IMMEDIATE")
        held.set()
        let_go.wait(WAIT)
        connection.rollback()

    held, let_go = threading.Event(), threading.Event()
    with closing(sqlite3.connect(place / ".dq_gate" / "quarantine.db", check_same_thread=False)) as connection:
        holder = threading.Thread(target=hold, args=(connection,))
        holder.start()
        held.wait(WAIT)
        threading.Timer(0.4, let_go.set).start()  # longer than the longest `store_timeout`
        assert run("quarantine", "claim", quarantined[0]).code == 0
        holder.join()


# Foretelling


def test_a_dry_run_says_what_would_happen_and_changes_nothing(run, quarantined, colleague):
    colleague("bob")
    run("quarantine", "claim", quarantined[0])
    colleague("")
    before = run("quarantine", "list", "--state", "any", "--format", "json").out

    told = run("quarantine", "discard", "--source", "default", "--dry-run", "--format", "json")

    assert told.code == 1
    assert told.document == {
        "action": "discard", "would": 2, "refused": {"lease_lost": 1}, "by_state": {"pending": 2, "leased": 1},
        "held": {"bob": 1}, "waivers": {},
    }  # fmt: skip
    shown = run("quarantine", "discard", "--source", "default", "--dry-run").out
    assert shown.startswith("discard would be done on 2 of 3 entries; nothing was changed\n")
    assert "held by    bob" in shown
    assert run("quarantine", "list", "--state", "any", "--format", "json").out == before


def test_a_dry_run_of_a_release_says_which_waivers_fit(run, quarantined):
    rules = ("--waive", "query.text.controls", "--waive", "query.text.present", "--reason", "x")

    told = run("quarantine", "release", *quarantined, "nope", *rules, "--dry-run", "--format", "json").document

    assert told["waivers"] == {"query.text.controls": 2, "query.text.present": 1}
    assert (told["would"], told["refused"]) == (3, {"not_found": 1})


def test_a_dry_run_of_nothing_says_so(run):
    told = run("quarantine", "claim", "--rule", "x", "--dry-run")
    assert (told.code, told.out) == (0, "claim would be done on 0 of 0 entries; nothing was changed\n")


# Deciding


def test_a_release_of_a_mixture_waives_only_where_the_rule_refused_and_gives_the_rest_back(run, quarantined):
    rules = ("--waive", "query.text.controls", "--reason", "fine here")

    result = run("quarantine", "release", "--source", "default", *rules)

    assert result.code == 1
    assert result.out == (f"2 entries released, 1 not:\n  {quarantined[2]}  none of the waived rules had refused it\n")
    assert states(run) == {"released": 2, "pending": 1}


def test_a_verdict_is_recorded_and_another_word_is_refused(run, quarantined):
    run("quarantine", "discard", quarantined[0], "--verdict", "valid")

    assert run("quarantine", "show", quarantined[0], "--format", "json").document["verdict"] == "valid"
    wrong = run("quarantine", "release", quarantined[1], "--verdict", "vald")
    assert (wrong.code, "did you mean 'valid'?" in wrong.complaint) == (2, True)


def test_what_others_hold_is_told_with_their_name(run, quarantined, colleague):
    colleague("bob")
    run("quarantine", "claim", quarantined[0])
    colleague("")

    result = run("quarantine", "discard", "--source", "default")

    assert result.code == 1
    assert result.out.startswith(f"2 entries discarded, 1 not:\n  {quarantined[0]}  is leased by bob until ")


@pytest.mark.parametrize("action", ["claim", "release", "discard"])
def test_an_action_on_nothing_in_particular_is_refused(run, action):
    result = run("quarantine", action)
    assert (result.code, "name entries by id, or choose them with --group" in result.complaint) == (2, True)


def test_ids_and_a_filter_exclude_each_other(run):
    assert "not both" in run("quarantine", "discard", "x", "--rule", "y").complaint


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (BackendUnavailableError("the store is gone"), 3)]
)
def test_cut_short_it_says_how_far_it_came_and_the_same_again_completes_it(run, many, monkeypatch, error, code):
    discard, calls = Review.discard, []

    def failing(self, batch, token, **options):
        calls.append(batch)
        if len(calls) == 2:
            raise error
        return discard(self, batch, token, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Review, "discard", failing)
        result = run("quarantine", "discard", "--rule", "query.text.controls")
    assert result.code == code
    assert result.err.splitlines()[0] == (
        "stopped after 100 of 250: 100 entries discarded; the same command goes on from there"
    )
    counts = run("quarantine", "stats", "--format", "json").document["by_state"]
    assert (counts["discarded"], counts["pending"], counts["leased"]) == (100, 150, 0)

    assert run("quarantine", "discard", "--rule", "query.text.controls").out == "150 entries discarded\n"


def test_refusals_without_number_are_summed_up(run, many, colleague):
    colleague("bob")
    run("quarantine", "claim", "--rule", "query.text.controls")
    colleague("")

    result = run("quarantine", "discard", "--rule", "query.text.controls")

    *told, last = result.out.splitlines()
    assert (told[0], len(told)) == ("0 entries discarded, 250 not:", 21)
    assert last == "  and 230 more: someone else holds it, or the lease ran out"
    every = run("quarantine", "discard", "--rule", "query.text.controls", "--format", "jsonl")
    assert [json.loads(line)["id"] for line in every.out.splitlines()] == many
