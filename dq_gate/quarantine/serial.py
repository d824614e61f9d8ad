"""Entries as JSON and back, for the stores and the spool.

An entry has two halves. Its *body* never changes after the put: what failed, why, when. Its *life* does:
state, lease, attempts, history. Stores keep them apart, so that an action does not rewrite the payload; the
spool keeps both in one text.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
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


_LIFE = tuple(field.name for field in fields(Life))
_BODY = tuple(field.name for field in fields(Entry) if field.name not in _LIFE)


def entry_to_json(entry: Entry) -> bytes:
    """The whole entry as one line of JSON."""
    return to_json(_body(entry) | {"life": {name: getattr(entry, name) for name in _LIFE}})


def entry_from_json(data: bytes) -> Entry:
    """Read what `entry_to_json` wrote.

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


def body_to_json(entry: Entry) -> bytes:
    """What never changes about the entry, as JSON."""
    return to_json(_body(entry))


def entry_from_body(body: bytes, life: Life) -> Entry:
    """Join what `body_to_json` wrote with the entry's life.

    Raises:
        UnreadableEntryError: the body is damaged, or of a schema version this release does not know.
    """
    with refusing_damage():
        return _entry(_document(body), life)


def history_from_json(items: Iterable[bytes | str]) -> tuple[HistoryItem, ...]:
    """Read history items, each written by `to_json`."""
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
def refusing_damage() -> Iterator[None]:
    """Turn what a damaged text makes fail into `UnreadableEntryError`."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # The exception's own text may quote what is stored.
        raise UnreadableEntryError(f"a stored entry is damaged ({type(error).__name__})") from None


def _body(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _BODY} | {"payload": entry.payload.decode()}


def _entry(body: dict[str, Any], life: Life) -> Entry:
    body["payload"] = body["payload"].encode()
    body["violations"] = tuple(_violation(violation) for violation in body["violations"])
    return Entry(**body, **{name: getattr(life, name) for name in _LIFE})


def _violation(document: dict[str, Any]) -> Violation:
    span = document.pop("span")
    return Violation(**document, span=(span[0], span[1]) if span else None)


def _document(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(data)
    version = document["schema_version"]
    if version != SCHEMA_VERSION:
        raise UnreadableEntryError(
            f"a stored entry has schema version {version}, this release reads {SCHEMA_VERSION}; "
            "read it with the release that wrote it"
        )
    return document
