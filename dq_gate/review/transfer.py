"""Entries as rows of an export, and rows of a revealed export as new entries."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dq_gate import events
from dq_gate.core.lifecycle import IMPORT
from dq_gate.core.model import Violation
from dq_gate.errors import ReviewError, UnreadableEntryError
from dq_gate.quarantine.build import fingerprint
from dq_gate.quarantine.codec import decode, parse
from dq_gate.quarantine.entry import MAX_BATCH, Act, Entry
from dq_gate.quarantine.payload import subjects_of, with_subjects
from dq_gate.review.masking import mask
from dq_gate.review.service import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dq_gate.quarantine.entry import PutResult
    from dq_gate.review.service import Result, Review

FORMAT = 1
"""Version of the rows."""
_REFUSED: dict[PutResult, Result] = {"seen": "already_there", "counted": "full", "erased": "erased"}
_Name = Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,64}$")]


class _Reason(BaseModel):
    """A violation in a row."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rule_id: Annotated[str, Field(min_length=1, max_length=256)]
    field: str
    check: str
    on_fail: Literal["quarantine", "warn"]
    message: str
    span: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None


class _Row(BaseModel):
    """What an import needs of a row; the rest of it is for readers."""

    model_config = ConfigDict(extra="ignore", strict=True)

    export: Literal[1]
    revealed: Literal[True]
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
    namespace: _Name
    source: _Name
    pack: Annotated[str, Field(pattern=r"^[^@]{1,128}@[0-9]{1,9}$")]
    pack_digest: Annotated[str, Field(max_length=128)]
    created_at: str
    replayable: bool
    violations: list[_Reason]
    subjects: list[str] = []
    payload: dict[str, Any]


def exported(review: Review, entry: Entry, *, reveal: bool) -> dict[str, Any]:
    """An entry as a row: plain JSON, stable.

    Args:
        review: Opens payloads; to reveal them, record that first.
        entry: The entry.
        reveal: Whether the row has the content; otherwise its shape.
    """
    payload, problem, subjects = _payload(review, entry, reveal=reveal)
    return {
        "export": FORMAT,
        "revealed": reveal and problem is None,
        "id": entry.id,
        "namespace": entry.namespace,
        "state": entry.state,
        "created_at": _time(entry.created_at),
        "source": entry.source,
        "pack": f"{entry.pack}@{entry.pack_version}",
        "pack_digest": entry.pack_digest,
        "group": entry.fingerprint,
        "attempts": entry.attempts,
        "seen": entry.seen,
        "replayable": entry.replayable,
        "verdict": entry.verdict,
        "violations": [asdict(violation) for violation in entry.violations],
        "waivers": [{"rule_id": w.rule_id, "who": w.who, "reason": w.reason} for w in entry.waivers],
        "history": [asdict(item) | {"at": _time(item.at)} for item in entry.history],
        "subjects": subjects,
        "payload": payload,
        "problem": problem,
    }


def imported(review: Review, rows: Iterable[tuple[int, Any]], namespace: str) -> Iterator[Outcome]:
    """Put the entries of rows into the store, pending and with nothing decided; those that are there stay as they are.

    They count as created now, or the retention would take old ones away at once; history says on which day they came.

    Args:
        review: Who imports; its vault seals what is not sealed in the export.
        rows: Numbers, to name them by, and rows as `exported` gives them.
        namespace: The store's.

    Raises:
        ReviewError: a row is none, or is masked; those before it are put.
    """
    waiting: list[_Arrival] = []
    for number, row in rows:
        waiting.append(_arrival(review, number, row, namespace))
        if len(waiting) == MAX_BATCH:
            yield from _put(review, waiting)
            waiting = []
    yield from _put(review, waiting)


def _payload(review: Review, entry: Entry, *, reveal: bool) -> tuple[Any, str | None, list[str]]:
    """What a row has of a payload, why it does not open if it does not, and whose data it is."""
    try:
        content = review.content(entry)
        subjects = subjects_of(content.document) or entry.subjects
    except UnreadableEntryError as error:
        return None, str(error), []
    if not reveal:
        return mask(content.value), None, []
    return parse(content.document), None, list(subjects)


def _put(review: Review, arrivals: Sequence[_Arrival]) -> Iterator[Outcome]:
    first: dict[str, _Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.entry.id, arrival)
    known = dict(zip(first, review.store.known(list(first)), strict=True))
    new = [arrival for entry_id, arrival in first.items() if not known[entry_id]]
    put = review.store.put([arrival.entry for arrival in new]) if new else []
    results = {arrival.entry.id: result for arrival, result in zip(new, put, strict=True)}
    by_day: dict[str, list[str]] = {}
    for arrival in new:
        if results[arrival.entry.id] == "created":
            by_day.setdefault(arrival.day, []).append(arrival.entry.id)
    for day, entry_ids in by_day.items():
        review.store.act(entry_ids, Act(IMPORT, review.note(IMPORT, f"came on {day}")))
        review.tell(events.EntryImported, entry_ids)
    for arrival in arrivals:
        result = results.pop(arrival.entry.id, "seen")  # a later line of the same id finds the entry there
        yield Outcome(arrival.entry.id, _REFUSED.get(result, "done"))


def _arrival(review: Review, number: int, row: Any, namespace: str) -> _Arrival:
    if isinstance(row, dict) and row.get("export") == FORMAT and row.get("revealed") is False:
        raise ReviewError(f"line {number}: its payload is masked, so there is nothing to import; export with --reveal")
    try:
        given = _Row.model_validate(row)
        return _made(review, given, namespace)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_input=False, include_context=False)[0]["loc"])
        raise ReviewError(f"line {number}: is no row of an export ({where or 'not an object'})") from None
    except (UnreadableEntryError, ValueError, OverflowError):
        raise ReviewError(f"line {number}: its payload or its time is damaged") from None
    except _OtherNamespaceError:
        raise ReviewError(
            f"line {number}: holds data of a person, who could not be found by erasure in another namespace than "
            f"{given.namespace}; import it there"
        ) from None


@dataclass(frozen=True, slots=True)
class _Arrival:
    """An entry to be imported, and the day on which it first came."""

    entry: Entry
    day: str


class _OtherNamespaceError(Exception):
    """A row with subjects is of another namespace."""


def _made(review: Review, row: _Row, namespace: str) -> _Arrival:
    document = orjson.dumps(row.payload)
    decode(document)
    if namespace != row.namespace and row.subjects:
        raise _OtherNamespaceError
    if row.subjects and review.vault.seals and not subjects_of(document):
        document = with_subjects(document, row.subjects)
    payload = review.vault.seal(row.id, document)
    violations = tuple(
        Violation(**reason.model_dump(exclude={"span"}), span=(reason.span[0], reason.span[1]) if reason.span else None)
        for reason in row.violations
    )
    pack, _, version = row.pack.partition("@")
    came = datetime.fromisoformat(row.created_at).astimezone(UTC)
    entry = Entry(
        id=row.id,
        namespace=namespace,
        source=row.source,
        pack=pack,
        pack_version=int(version),
        pack_digest=row.pack_digest,
        violations=violations,
        payload=payload,
        payload_digest=review.vault.digest(payload),
        replayable=row.replayable and "value" in row.payload,
        fingerprint=fingerprint(namespace, row.source, pack, violations),
        created_at=review.now(),
        subjects=review.vault.subjects(row.subjects),
    )
    return _Arrival(entry, f"{came:%Y-%m-%d}")


def _time(seconds: float) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
