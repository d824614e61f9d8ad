"""What the document in a payload holds after edits and erasure, and who can read it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dq_gate.errors import ReviewError, UnreadableEntryError
from dq_gate.quarantine.codec import MAX_BYTES as MAX_VALUE_BYTES
from dq_gate.quarantine.codec import Erased, Head, decode, encode
from dq_gate.quarantine.payload import (
    ERASED,
    Document,
    edited,
    edited_entry,
    erased_entry,
    read,
    subjects_of,
    with_subjects,
)
from dq_gate.quarantine.vault import Vault, subject_digest
from dq_gate.settings import SealingKey
from tests.fakes import make_entry

FIRST, SECOND, THIRD = {"query": "a", "n": 1}, {"query": "b", "n": 1}, {"query": "b"}
VAULTS = pytest.mark.parametrize("vault", [Vault(), Vault([SealingKey("k", bytes(32))])], ids=["plain", "sealed"])


def document(value=FIRST):
    return encode(value).payload


def entry_of(vault, value=FIRST, subjects=()):
    content = with_subjects(document(value), subjects) if vault.seals and subjects else document(value)
    payload = vault.seal("1", content)
    subjects = vault.subjects(subjects)
    return replace(make_entry("1"), payload=payload, payload_digest=vault.digest(payload), subjects=subjects)


def test_a_document_that_was_never_edited_has_its_value_as_the_original():
    assert read(document()) == Document(FIRST, FIRST)


def test_edits_keep_the_original_and_what_changed():
    twice = edited(edited(document(), SECOND, who="ann", at=1.0), THIRD, who="bob", at=2.0)
    found = read(twice)
    assert (found.value, found.original) == (THIRD, FIRST)
    assert [(edit.who, edit.at, edit.patch) for edit in found.edits] == [
        ("ann", 1.0, ({"op": "replace", "path": "/query", "value": "b"},)),
        ("bob", 2.0, ({"op": "remove", "path": "/n"},)),
    ]


def test_whoever_knows_no_edits_reads_the_value():
    assert decode(edited(document(), SECOND, who="ann", at=1.0)) == SECOND


@pytest.mark.parametrize("value", [{"a": object()}, "x" * (MAX_VALUE_BYTES + 1)], ids=["opaque", "cut"])
def test_what_is_not_whole_is_not_edited(value):
    with pytest.raises(ReviewError, match="not the whole"):
        edited(document(value), SECOND, who="ann", at=1.0)


def test_a_text_that_looks_like_something_opaque_is_whole():
    assert read(edited(document({"$opaque": '{"$opaque":1}'}), SECOND, who="ann", at=1.0)).value == SECOND


@pytest.mark.parametrize("value", [{"a": object()}, "x" * (MAX_VALUE_BYTES + 1)], ids=["opaque", "too large"])
def test_an_edit_to_something_that_cannot_be_kept_is_refused(value):
    with pytest.raises(ReviewError, match="cannot be kept"):
        edited(document(), value, who="ann", at=1.0)


def test_edits_do_not_grow_without_bound():
    def edit_often(content):
        for number in range(10):
            content = edited(content, str(number) * (MAX_VALUE_BYTES - 100), who="ann", at=1.0)

    with pytest.raises(ReviewError, match="too large"):
        edit_often(document())


def test_damage_is_no_value():
    for damaged in (b"{}", b'{"v":1,"value":1,"edits":[{}]}', b'{"v":1,"value":1,"original":{"$no":1}}', b"[]"):
        with pytest.raises(UnreadableEntryError):
            read(damaged)


@VAULTS
def test_an_edited_entry_opens_and_has_a_digest_of_its_own(vault):
    entry = entry_of(vault)
    after = edited_entry(entry, SECOND, vault, who="ann", at=1.0)
    assert read(vault.open("1", after.payload)).value == SECOND
    assert after.payload_digest == vault.digest(after.payload) != entry.payload_digest


@VAULTS
def test_an_entry_is_of_all_subjects_that_it_ever_had(vault):
    before, after = (subject_digest("n", name) for name in ("ann", "bob"))
    entry = edited_entry(entry_of(vault, subjects=(before,)), SECOND, vault, who="x", at=1.0, subjects=(after,))
    assert entry.subjects == vault.subjects((before, after))
    assert subjects_of(vault.open("1", entry.payload)) == ((before, after) if vault.seals else ())


def test_an_entry_that_was_masked_is_not_edited():
    with pytest.raises(ReviewError, match="not the whole"):
        edited_entry(replace(entry_of(Vault()), replayable=False), SECOND, Vault(), who="ann", at=1.0)


@VAULTS
def test_an_erased_entry_holds_nothing_and_needs_no_key(vault):
    entry = edited_entry(entry_of(vault, subjects=("5" * 24,)), SECOND, vault, who="ann", at=1.0)
    erased = erased_entry(entry, vault)
    assert (erased.payload, erased.replayable, erased.subjects) == (ERASED, False, ())
    assert decode(Vault().open("1", erased.payload)) == Erased()
    assert erased.payload_digest == Vault().digest(ERASED)


def test_what_was_erased_is_not_edited():
    with pytest.raises(ReviewError):
        edited(ERASED, SECOND, who="ann", at=1.0)


def test_subjects_go_with_what_is_too_large_as_well():
    content = with_subjects(document("x" * (MAX_VALUE_BYTES + 1)), ["5" * 24])
    assert subjects_of(content) == ("5" * 24,)
    assert isinstance(decode(content), Head)
