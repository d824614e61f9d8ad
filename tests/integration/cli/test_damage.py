"""One damaged entry costs no command the others: it is left out, counted and named."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest


@pytest.fixture
def damaged(quarantined, place):
    """The id of the second of three entries, which is damaged."""
    with closing(sqlite3.connect(place / ".dq_gate" / "quarantine.db")) as db, db:
        query = "UPDATE bodies SET body = ? WHERE number = (SELECT number FROM entries WHERE id = ?)"
        assert db.execute(query, (b'{"secret', quarantined[1])).rowcount == 1
    return quarantined[1]


def note_of(entry_id):
    return f"1 entry is damaged and left out: {entry_id}; dq-gate quarantine show ID says more"


def test_lists_go_on_without_it(run, quarantined, damaged):
    listed = run("quarantine", "list", "--format", "jsonl")
    assert (listed.code, [row["id"] for row in listed.rows]) == (0, [quarantined[0], quarantined[2]])
    assert listed.complaint == note_of(damaged)
    for command in (("history",), ("release", "--rule", "query.text.controls", "--dry-run")):
        result = run("quarantine", *command)
        assert (result.code, result.complaint) == (0, note_of(damaged))


def test_an_export_without_it_is_no_success(run, quarantined, damaged):
    exported = run("quarantine", "export")
    assert (exported.code, len(exported.rows), exported.complaint) == (1, 2, note_of(damaged))


def test_shown_by_its_id_it_says_the_way_out_which_works(run, damaged):
    shown = run("quarantine", "show", damaged)
    assert shown.code == 3
    assert f"entry {damaged}: " in shown.complaint
    assert "discard or purge it by its id" in shown.complaint
    assert "secret" not in shown.complaint
    assert run("quarantine", "discard", damaged).out == "1 entry discarded\n"
    assert run("quarantine", "purge", damaged, "--yes").code == 0


def test_a_refusal_of_it_is_told_with_its_plain_reason(run, damaged):
    run("quarantine", "discard", damaged)
    again = run("quarantine", "discard", damaged)
    assert again.code == 1
    assert f"{damaged}  not in a state that allows it" in again.out


def test_a_waiver_releases_the_others_and_tells_it(run, damaged):
    waived = run(
        "quarantine", "release", "--rule", "query.text.controls", "--waive", "query.text.controls", "--reason", "x"
    )
    assert waived.code == 1
    assert waived.out.splitlines() == [
        "1 entry released, 1 not:",
        f"  {damaged}  what is stored of it is damaged; discard it",
    ]
