"""Entries as bytes and back, for the stores and the spool.

An entry has two halves. Its *body* says what failed, why and when, and changes only when its payload is replaced. Its
*life* is what actions change: state, lease, attempts, history. Stores keep them apart, so that an action does not
rewrite the payload; the spool keeps both in one text.

    {"schema_version":2,"entry":[id,…]}⏎<payload>                   a line of JSON, then the payload's bytes
    {"id":…,"violations":[…],"schema_version":1,"payload":"…"}      version 1: the payload, always text, within

Version 2 leaves out the names, which would take more room than many a payload.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

import orjson

from dq_gate.core.model import Violation
from dq_gate.errors import UnreadableEntryError
from dq_gate.quarantine.entry import SCHEMA_VERSION, Entry, HistoryItem, Lease, Waiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dq_gate.core.lifecycle import State


@dataclass(frozen=True, slots=True)
class Life:
    """What actions change about an entry; the fields mean what they mean on `Entry`."""

    state: State = "pending"
    attempts: int = 0
    seen: int = 1
    lease: Lease | None = None
    verdict: Literal["valid", "invalid"] | None = None
    waivers: tuple[Waiver, ...] = ()
    history: tuple[HistoryItem, ...] = ()
    not_before: float = 0.0
    revision: int = 0


_LIFE = tuple(field.name for field in fields(Life))
_BODY_1 = (
    "id", "namespace", "source", "pack", "pack_version", "pack_digest", "violations", "payload_digest", "replayable",
    "fingerprint", "created_at",
)  # fmt: skip
_BODY = (*_BODY_1, "subjects")
"""The order of version 2."""
_VIOLATIONS_AT = _BODY.index("violations")
_VIOLATION = ("rule_id", "field", "check", "on_fail", "message", "span")
_body_of = attrgetter(*_BODY)
_violation_of = attrgetter(*_VIOLATION)
READABLE = (1, 2)
"""Versions that this release reads: its own and the one before."""


def entry_to_bytes(entry: Entry) -> bytes:
    """The whole entry, in the newest version."""
    life = {name: getattr(entry, name) for name in _LIFE}
    return to_json(_header(entry) | {"life": life}) + b"\n" + entry.payload


def entry_from_bytes(data: bytes) -> Entry:
    """Read what `entry_to_bytes` wrote.

    Raises:
        UnreadableEntryError: the text is damaged, or of a schema version this release does not know.
    """
    with refusing_damage():
        document = _document(data)
        life = document.pop("life")
        life["lease"] = Lease(**life["lease"]) if life["lease"] else None
        life["waivers"] = tuple(Waiver(**waiver) for waiver in life["waivers"])
        life["history"] = tuple(HistoryItem(**item) for item in life["history"])
        return _entry(document, Life(**life))


def body_to_bytes(entry: Entry, schema: int = SCHEMA_VERSION) -> bytes:
    """What only a new payload changes about the entry.

    Raises:
        UnreadableEntryError: version 1 has no place for a sealed payload.
    """
    if schema == SCHEMA_VERSION:
        return to_json(_header(entry)) + b"\n" + entry.payload
    header = {name: getattr(entry, name) for name in _BODY_1} | {"schema_version": schema}
    try:
        return to_json(header | {"payload": entry.payload.decode()})
    except UnicodeDecodeError:
        raise UnreadableEntryError(
            "this namespace is kept in schema version 1, which holds no sealed payload; once no older release uses "
            "it, run: dq-gate quarantine upgrade"
        ) from None


def entry_from_body(body: bytes, life: Life) -> Entry:
    """Join what `body_to_bytes` wrote with the entry's life.

    Raises:
        UnreadableEntryError: the body is damaged, or of a schema version this release does not know.
    """
    with refusing_damage():
        return _entry(_document(body), life)


def history_to_json(item: HistoryItem, schema: int = SCHEMA_VERSION) -> bytes:
    """A history item as one line of JSON; version 1 does not know accounts."""
    document = asdict(item)
    if schema < SCHEMA_VERSION or not item.account:
        del document["account"]
    return to_json(document)


def history_from_json(items: Iterable[bytes | str]) -> tuple[HistoryItem, ...]:
    """Read history items, each written by `history_to_json`."""
    with refusing_damage():
        return tuple(HistoryItem(**orjson.loads(item)) for item in items)


def waivers_from_json(items: Iterable[bytes | str]) -> tuple[Waiver, ...]:
    """Read waivers, each written by `to_json`."""
    with refusing_damage():
        return tuple(Waiver(**orjson.loads(item)) for item in items)


def to_json(document: Any) -> bytes:
    """JSON of dicts, lists, scalars and dataclasses; a lone surrogate, as terminals send, becomes `?`."""
    try:
        return orjson.dumps(document)
    except TypeError:
        return json.dumps(document, ensure_ascii=False, default=asdict).encode("utf-8", "replace")


@contextmanager
def naming(entry_id: str) -> Iterator[None]:
    """Have an `UnreadableEntryError` say which entry it is about."""
    try:
        yield
    except UnreadableEntryError as error:
        raise UnreadableEntryError(f"entry {entry_id}: {error}") from None


@contextmanager
def refusing_damage(remedy: str = "; discard or purge it by its id") -> Iterator[None]:
    """Turn what a damaged text makes fail into `UnreadableEntryError`, which ends with a remedy."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # The exception's own text may quote what is stored.
        raise UnreadableEntryError(f"what is stored is damaged ({type(error).__name__}){remedy}") from None


def _header(entry: Entry) -> dict[str, Any]:
    values = list(_body_of(entry))
    values[_VIOLATIONS_AT] = [_violation_of(violation) for violation in entry.violations]
    return {"schema_version": SCHEMA_VERSION, "entry": values}


def _entry(body: dict[str, Any], life: Life) -> Entry:
    body["violations"] = tuple(_violation(violation) for violation in body["violations"])
    body["subjects"] = tuple(body.get("subjects", ()))
    return Entry(**body, **{name: getattr(life, name) for name in _LIFE})


def _violation(document: dict[str, Any]) -> Violation:
    span = document.pop("span")
    return Violation(**document, span=(span[0], span[1]) if span else None)


def _document(data: bytes) -> dict[str, Any]:
    header, _, payload = data.partition(b"\n")
    document: dict[str, Any] = orjson.loads(header)
    version = document["schema_version"]
    if version not in READABLE:
        raise UnreadableEntryError(
            f"what is stored has schema version {version}, this release reads {' and '.join(map(str, READABLE))}; "
            "read it with the release that wrote it"
        )
    if version == 1:
        return document | {"payload": document["payload"].encode()}
    body = dict(zip(_BODY, document.pop("entry"), strict=True))
    body["violations"] = [dict(zip(_VIOLATION, parts, strict=True)) for parts in body["violations"]]
    return document | body | {"payload": payload}
