"""Entries as bytes: nothing is lost on the way, and what cannot be read is refused without quoting it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dq_gate.core.model import Violation
from dq_gate.errors import UnreadableEntryError
from dq_gate.quarantine.entry import HistoryItem, Lease, Waiver
from dq_gate.quarantine.serial import (
    Life,
    body_to_bytes,
    entry_from_body,
    entry_from_bytes,
    entry_to_bytes,
    history_from_json,
    history_to_json,
    to_json,
)
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


SEALED = replace(NEW, payload=b"\n\x00\xff{}\n", subjects=("0123abcd", "4567ef"), not_before=9.5, revision=3)


@pytest.mark.parametrize("entry", [NEW, REVIEWED, SEALED], ids=["new", "reviewed", "sealed"])
def test_an_entry_comes_back_from_its_bytes(entry):
    assert entry_from_bytes(entry_to_bytes(entry)) == entry


def test_a_body_says_what_it_is_in_one_line_and_takes_little_room():
    header, _, payload = body_to_bytes(NEW).partition(b"\n")
    assert payload == NEW.payload
    assert json.loads(header)["schema_version"] == 2
    assert len(header) < 260


def test_the_version_before_is_still_written_and_read():
    entry = replace(REVIEWED, subjects=("0123abcd",))
    body = body_to_bytes(entry, 1)
    document = json.loads(body)
    assert document["schema_version"] == 1
    assert document["payload"] == entry.payload.decode()
    assert document["violations"][0]["rule_id"] == "a.b.c"
    assert "subjects" not in document
    read = entry_from_body(body, Life())
    assert read == replace(NEW, violations=REVIEWED.violations, schema_version=1)


def test_the_version_before_holds_no_sealed_payload():
    with pytest.raises(UnreadableEntryError, match="dq-gate quarantine upgrade"):
        body_to_bytes(SEALED, 1)


def test_the_version_before_knows_no_accounts():
    item = HistoryItem(1.5, "ada", "claim", account="reviewer")
    assert history_from_json([history_to_json(item)]) == (item,)
    assert b"account" not in history_to_json(item, 1)


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
    body = body_to_bytes(REVIEWED)
    assert entry_from_body(body, life) == REVIEWED
    assert body_to_bytes(replace(REVIEWED, state="dead", seen=9, history=())) == body


def test_a_lone_surrogate_in_a_reviewers_text_becomes_a_question_mark():
    entry = replace(NEW, history=(HistoryItem(1.0, "ada\udcff", "claim", "é"),))
    assert entry_from_bytes(entry_to_bytes(entry)).history == (HistoryItem(1.0, "ada?", "claim", "é"),)
    assert to_json(["\udcff€"]) == '["?€"]'.encode()


@pytest.mark.parametrize("read", [entry_from_bytes, lambda data: entry_from_body(data, Life())])
@pytest.mark.parametrize("version", [0, 3])
def test_another_schema_version_is_refused_with_its_number(read, version):
    data = entry_to_bytes(NEW).replace(b'"schema_version":2', b'"schema_version":%d' % version)
    with pytest.raises(UnreadableEntryError, match=f"version {version}, this release reads 1 and 2"):
        read(data)


@pytest.mark.parametrize(
    "data",
    [b"", b"secret", b"[]", b"null", b"{}", b'{"schema_version":1}', b'{"schema_version":1,"life":{}}', b"\xff"],
)
def test_damage_is_refused_without_quoting_it(data):
    for read in (entry_from_bytes, lambda data: entry_from_body(data, Life())):
        with pytest.raises(UnreadableEntryError, match="damaged") as caught:
            read(data)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("change", [lambda parts: parts[:-1], lambda parts: [*parts, 1], lambda _: "secret"])
def test_a_missing_or_surplus_part_is_damage(change):
    header, _, payload = entry_to_bytes(NEW).partition(b"\n")
    document = json.loads(header)
    document["entry"] = change(document["entry"])
    with pytest.raises(UnreadableEntryError, match="damaged"):
        entry_from_bytes(json.dumps(document).encode() + b"\n" + payload)


def test_an_entry_without_its_life_is_damage():
    with pytest.raises(UnreadableEntryError, match="damaged"):
        entry_from_bytes(body_to_bytes(NEW))
