"""Wherever a secret lies in a failing input, without a key it is nowhere in what is stored of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_gate.core.decide import decide
from dq_gate.gate.rules import Rules
from dq_gate.packs.compile import compile_pack
from dq_gate.quarantine.build import build_entry
from dq_gate.quarantine.codec import decode

MARKER = "Zq7hunter22Marker"
SECRET = f"password='{MARKER}'"
PACK = """\
pack: p
version: 1
fields:
  query: {type: str, aliases: [q]}
  tags: {type: "list[str]", required: false}
  count: {type: int, required: false}
rules:
  - {id: query.text.secrets, field: query, check: no_secrets}
  - {id: tags.text.secrets, field: tags, check: no_secrets}
  - {id: query.text.pii, field: query, check: no_pii, mode: shadow}
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory):
    path = tmp_path_factory.mktemp("pack") / "pack.yaml"
    path.write_text(PACK, encoding="utf-8")
    return Rules(compile_pack(path))


def containers(inner):
    """Values that hold others."""
    return (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3)
    )


PLAIN = st.recursive(st.none() | st.integers() | st.text(max_size=8) | st.binary(max_size=8), containers, max_leaves=6)
BEARERS = st.sampled_from(
    [
        SECRET,
        f"a {SECRET} b\ud800",
        SECRET.encode(),
        {SECRET},
        {"password": MARKER},
        {SECRET: 1},
        {"password": MARKER, 1: 1},
        [("password", MARKER)],
    ]
)
SECRETS = st.recursive(
    BEARERS, lambda inner: st.lists(inner, min_size=1, max_size=2) | st.tuples(PLAIN, inner), max_leaves=3
)
NAMES = st.sampled_from(["query", "q", "tags", "unknown", "other", SECRET, 7])


@given(st.dictionaries(NAMES, PLAIN, max_size=4), NAMES, SECRETS)
def test_no_secret_is_stored_wherever_it_lay(rules, record, name, value):
    record = record | {name: value}
    decision = decide(rules.pack.plan, record)
    entry = build_entry(
        record,
        decision.violations,
        pack=rules.pack.id,
        namespace="n",
        source="s",
        now=1.0,
        redactions=rules.redactions,
        found={violation.rule_id for violation in (*decision.violations, *decision.shadowed)},
    )
    assert MARKER not in repr(decode(entry.payload))
    assert not entry.replayable


@given(PLAIN)
def test_what_holds_nothing_is_kept_as_it_came(rules, value):
    for record in ({"unknown": value, "count": "5"}, {"query": "a", "other": [value]}, value):
        kept, is_whole = rules.redactions.redacted(record, ())
        assert is_whole
        assert kept is record
