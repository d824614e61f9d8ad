"""What the Redis store and its scripts say to each other: arguments one way, replies the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson

from dq_gate.core.lifecycle import OPEN
from dq_gate.quarantine.contract import deciding_rules, lease_rule, storable
from dq_gate.quarantine.entry import Delivery, Group, Lease
from dq_gate.quarantine.serial import (
    Life,
    entry_from_body,
    history_from_json,
    history_to_json,
    naming,
    refusing_damage,
    to_json,
    waivers_from_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import Act, Entry, Filter


def new_entry(entry: Entry) -> dict[str, Any]:
    """What put.lua is told of an entry beside its body."""
    return {
        "id": entry.id,
        "created": repr(float(entry.created_at)),
        "source": entry.source,
        "pack": entry.pack,
        "group": entry.fingerprint,
        "rules": deciding_rules(entry),
        "subjects": entry.subjects,
    }


def act_argument(entry_ids: Sequence[str], act: Act, schema: int) -> bytes:
    """What act.lua is told of an action."""
    action, rewrite = act.action, act.rewrite
    lease = act.lease if action.takes_lease else None
    told = {
        "ids": [storable(entry_id) for entry_id in entry_ids],
        "sources": sorted(action.sources),
        "target": action.target,
        "closes": action.target is not None and action.target not in OPEN,
        "asks": lease_rule(action),
        "at": repr(float(act.note.at)),
        "token": None if act.token is None else storable(act.token),
        "lease": lease and _lease_argument(lease),
        "keeps_lease": action.keeps_lease,
        "not_before": repr(float(act.not_before)) if action.counts_attempt else None,
        "waits": action.waits,
        "verdict": act.verdict,
        "note": history_to_json(act.note, schema).decode(),
        "waivers": [to_json(waiver).decode() for waiver in act.waivers],
        "revision": rewrite and rewrite.revision,
        "subjects": rewrite and rewrite.subjects,
    }
    # In Lua a JSON null counts as true.
    return to_json({name: value for name, value in told.items() if value is not None})


def index_conditions(where: Filter) -> list[str]:
    """The conditions of a filter that have an index of their own in each state."""
    values = {"rule": where.rule, "source": where.source, "group": where.group}
    return [f":{name}:{storable(value)}" for name, value in values.items() if value is not None]


def read_entry(entry_id: str, fields: list[bytes], body: bytes, history: list[bytes], waivers: list[bytes]) -> Entry:
    """Join an entry's parts; its id is for the error.

    Raises:
        UnreadableEntryError: one of them is damaged, or of a schema version this release does not know.
    """
    with naming(entry_id), refusing_damage():
        kept = read_mapping(fields)
        has_lease = kept.get("token")
        life = Life(
            state=cast("State", kept["state"]),
            attempts=int(kept["attempts"]),
            seen=int(kept["seen"]),
            lease=Lease(kept["token"], kept["owner"], float(kept["until"])) if has_lease else None,
            verdict=cast("Literal['valid', 'invalid'] | None", kept.get("verdict") or None),
            waivers=waivers_from_json(waivers),
            history=history_from_json(history),
            not_before=float(kept.get("not_before") or 0.0),
            revision=int(kept.get("revision", 0)),
        )
    with naming(entry_id):
        entry = entry_from_body(body, life)
    # A body of version 1 does not know them.
    return entry if entry.subjects else replace(entry, subjects=tuple(_numbered(kept, "s")))


def read_group(fingerprint: str, fields: list[bytes]) -> Group:
    """Read a group's fields.

    Raises:
        UnreadableEntryError: they are damaged.
    """
    with refusing_damage(remedy=""):
        kept = read_mapping(fields)
        return Group(
            fingerprint=fingerprint,
            source=kept["source"],
            pack=kept["pack"],
            rules=tuple(orjson.loads(kept["rules"])),
            count=int(kept["count"]),
            open=int(kept["open"]),
            counted_only=int(kept["counted_only"]),
            first_seen=float(kept["first_seen"]),
            last_seen=float(kept["last_seen"]),
            sample=kept["sample"],
        )


def read_deliveries(flat: list[bytes]) -> list[Delivery]:
    """Read messages and ids in turn."""
    texts = read_texts(flat)
    return [Delivery(entry_id, message) for message, entry_id in zip(texts[::2], texts[1::2], strict=True)]


def read_counts(flat: list[bytes]) -> dict[str, int]:
    """Read names and counts in turn, without those that came to nothing."""
    return {name: int(count) for name, count in read_mapping(flat).items() if int(count) > 0}


def read_mapping(flat: list[bytes]) -> dict[str, str]:
    """Read names and values in turn."""
    texts = read_texts(flat)
    return dict(zip(texts[::2], texts[1::2], strict=True))


def read_texts(values: list[bytes]) -> list[Any]:
    """Read UTF-8."""
    return [value.decode() for value in values]


def _lease_argument(lease: Lease) -> dict[str, str]:
    return {"token": storable(lease.token), "owner": storable(lease.owner), "until": repr(float(lease.until))}


def _numbered(kept: dict[str, str], letter: str) -> Iterator[str]:
    number = 1
    while (name := f"{letter}{number}") in kept:
        yield kept[name]
        number += 1
