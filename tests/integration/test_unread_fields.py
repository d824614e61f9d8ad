"""What rules could not look at may hold what they keep out of the quarantine: it is not kept either."""

from __future__ import annotations

import pytest

from dq_gate.quarantine.codec import decode
from tests.integration.gating import entries, refusal

SECRET = "password='Zq7hunter22Marker'"
CARD = 4111111111111111
PACK = """\
pack: redacting
version: 1
fields:
  query: {type: str, aliases: [q]}
  note: {type: str, required: false}
  tags: {type: "list[str]", required: false}
rules:
  - {id: query.text.secrets, field: query, check: no_secrets}
  - {id: tags.text.pii, field: tags, check: no_pii}
"""


@pytest.fixture
def pack(tmp_path):
    path = tmp_path / "redacting.yaml"
    path.write_text(PACK, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        ({"q": [SECRET]}, {"q": "[masked]"}),
        ({"query": [SECRET], "note": "plain"}, {"query": "[masked]", "note": "plain"}),
        ({"query": SECRET.encode()}, {"query": "[masked]"}),
        ({"query": "plain", "note": 5}, {"query": "plain", "note": 5}),
        ({"query": "plain", "tags": f"my card {CARD}"}, {"query": "plain", "tags": "[masked]"}),
        ({"query": 5, "unheard": {"of": [SECRET]}}, {"query": 5, "unheard": "[masked]"}),
        ({"note": "a", "card": CARD}, {"note": "a", "card": "[masked]"}),
        ({"note": "a", "password": "Zq7hunter22Marker"}, {"note": "a", "password": "[masked]"}),
        (f"no record but {SECRET}", "no record but password='[assigned_secret]'"),
        ([SECRET], "[masked]"),
        ({"note": "a", "unheard": "of"}, {"note": "a", "unheard": "of"}),
    ],
    ids=[
        "an alias", "a list", "bytes", "another field", "text where a list is due", "an unknown field",
        "a number", "a name that says so", "text alone", "a list alone", "nothing found",
    ],
)  # fmt: skip
def test_what_no_rule_could_look_at_is_not_kept_where_rules_redact(load, pack, record, kept):
    gate = load(pack)
    refusal(gate, record)
    (entry,) = entries(gate.settings)
    assert decode(entry.payload) == kept


def test_an_input_that_is_too_large_for_rules_is_redacted_all_the_same(load, pack):
    gate = load(pack, max_input_bytes=1000)
    refusal(gate, {"query": f"{'long ' * 300}{SECRET}", "note": None})
    (entry,) = entries(gate.settings)
    assert decode(entry.payload)["query"].endswith("password='[assigned_secret]'")


def test_a_recording_keeps_no_value_of_another_type_where_a_rule_redacts(load, pack, tmp_path):
    gate = load(pack, record="full", record_rate=1.0, mode="shadow")
    gate.admit({"query": [SECRET], "tags": SECRET})
    gate.close()
    (recording,) = (tmp_path / "state" / "recordings").iterdir()
    assert b"hunter22" not in recording.read_bytes()
    assert b"[masked]" in recording.read_bytes()
