"""Entries as JSON: nothing is lost on the way, and what cannot be read is refused without quoting it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dq_gate.core.model import Violation
from dq_gate.errors import UnreadableEntryError
from dq_gate.quarantine.entry import HistoryItem, Lease, Waiver
from dq_gate.quarantine.serial import Life, body_to_json, entry_from_body, entry_from_json, entry_to_json, to_json
from tests.store_model import make_entry

NEW = make_entry("e1", "n", payload='{"v":1,"value":"é€😀\\u0000"}'.encode(), created_at=1_700_000_000.123456)
REVIEWED = replace(
    NEW,
    violations=(
        Violation("a.b.c", "query", "length", "quarantine", "is 3 long", span=(0, 3)),
        Violation("a.b.d", "*", "cel", "warn", "costs much"),
    ),
    state="leased",
    attempts=2,
    seen=7,
    lease=Lease("token", "ada", 1_700_000_100.5),
    verdict="valid",
    waivers=(Waiver("a.b.c", "d" * 64, "ada", "fine\nhere"),),
    history=(HistoryItem(1.5, "ada", "claim", "why\u2028not"), HistoryItem(2.5, "bob", "lapse")),
)


@pytest.mark.parametrize("entry", [NEW, REVIEWED], ids=["new", "reviewed"])
def test_an_entry_comes_back_from_its_json(entry):
    data = entry_to_json(entry)
    assert entry_from_json(data) == entry
    assert b"\n" not in data


def test_a_body_and_a_life_make_the_entry():
    life = Life(
        REVIEWED.state,
        REVIEWED.attempts,
        REVIEWED.seen,
        REVIEWED.lease,
        REVIEWED.verdict,
        REVIEWED.waivers,
        REVIEWED.history,
    )
    body = body_to_json(REVIEWED)
    assert entry_from_body(body, life) == REVIEWED
    assert body_to_json(replace(REVIEWED, state="dead", seen=9, history=())) == body


def test_a_lone_surrogate_in_a_reviewers_text_becomes_a_question_mark():
    entry = replace(NEW, history=(HistoryItem(1.0, "ada\udcff", "claim", "é"),))
    assert entry_from_json(entry_to_json(entry)).history == (HistoryItem(1.0, "ada?", "claim", "é"),)
    assert to_json(["\udcff€"]) == '["?€"]'.encode()


@pytest.mark.parametrize("read", [entry_from_json, lambda data: entry_from_body(data, Life())])
@pytest.mark.parametrize("version", [0, 2, "secret"])
def test_another_schema_version_is_refused_with_both_numbers(read, version):
    document = json.loads(entry_to_json(NEW)) | {"schema_version": version}
    with pytest.raises(UnreadableEntryError, match="this release reads 1"):
        read(json.dumps(document).encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"secret", b"[]", b"null", b"{}", b'{"schema_version":1}', b'{"schema_version":1,"life":{}}', b"\xff"],
)
def test_damage_is_refused_without_quoting_it(data):
    for read in (entry_from_json, lambda data: entry_from_body(data, Life())):
        with pytest.raises(UnreadableEntryError, match="damaged") as caught:
            read(data)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["payload", "violations", "created_at", "life"])
def test_a_missing_part_is_damage(name):
    document = json.loads(entry_to_json(NEW))
    del document[name]
    with pytest.raises(UnreadableEntryError, match="damaged"):
        entry_from_json(json.dumps(document).encode())
