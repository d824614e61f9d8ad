"""What a rule finds that nobody should keep is nowhere on disk: not in the quarantine, not in a log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dq_gate.quarantine.codec import decode
from tests.integration.gating import counts, entries, refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dq_gate import Gate

SECRET, CARD = "Zq7hunter22Marker", "4111 1111 1111 1111"
TEXT = f"why does password='{SECRET}' not pay with {CARD}?"
PACK = """\
pack: redacting
version: 1
fields:
  query: {type: str, aliases: [q]}
  notes: {type: "list[str]", required: false}
rules:
  - {id: query.text.invisible, field: query, check: no_invisible, repair: strip_invisible}
  - {id: query.text.secrets, field: query, check: no_secrets}
  - {id: query.text.pii, field: query, check: no_pii, mode: shadow}
  - {id: notes.text.pii, field: notes, check: no_pii}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack with rules that redact; one of them only watches."""
    path = tmp_path / "redacting.yaml"
    path.write_text(PACK, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["query", "q"])
def test_a_secret_is_quarantined_without_it(
    load: Callable[..., Gate], pack: Path, quarantine: str | None, name
) -> None:
    gate = load(pack, quarantine=quarantine)
    error = refusal(gate, {name: TEXT})
    (entry,) = entries(gate.settings)
    assert [violation.rule_id for violation in entry.violations] == ["query.text.secrets"]
    assert decode(entry.payload) == {name: "why does password='[assigned_secret]' not pay with [credit_card]?"}
    assert not entry.replayable
    assert SECRET not in f"{error!r} {error}"


def test_personal_data_in_a_list_are_taken_out_of_each_item(load: Callable[..., Gate], pack: Path) -> None:
    gate = load(pack)
    refusal(gate, {"query": "hello", "notes": ["first", f"card {CARD}", "SSN 536-22-1234"]})
    (entry,) = entries(gate.settings)
    assert decode(entry.payload) == {"query": "hello", "notes": ["first", "card [credit_card]", "SSN [us_ssn]"]}


def test_a_secret_that_shows_only_once_repaired_is_masked_whole(load: Callable[..., Gate], pack: Path) -> None:
    gate = load(pack)
    refusal(gate, {"query": f"pass\u200bword='{SECRET}'"})
    (entry,) = entries(gate.settings)
    assert decode(entry.payload) == {"query": "[masked]"}


def test_no_file_of_a_gate_holds_what_was_found(load: Callable[..., Gate], pack: Path, tmp_path: Path) -> None:
    gate = load(pack, record="full", record_rate=1.0)
    refusal(gate, {"query": TEXT})
    gate.admit({"query": f"is {CARD} mine?"})
    gate.close()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    log = (tmp_path / "events.jsonl").read_text(encoding="utf-8")
    assert counts(map(json.loads, log.splitlines())) == {"quarantined": 1, "clean": 1}
    assert [path for path in files if SECRET.encode() in path.read_bytes() or CARD.encode() in path.read_bytes()] == []
