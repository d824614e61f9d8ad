"""Sealing: payloads encrypted at rest, each under a data key of its own, which a key-encryption key wraps.

    {"sealed":1,"key":"2026-01","check":"5f0c3a91","entry":"c1d2e3f4","wrapped":"…"}⏎<nonce><ciphertext and tag>

Both ciphers are AES-256-GCM with the entry's id as associated data, so that a payload opens in its own entry alone; the
wrapped key's also names the key that wraps it. Rotation wraps the data key anew and leaves the ciphertext as it is.
`check` and `entry` are digests of the key and of the entry's id: they tell why a payload does not open, and protect
nothing. No error and no `repr` shows a key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from typing import TYPE_CHECKING, Any

from dq_gate.errors import MissingExtraError, SealedPayloadError, UnreadableEntryError
from dq_gate.quarantine.codec import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from dq_gate.settings import SealingKey, Settings

_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_MARK = b'{"sealed":'
_PLAIN_MARK = b'{"v":'
_ENVELOPE = b'{"sealed":1,"key":"%b","check":"%b","entry":"%b","wrapped":"%b"}\n%b'
_HEADER = re.compile(
    rb'\{"sealed":1,"key":"([a-z0-9._-]{1,32})","check":"([0-9a-f]{8})","entry":"([0-9a-f]{8})",'
    rb'"wrapped":"([A-Za-z0-9+/]{80})"\}\n'
)
_LEAST_BYTES = len(_ENVELOPE % (b"k", b"8 digits", b"8 digits", b"w" * 80, b"")) + _NONCE_BYTES + _TAG_BYTES
_DATA_CONTEXT = b"dq_gate 1 payload\0"
_VALUE_MARK = b'{"v":1,"value":'
_SUBJECT_DIGITS = 24


def vault_of(settings: Settings) -> Vault:
    """The vault of the keys that the settings name.

    Raises:
        MissingExtraError: there are keys, and the extra `seal` is not installed.
    """
    return Vault(settings.sealing_keys)


class Vault:
    """Seals and opens payloads. Without a key it leaves them as they are. Thread-safe.

    Attributes:
        first: Id of the key that seals; None without one.
        seals: Whether there is one.

    Args:
        keys: The first seals, all of them open.

    Raises:
        MissingExtraError: there are keys, and the extra `seal` is not installed.
    """

    def __init__(self, keys: Sequence[SealingKey] = ()) -> None:
        self._keys = {key.id: _Key(key) for key in keys}
        self._first = next(iter(self._keys.values()), None)
        self.first = self._first.id if self._first else None
        self.seals = self._first is not None

    def seal(self, entry_id: str, document: bytes) -> bytes:
        """The document as it is to be stored in an entry: sealed under the first key, or without one as it is."""
        key = self._first
        if key is None:
            return document
        name = _name(entry_id)
        # In one draw: each lets other threads in, and has to wait for them.
        random = os.urandom(_KEY_BYTES + 2 * _NONCE_BYTES)
        data_key, nonce, wrapping_nonce = random[:_KEY_BYTES], random[_KEY_BYTES:-_NONCE_BYTES], random[-_NONCE_BYTES:]
        sealed = nonce + key.cipher_of(data_key).encrypt(nonce, document, _DATA_CONTEXT + name)
        return key.envelope(name, data_key, sealed, wrapping_nonce)

    def open(self, entry_id: str, payload: bytes) -> bytes:
        """The document in an entry's payload; one that is not sealed is the document itself.

        Raises:
            SealedPayloadError: it is sealed and does not open; says why.
            UnreadableEntryError: it is damaged beyond telling whether it is sealed.
        """
        if not is_sealed(payload):
            if payload.startswith(_PLAIN_MARK):
                return payload
            raise UnreadableEntryError(f"entry {entry_id}: its payload is damaged; discard the entry")
        key, data_key, sealed = self._unwrap(entry_id, payload)
        document = _opened(key.cipher_of(data_key), sealed, _DATA_CONTEXT + _name(entry_id))
        if document is None:
            raise SealedPayloadError(entry_id, "tampered", key.id)
        return document

    def rewrap(self, entry_id: str, payload: bytes) -> bytes | None:
        """The payload with its data key wrapped under the first key; None when there is nothing to change.

        Raises:
            SealedPayloadError: the data key cannot be unwrapped; says why.
        """
        if self._first is None or key_of(payload) in (None, self._first.id):
            return None
        _, data_key, sealed = self._unwrap(entry_id, payload)
        return self._first.envelope(_name(entry_id), data_key, sealed, os.urandom(_NONCE_BYTES))

    def digest(self, payload: bytes) -> str:
        """SHA-256, hexadecimal, over what rotation does not change: never over what is sealed within."""
        return hashlib.sha256(payload.partition(b"\n")[2] if is_sealed(payload) else payload).hexdigest()

    def subjects(self, bare: Iterable[str]) -> tuple[str, ...]:
        """Digests of subjects as an entry carries them, from what `subject_digest` says of each."""
        return tuple(bare) if self._first is None else tuple(map(self._first.keyed, bare))

    def searches(self, bare: str) -> tuple[str, ...]:
        """Every digest that entries may carry for a subject: keyed by any of the keys, or from before there was one."""
        return (*(key.keyed(bare) for key in self._keys.values()), bare)

    def _unwrap(self, entry_id: str, payload: bytes) -> tuple[_Key, bytes, bytes]:
        """The key that wrapped the data key, the data key, and what that encrypts."""
        header = _HEADER.match(payload)
        if header is None or len(payload) < header.end() + _NONCE_BYTES + _TAG_BYTES:
            raise SealedPayloadError(entry_id, "truncated" if len(payload) < _LEAST_BYTES else "tampered")
        key_id, check, entry, wrapped = header.groups()
        key, name = self._key(entry_id, key_id.decode()), _name(entry_id)
        data_key = _opened(key.cipher, base64.b64decode(wrapped), key.context + name)
        if data_key is not None and (check, entry) == (key.check, _hint(name)):
            return key, data_key, payload[header.end() :]
        if data_key is None and check != key.check:
            raise SealedPayloadError(entry_id, "wrong_key", key.id)
        is_moved = data_key is None and entry != _hint(name)
        raise SealedPayloadError(entry_id, "moved" if is_moved else "tampered", key.id)

    def _key(self, entry_id: str, key_id: str) -> _Key:
        if not self._keys:
            raise SealedPayloadError(entry_id, "no_key", key_id)
        if key_id not in self._keys:
            raise SealedPayloadError(entry_id, "unknown_key", key_id)
        return self._keys[key_id]


class _Key:
    """A key-encryption key, ready for use."""

    __slots__ = ("_subjects", "check", "cipher", "cipher_of", "context", "id")

    def __init__(self, key: SealingKey) -> None:
        self.id = key.id
        self.cipher_of = _aes_gcm()
        self.cipher = self.cipher_of(key.secret)
        self.context = b"dq_gate 1 key %b\0" % key.id.encode()
        self.check = hmac.digest(key.secret, b"dq_gate 1 check", "sha256")[:4].hex().encode()
        self._subjects = hmac.digest(key.secret, b"dq_gate 1 subjects", "sha256")

    def envelope(self, name: bytes, data_key: bytes, sealed: bytes, nonce: bytes) -> bytes:
        """A payload: what a data key encrypts, and that key wrapped under this one with a fresh nonce."""
        wrapped = base64.b64encode(nonce + self.cipher.encrypt(nonce, data_key, self.context + name))
        return _ENVELOPE % (self.id.encode(), self.check, _hint(name), wrapped, sealed)

    def keyed(self, bare: str) -> str:
        """A subject's digest that nobody without the key can make."""
        return hmac.digest(self._subjects, bare.encode(), "sha256").hex()[:_SUBJECT_DIGITS]


def is_sealed(payload: bytes) -> bool:
    """Whether a payload says that it is sealed."""
    return payload.startswith(_MARK)


def key_of(payload: bytes) -> str | None:
    """Id of the key that a payload is sealed under; None when it is not sealed, or too damaged to tell."""
    header = _HEADER.match(payload)
    return header[1].decode() if header else None


def subject_digest(namespace: str, value: Any) -> str:
    """A subject's digest, keyed by the namespace alone: 24 hexadecimal digits.

    Text counts without the white space around it, and a number as its text.
    """
    if isinstance(value, str):
        text = str.strip(value).encode("utf-8", "surrogatepass")
    else:
        text = encode(value).payload[len(_VALUE_MARK) : -1]
    return hmac.digest(b"dq_gate 1 subject " + namespace.encode(), text, "sha256").hex()[:_SUBJECT_DIGITS]


def _aes_gcm() -> type[AESGCM]:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise MissingExtraError("sealing payloads", "seal") from None
    return AESGCM


def _opened(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes | None:
    """What a cipher sealed, its nonce before it; None when it was not sealed by it, or in another context."""
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except InvalidTag:
        return None


def _name(entry_id: str) -> bytes:
    return entry_id.encode("utf-8", "surrogatepass")


def _hint(name: bytes) -> bytes:
    return hashlib.sha256(name).hexdigest()[:8].encode()
