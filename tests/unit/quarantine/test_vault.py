"""A sealed payload opens with its key, in its own entry, unchanged; otherwise one line says why not."""

from __future__ import annotations

import builtins
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from dq_gate.errors import MissingExtraError, SealedPayloadError, UnreadableEntryError
from dq_gate.quarantine.codec import encode
from dq_gate.quarantine.vault import Vault, is_sealed, key_of, subject_digest
from dq_gate.settings import SealingKey

OLD, NEW = SealingKey("2026-01", bytes(range(32))), SealingKey("2026-07", bytes(range(1, 33)))
ID = "0193f1c2a7d4b1e2c3d4e5f6"
DOCUMENT = encode({"query": "a forbidden word"}).payload


@pytest.fixture
def vault():
    return Vault([OLD])


@pytest.fixture
def payload(vault):
    return vault.seal(ID, DOCUMENT)


def problem(vault, payload, entry_id=ID):
    with pytest.raises(SealedPayloadError) as caught:
        vault.open(entry_id, payload)
    message = str(caught.value)
    assert "\n" not in message
    assert entry_id in message
    return caught.value.problem


def test_what_was_sealed_opens(vault, payload):
    assert vault.open(ID, payload) == DOCUMENT
    assert is_sealed(payload)
    assert b"forbidden" not in payload


def test_nothing_of_two_payloads_is_the_same_but_the_header(vault, payload):
    again = vault.seal(ID, DOCUMENT)
    assert again.partition(b'"wrapped"')[0] == payload.partition(b'"wrapped"')[0]
    assert vault.digest(again) != vault.digest(payload)


def test_the_first_key_seals_and_all_open(payload):
    vault = Vault([NEW, OLD])
    assert vault.open(ID, payload) == DOCUMENT
    assert key_of(payload) == "2026-01"
    assert key_of(vault.seal(ID, DOCUMENT)) == "2026-07"


def test_without_a_key_documents_stay_as_they_are():
    vault = Vault()
    assert not vault.seals
    assert vault.seal(ID, DOCUMENT) == DOCUMENT == vault.open(ID, DOCUMENT)
    assert key_of(DOCUMENT) is None


def test_with_a_key_what_was_never_sealed_opens_too(vault):
    assert vault.open(ID, DOCUMENT) == DOCUMENT


def test_without_a_key_a_sealed_payload_does_not_open(payload):
    assert problem(Vault(), payload) == "no_key"


def test_an_unknown_key_is_named(payload):
    with pytest.raises(SealedPayloadError, match="'2026-01'") as caught:
        Vault([NEW]).open(ID, payload)
    assert (caught.value.problem, caught.value.key_id) == ("unknown_key", "2026-01")


def test_another_secret_under_the_same_id_is_told_from_damage(payload):
    assert problem(Vault([SealingKey(OLD.id, NEW.secret)]), payload) == "wrong_key"


def test_a_payload_opens_in_no_other_entry(vault, payload):
    assert problem(vault, payload, "ffffffffffffffffffffffff") == "moved"


@pytest.mark.parametrize("part", ["header", "wrapped key", "ciphertext", "tag"])
def test_a_change_anywhere_is_noticed(vault, payload, part):
    start = payload.index(b"\n")
    place = {"header": 5, "wrapped key": start - 10, "ciphertext": start + 20, "tag": len(payload) - 1}[part]
    changed = bytearray(payload)
    changed[place] ^= 1
    with pytest.raises(UnreadableEntryError):
        vault.open(ID, bytes(changed))


def test_a_payload_cut_short_is_refused(vault, payload):
    assert problem(vault, payload[:150]) == "truncated"
    assert problem(vault, payload[:-1]) == "tampered"


def test_half_of_another_payload_does_not_open(vault, payload):
    header, _, _ = payload.partition(b"\n")
    _, _, other = vault.seal(ID, DOCUMENT).partition(b"\n")
    assert problem(vault, header + b"\n" + other) == "tampered"


def test_what_is_neither_sealed_nor_a_document_is_damaged(vault):
    with pytest.raises(UnreadableEntryError, match=f"entry {ID}"):
        vault.open(ID, b"\x00" + DOCUMENT)


def test_a_wrapped_key_serves_under_the_key_that_it_names_alone(payload):
    renamed = payload.replace(b'"2026-01"', b'"2026-07"')
    assert problem(Vault([SealingKey("2026-07", OLD.secret)]), renamed) == "tampered"


def test_rewrapping_changes_the_header_alone(payload):
    vault = Vault([NEW, OLD])
    rewrapped = vault.rewrap(ID, payload)
    assert key_of(rewrapped) == "2026-07"
    assert rewrapped.partition(b"\n")[2] == payload.partition(b"\n")[2]
    assert vault.digest(rewrapped) == vault.digest(payload)
    assert Vault([NEW]).open(ID, rewrapped) == DOCUMENT


def test_there_is_nothing_to_rewrap_under_the_first_key_or_without_one(vault, payload):
    assert vault.rewrap(ID, payload) is None
    assert vault.rewrap(ID, DOCUMENT) is None
    assert Vault().rewrap(ID, payload) is None


def test_rewrapping_needs_the_old_key(payload):
    with pytest.raises(SealedPayloadError, match="2026-01"):
        Vault([NEW]).rewrap(ID, payload)


def test_the_digest_of_a_plain_payload_is_its_own(vault):
    import hashlib

    assert vault.digest(DOCUMENT) == hashlib.sha256(DOCUMENT).hexdigest()


def test_no_key_is_shown(vault, payload):
    shown = [repr(OLD), repr(vault), repr(vars(vault)) if hasattr(vault, "__dict__") else ""]
    for other in (Vault(), Vault([NEW])):
        with pytest.raises(SealedPayloadError) as caught:
            other.open(ID, payload)
        shown.append(repr(caught.value))
    assert [text for text in shown if OLD.secret.hex() in text or repr(OLD.secret) in text] == []


def test_the_error_survives_a_process_boundary():
    error = pickle.loads(pickle.dumps(SealedPayloadError(ID, "unknown_key", "2026-01")))
    assert (error.entry_id, error.problem, error.key_id) == (ID, "unknown_key", "2026-01")
    assert str(error) == str(SealedPayloadError(ID, "unknown_key", "2026-01"))


def test_a_missing_library_is_named(monkeypatch):
    real = builtins.__import__

    def without_cryptography(name, *args, **kwargs):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_cryptography)
    assert Vault().open(ID, DOCUMENT) == DOCUMENT
    with pytest.raises(MissingExtraError, match=r"dq-gate\[seal\]"):
        Vault([OLD])


def test_threads_share_a_vault(vault):
    def there_and_back(number):
        document = encode({"query": "x" * number}).payload
        return all(vault.open(str(number), vault.seal(str(number), document)) == document for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(there_and_back, range(64)))


# Subjects


def test_a_subject_has_one_digest_in_a_namespace():
    assert subject_digest("n", "a@b.example") == subject_digest("n", " a@b.example\n")
    assert subject_digest("n", "a@b.example") != subject_digest("m", "a@b.example")
    assert subject_digest("n", 42) == subject_digest("n", "42")
    assert len(subject_digest("n", object())) == 24


def test_entries_carry_a_digest_that_needs_the_key():
    bare = subject_digest("n", "a@b.example")
    assert Vault().subjects([bare]) == (bare,)
    assert Vault([OLD]).subjects([bare]) != Vault([NEW]).subjects([bare])
    assert bare not in Vault([OLD]).subjects([bare])


def test_a_search_finds_what_any_key_made_and_what_none_did():
    bare = subject_digest("n", "a@b.example")
    assert {*Vault([NEW, OLD]).searches(bare)} == {
        bare, *Vault([OLD]).subjects([bare]), *Vault([NEW]).subjects([bare])
    }  # fmt: skip
