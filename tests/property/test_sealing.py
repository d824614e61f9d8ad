"""No bit of a sealed payload can change unnoticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dq_gate.errors import UnreadableEntryError
from dq_gate.quarantine.codec import encode
from dq_gate.quarantine.vault import Vault
from dq_gate.settings import SealingKey

VAULT = Vault([SealingKey("a", bytes(32)), SealingKey("c", bytes(range(32)))])
DOCUMENT = encode({"query": "x"}).payload
PAYLOAD = VAULT.seal("1", DOCUMENT)


@pytest.mark.parametrize("place", range(len(PAYLOAD)))
def test_every_bit_counts(place):
    for bit in range(8):
        changed = bytearray(PAYLOAD)
        changed[place] ^= 1 << bit
        with pytest.raises(UnreadableEntryError, match="entry 1: "):
            VAULT.open("1", bytes(changed))


@given(st.integers(0, len(PAYLOAD) - 1))
def test_every_cut_is_noticed(length):
    with pytest.raises(UnreadableEntryError):
        VAULT.open("1", PAYLOAD[:length])


@given(st.binary(max_size=300), st.text(max_size=30))
def test_whatever_is_sealed_opens_under_its_id_alone(content, entry_id):
    payload = VAULT.seal(entry_id, content)
    assert VAULT.open(entry_id, payload) == content
    with pytest.raises(UnreadableEntryError):
        VAULT.open(entry_id + "x", payload)


@given(st.binary(max_size=300))
def test_nothing_that_comes_raises_anything_else(content):
    for prefix in (b"", PAYLOAD[:60], PAYLOAD.partition(b"\n")[0] + b"\n"):
        with pytest.raises(UnreadableEntryError):
            VAULT.open("1", prefix + content if prefix else b"\xff" + content)
