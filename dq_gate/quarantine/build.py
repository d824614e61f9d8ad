"""From a failed input to a quarantine entry: its id, its group, its payload."""

from __future__ import annotations

import hashlib
import hmac
import os
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from dq_gate.quarantine.codec import encode
from dq_gate.quarantine.entry import Entry
from dq_gate.quarantine.payload import with_subjects
from dq_gate.quarantine.redaction import MASK, Redactions
from dq_gate.quarantine.vault import Vault, subject_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from dq_gate.core.model import PackId, Violation

MAX_SUBJECTS = 64
"""Most people whose data one entry can be, for an input that lists them."""
MAX_FINGERPRINTS = 1024
"""Groups whose fingerprints are remembered: an input that is bad in one way seldom comes alone."""
Withheld = Literal["masked", "omit"]
_NO_VAULT = Vault()
_NO_REDACTIONS = Redactions()


def build_entry(
    record: Any,
    violations: tuple[Violation, ...],
    *,
    pack: PackId,
    namespace: str,
    source: str,
    now: float,
    key: str | None = None,
    withheld: Mapping[str, Withheld] | None = None,
    redactions: Redactions = _NO_REDACTIONS,
    found: Collection[str] = (),
    subject_fields: Collection[str] = (),
    vault: Vault = _NO_VAULT,
) -> Entry:
    """Make the entry of a failed input.

    Args:
        record: The input as it came.
        violations: Why it failed.
        pack: The rules that judged.
        namespace: The quarantine namespace.
        source: Where the input came from.
        now: Seconds since the epoch.
        key: The caller's name for this input; the same key gives the same id.
        withheld: Fields whose values are not kept, by name.
        redactions: What takes out of an input that which nobody should keep; not needed where it is sealed.
        found: Ids of the rules that found something, those in shadow mode among them.
        subject_fields: Fields that say whose data an input is.
        vault: Seals the payload, if it has a key.
    """
    entry_id = _keyed_id(namespace, source, pack.name, key) if key is not None else _timed_id(now)
    kept, is_whole = _withhold(record, withheld or {})
    if not vault.seals:
        kept, has_nothing_taken = redactions.redacted(kept, found)
        is_whole = is_whole and has_nothing_taken
    encoded = encode(kept)
    subjects = subjects_in(record, subject_fields, namespace)
    document = with_subjects(encoded.payload, subjects) if subjects and vault.seals else encoded.payload
    payload = vault.seal(entry_id, document)
    return Entry(
        id=entry_id,
        namespace=namespace,
        source=source,
        pack=pack.name,
        pack_version=pack.version,
        pack_digest=pack.digest,
        violations=violations,
        payload=payload,
        payload_digest=vault.digest(payload),
        replayable=is_whole and encoded.complete,
        fingerprint=fingerprint(namespace, source, pack.name, violations),
        created_at=now,
        subjects=vault.subjects(subjects),
    )


def subjects_in(record: Any, fields: Collection[str], namespace: str) -> tuple[str, ...]:
    """Digests of whose data a record is, by `vault.subject_digest`, each once."""
    found: dict[str, None] = {}
    if fields and isinstance(record, dict):
        values = (record[name] for name in fields if name in record)
        each = (item for value in values for item in (value if isinstance(value, (list, tuple)) else (value,)))
        with suppress(Exception):  # an object that cannot be looked at is nobody's name
            found.update(
                (subject_digest(namespace, item), None) for item in islice(each, MAX_SUBJECTS) if item is not None
            )
    return tuple(found)


def fingerprint(namespace: str, source: str, pack: str, violations: Iterable[Violation]) -> str:
    """The group of like failures, 16 hexadecimal digits: same source, pack and failed rules, never a value."""
    rules = [(v.rule_id, v.field, v.check) for v in violations if v.on_fail == "quarantine"]
    return _fingerprint(namespace, source, pack, tuple(rules))


@lru_cache(maxsize=MAX_FINGERPRINTS)
def _fingerprint(namespace: str, source: str, pack: str, rules: tuple[tuple[str, str, str], ...]) -> str:
    parts = [source, pack, *(part for rule in sorted(set(rules)) for part in rule)]
    return hmac.digest(namespace.encode(), "\0".join(parts).encode(), "sha256").hex()[:16]


def _withhold(record: Any, withheld: Mapping[str, Withheld]) -> tuple[Any, bool]:
    if not isinstance(record, dict) or not withheld.keys() & record.keys():
        return record, True
    kept = dict(record)
    for name in withheld.keys() & record.keys():
        if withheld[name] == "omit":
            del kept[name]
        else:
            kept[name] = MASK
    return kept, False


def _timed_id(now: float) -> str:
    """24 hexadecimal digits: milliseconds since the epoch, then 48 random bits. Ids sort by time."""
    return f"{int(now * 1000):012x}{os.urandom(6).hex()}"


def _keyed_id(namespace: str, source: str, pack: str, key: str) -> str:
    """24 characters that every process derives alike, whether the entry goes to the store or to a spool."""
    name = f"{namespace}\0{source}\0{pack}\0{key}".encode("utf-8", "surrogatepass")
    return f"k{hashlib.sha256(name).hexdigest()[:23]}"
