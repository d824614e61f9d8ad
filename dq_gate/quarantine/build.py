"""From a failed input to a quarantine entry: its id, its group, its payload."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING, Any, Literal

from dq_gate.quarantine.codec import encode
from dq_gate.quarantine.entry import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dq_gate.core.model import PackId, Violation

MASK = "[masked]"
Withheld = Literal["masked", "omit"]


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
    redactions: Iterable[tuple[str, Callable[[Any], Any]]] = (),
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
        redactions: Fields in which something was found that nobody should keep, and what takes it out.
    """
    kept, is_whole = _withhold(record, withheld or {})
    for name, redact in redactions:
        kept, is_whole = _redact(kept, name, redact), False
    encoded = encode(kept)
    return Entry(
        id=_keyed_id(namespace, source, pack.name, key) if key is not None else _timed_id(now),
        namespace=namespace,
        source=source,
        pack=pack.name,
        pack_version=pack.version,
        pack_digest=pack.digest,
        violations=violations,
        payload=encoded.payload,
        payload_digest=hashlib.sha256(encoded.payload).hexdigest(),
        replayable=is_whole and encoded.complete,
        fingerprint=fingerprint(namespace, source, pack.name, violations),
        created_at=now,
    )


def fingerprint(namespace: str, source: str, pack: str, violations: Iterable[Violation]) -> str:
    """The group of like failures, 16 hexadecimal digits: same source, pack and failed rules, never a value."""
    rules = sorted({(v.rule_id, v.field, v.check) for v in violations if v.on_fail == "quarantine"})
    parts = [source, pack, *(part for rule in rules for part in rule)]
    return hmac.new(namespace.encode(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:16]


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


def _redact(record: Any, name: str, redact: Callable[[Any], Any]) -> Any:
    """The record with a field's secrets taken out; where that takes out nothing, with the field masked.

    A secret may show only once the value is repaired, so that the value as it came has to go as a whole.
    """
    if not isinstance(record, dict) or name not in record:
        return record
    value = record[name]
    try:
        redacted = redact(value)
        is_redacted = bool(redacted != value)
    except Exception:  # noqa: BLE001 - what cannot be redacted cannot be kept
        is_redacted = False
    return record | {name: redacted if is_redacted else MASK}


def _timed_id(now: float) -> str:
    """24 hexadecimal digits: milliseconds since the epoch, then 48 random bits. Ids sort by time."""
    return f"{int(now * 1000):012x}{os.urandom(6).hex()}"


def _keyed_id(namespace: str, source: str, pack: str, key: str) -> str:
    """24 characters that every process derives alike, whether the entry goes to the store or to a spool."""
    name = f"{namespace}\0{source}\0{pack}\0{key}".encode("utf-8", "surrogatepass")
    return f"k{hashlib.sha256(name).hexdigest()[:23]}"
