"""How entries and groups are shown: the JSON shapes, the readable form of one entry, and the masking of payloads."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dq_gate.cli.output import dump, when

if TYPE_CHECKING:
    from dq_gate.quarantine.entry import Entry, Group

_is_plain_name = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}").fullmatch


def summary(entry: Entry) -> dict[str, Any]:
    """An entry as `quarantine list` prints it in JSON."""
    return {
        "id": entry.id,
        "state": entry.state,
        "created_at": when(entry.created_at),
        "source": entry.source,
        "pack": f"{entry.pack}@{entry.pack_version}",
        "rules": deciding_rules(entry),
        "group": entry.fingerprint,
        "attempts": entry.attempts,
        "seen": entry.seen,
        "replayable": entry.replayable,
    }


def detail(entry: Entry, *, reveal: bool) -> dict[str, Any]:
    """An entry as `quarantine show` prints it in JSON."""
    return summary(entry) | {
        "namespace": entry.namespace,
        "pack_digest": entry.pack_digest,
        "violations": [asdict(violation) for violation in entry.violations],
        "payload": _payload(entry, reveal=reveal),
        "lease": {"owner": entry.lease.owner, "until": when(entry.lease.until)} if entry.lease else None,
        "verdict": entry.verdict,
        "waivers": [{"rule_id": w.rule_id, "who": w.who, "reason": w.reason} for w in entry.waivers],
        "history": [{"at": when(h.at), "who": h.who, "action": h.action, "why": h.why} for h in entry.history],
    }


def readable(entry: Entry, *, reveal: bool) -> dict[str, Any]:
    """An entry as `quarantine show` prints it for people."""
    payload = _payload(entry, reveal=reveal)
    lines = [f"{name}: {dump(value)}" for name, value in payload.items()] if isinstance(payload, dict) else payload
    return summary(entry) | {
        "violations": [
            f"{v.rule_id} ({v.field}): {v.message}" + (f", at {v.span[0]} to {v.span[1]}" if v.span else "")
            for v in entry.violations
        ],
        "payload": lines,
        "lease": f"{entry.lease.owner} until {when(entry.lease.until)}" if entry.lease else None,
        "verdict": entry.verdict,
        "waivers": [f"{w.rule_id} by {w.who}: {w.reason}" for w in entry.waivers],
        "history": [f"{when(h.at)} {h.action} by {h.who}" + (f": {h.why}" if h.why else "") for h in entry.history],
    }


def group_row(group: Group) -> dict[str, Any]:
    """A group as `quarantine groups` prints it in JSON."""
    return {
        "group": group.fingerprint,
        "open": group.open,
        "count": group.count,
        "counted_only": group.counted_only,
        "source": group.source,
        "pack": group.pack,
        "rules": list(group.rules),
        "first_seen": when(group.first_seen),
        "last_seen": when(group.last_seen),
        "sample": group.sample,
    }


def deciding_rules(entry: Entry) -> list[str]:
    """Rules that put an entry into the quarantine, each once."""
    return list(dict.fromkeys(v.rule_id for v in entry.violations if v.on_fail == "quarantine"))


def mask(value: Any) -> Any:
    """The shape of a payload without its content: types and sizes, and names that can be a field's."""
    if isinstance(value, dict):
        return {_mask_name(number, name): mask(item) for number, (name, item) in enumerate(value.items(), start=1)}
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    if isinstance(value, (bytes, list, tuple, set, frozenset)):
        return f"<{len(value)} {'bytes' if isinstance(value, bytes) else 'items'}>"
    return None if value is None else f"<{type(value).__name__}>"


def _mask_name(number: int, name: Any) -> str:
    return name if isinstance(name, str) and _is_plain_name(name) else f"<name {number}, {len(str(name))} characters>"


def _payload(entry: Entry, *, reveal: bool) -> Any:
    """The payload's shape; revealed, what is stored of it, in the tagged JSON of `dq_gate.quarantine.codec`."""
    from dq_gate.quarantine.codec import Head, decode

    value = decode(entry.payload)
    if isinstance(value, Head):
        return {"head": value.text if reveal else mask(value.text), "bytes": value.bytes, "sha256": value.sha256}
    return json.loads(entry.payload)["value"] if reveal else mask(value)
