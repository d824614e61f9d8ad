"""How entries and groups are shown: the JSON shapes, and the readable form of one entry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.cli.output import dump, when
from dq_gate.errors import UnreadableEntryError

if TYPE_CHECKING:
    from dq_gate.quarantine.entry import Entry, Group, HistoryItem
    from dq_gate.review.service import Review


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a payload.

    Attributes:
        payload: The value's shape, or revealed, the value as tagged JSON.
        original: The same of the value as it came, when it was edited since.
        edits: When it was edited and by whom; revealed, with a JSON Patch of what was changed.
        problem: Why the payload cannot be opened, when it cannot.
    """

    payload: Any = None
    original: Any = None
    edits: tuple[dict[str, Any], ...] = ()
    problem: str | None = None


def payload_of(review: Review, entry: Entry, *, reveal: bool) -> Shown:
    """Open a payload and take of it what may be shown. To reveal it, record that first.

    Raises:
        UnreadableEntryError: it is to be revealed and cannot be opened.
    """
    from dq_gate.quarantine.codec import parse
    from dq_gate.quarantine.payload import read
    from dq_gate.review.masking import mask

    try:
        content = review.content(entry)
        document = read(content.document)
    except UnreadableEntryError as error:
        if reveal:
            raise
        return Shown(problem=str(error))
    edits = tuple({"at": when(edit.at), "who": edit.who} for edit in document.edits)
    if not reveal:
        return Shown(mask(document.value), mask(document.original) if edits else None, edits)
    tagged = parse(content.document)
    patches = tuple(shown | {"patch": list(edit.patch)} for shown, edit in zip(edits, document.edits, strict=True))
    whole = {name: tagged[name] for name in ("head", "bytes", "sha256", "erased") if name in tagged}
    return Shown(tagged.get("value", whole), tagged.get("original"), patches)


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


def detail(entry: Entry, shown: Shown) -> dict[str, Any]:
    """An entry as `quarantine show` prints it in JSON."""
    return summary(entry) | {
        "namespace": entry.namespace,
        "pack_digest": entry.pack_digest,
        "violations": [asdict(violation) for violation in entry.violations],
        "payload": shown.payload,
        "lease": {"owner": entry.lease.owner, "until": when(entry.lease.until)} if entry.lease else None,
        "verdict": entry.verdict,
        "waivers": [{"rule_id": w.rule_id, "who": w.who, "reason": w.reason} for w in entry.waivers],
        "history": [step(item) for item in entry.history],
        "not_before": when(entry.not_before) if entry.not_before else None,
        "original": shown.original,
        "edits": list(shown.edits),
        "problem": shown.problem,
    }


def readable(entry: Entry, shown: Shown) -> dict[str, Any]:
    """An entry as `quarantine show` prints it for people."""
    lines: dict[str, Any] = summary(entry) | {
        "violations": [
            f"{v.rule_id} ({v.field}): {v.message}" + (f", at {v.span[0]} to {v.span[1]}" if v.span else "")
            for v in entry.violations
        ],
        "payload": shown.problem or _by_name(shown.payload),
    }
    if shown.edits:
        lines["original"] = _by_name(shown.original)
        lines["edits"] = [
            f"{edit['at']} by {edit['who']}" + "".join(f" {dump(change)}" for change in edit.get("patch", ()))
            for edit in shown.edits
        ]
    return lines | {
        "lease": f"{entry.lease.owner} until {when(entry.lease.until)}" if entry.lease else None,
        "not_before": when(entry.not_before) if entry.not_before else None,
        "verdict": entry.verdict,
        "waivers": [f"{w.rule_id} by {w.who}: {w.reason}" for w in entry.waivers],
        "history": [f"{when(h.at)} {h.action} by {actor(h)}" + (f": {h.why}" if h.why else "") for h in entry.history],
    }


def step(item: HistoryItem) -> dict[str, Any]:
    """An action in an entry's history, as JSON has it."""
    return {"at": when(item.at), "who": item.who, "account": item.account, "action": item.action, "why": item.why}


def actor(item: HistoryItem) -> str:
    """Who acted: the name that was claimed, beside the account that the store knows when that is another."""
    return f"{item.who} (account {item.account})" if item.account and item.account != item.who else item.who


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


def _by_name(payload: Any) -> Any:
    """A payload for people: a line for each field."""
    if isinstance(payload, dict) and payload:
        return [f"{name}: {dump(value)}" for name, value in payload.items()]
    return payload
