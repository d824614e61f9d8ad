"""The document within a payload: a record as it is now and, once edited, as it came and what was changed.

    {"v":1,"value":{"query":"a"}}                                                                  as it came
    {"v":1,"value":{"query":"b"},"original":{"query":"a"},"edits":[{"at":…,"who":…,"patch":[…]}]}  edited
    {"v":1,"value":…,"subjects":["…"]}     sealed: whose data it is, by which rotation makes new digests

Values are the codec's tagged JSON; a patch is a JSON Patch (RFC 6902) from the one before an edit to the one after. A
release that knows no edits reads the value.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.errors import ReviewError
from dq_gate.quarantine.codec import decode, encode, parse, read_tagged, refusing_damage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dq_gate.quarantine.entry import Entry
    from dq_gate.quarantine.vault import Vault

MAX_BYTES = 1 << 20
"""Longest document: a value, an original, and the patches between them."""
ERASED = b'{"v":1,"erased":true}'
_OPAQUE = b'{"$opaque":'

Patch = tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a record.

    Attributes:
        at: Seconds since the epoch.
        who: Who edited, as they say.
        patch: JSON Patch operations over the tagged JSON.
    """

    at: float
    who: str
    patch: Patch


@dataclass(frozen=True, slots=True)
class Document:
    """What a payload holds.

    Attributes:
        value: The record as it is now; `Head` or `Erased` where it was not kept.
        original: The record as it came; the same as `value` when it was never edited.
        edits: What was changed, oldest first.
    """

    value: Any
    original: Any
    edits: tuple[Edit, ...] = ()


def read(document: bytes) -> Document:
    """Read all of a document; `codec.decode` reads the value alone.

    Raises:
        UnreadableEntryError: it is damaged, or of a version this release does not know.
    """
    value = decode(document)
    parsed = parse(document)
    with refusing_damage():
        original = read_tagged(parsed["original"]) if "original" in parsed else value
        edits = tuple(Edit(edit["at"], edit["who"], tuple(edit["patch"])) for edit in parsed.get("edits", ()))
    return Document(value, original, edits)


def edited(document: bytes, value: Any, *, who: str, at: float, subjects: Iterable[str] = ()) -> bytes:
    """The document with another value, which keeps the original and what was changed.

    Args:
        document: The document before the edit.
        value: The record after it.
        who: Who edits.
        at: Seconds since the epoch.
        subjects: Added to those of the document.

    Raises:
        ReviewError: the value before or after is not whole, or there were too many edits.
        UnreadableEntryError: the document is damaged.
    """
    before, after = parse(document), encode(value)
    if "value" not in before or _OPAQUE in document:
        raise ReviewError("what is stored of this record is not the whole of it, so it cannot be edited")
    if not after.complete:
        raise ReviewError("the edited record cannot be kept whole: it is too large, or holds values of foreign types")
    now = parse(after.payload)["value"]
    edit = {"at": at, "who": who, "patch": list(_difference(before["value"], now, ""))}
    changes = {"value": now, "original": before.get("original", before["value"])}
    changes["edits"] = [*before.get("edits", ()), edit]
    if subjects := dict.fromkeys((*before.get("subjects", ()), *subjects)):
        changes["subjects"] = list(subjects)
    document = orjson.dumps(before | changes)
    if len(document) > MAX_BYTES:
        raise ReviewError("the edits of this record have grown too large to keep; discard it and admit a corrected one")
    return document


def edited_entry(entry: Entry, value: Any, vault: Vault, *, who: str, at: float, subjects: Iterable[str] = ()) -> Entry:
    """An entry with its record edited, as `Act.rewrite` takes it.

    Args:
        entry: The entry as it was read.
        value: The record after the edit.
        vault: Opens and seals.
        who: Who edits.
        at: Seconds since the epoch.
        subjects: Whose data the edited record is, by `subject_digest`; those from before stay, as the original does.

    Raises:
        ReviewError: the record before or after is not whole, or there were too many edits.
        UnreadableEntryError: the payload is damaged, or cannot be opened.
    """
    if not entry.replayable:
        raise ReviewError("what is stored of this record is not the whole of it, so it cannot be edited")
    subjects = tuple(subjects)
    document = vault.open(entry.id, entry.payload)
    document = edited(document, value, who=who, at=at, subjects=subjects if vault.seals else ())
    payload = vault.seal(entry.id, document)
    return replace(
        entry,
        payload=payload,
        payload_digest=vault.digest(payload),
        subjects=tuple(dict.fromkeys((*entry.subjects, *vault.subjects(subjects)))),
    )


def erased_entry(entry: Entry, vault: Vault) -> Entry:
    """An entry without its record, as `Act.rewrite` takes it: no value, original, edit or subject is left."""
    return replace(entry, payload=ERASED, payload_digest=vault.digest(ERASED), replayable=False, subjects=())


def with_subjects(document: bytes, bare: Iterable[str]) -> bytes:
    """What the codec wrote, with the digests that `subject_digest` made of whose data it is."""
    return b'%b,"subjects":%b}' % (document[:-1], orjson.dumps(list(bare)))


def subjects_of(document: bytes) -> tuple[str, ...]:
    """What `with_subjects` put into a document."""
    return tuple(parse(document).get("subjects", ()))


def _difference(before: Any, after: Any, path: str) -> Iterator[dict[str, Any]]:
    """JSON Patch operations that make one value the other; tagged values are replaced whole."""
    if type(before) is type(after) is dict and not (_is_tagged(before) or _is_tagged(after)):
        yield from _difference_of_objects(before, after, path)
    elif type(before) is type(after) is list:
        yield from _difference_of_lists(before, after, path)
    elif not _same(before, after):
        yield {"op": "replace", "path": path, "value": after}


def _difference_of_objects(before: dict[str, Any], after: dict[str, Any], path: str) -> Iterator[dict[str, Any]]:
    for key in before:
        if key not in after:
            yield {"op": "remove", "path": _below(path, key)}
    for key, item in after.items():
        if key in before:
            yield from _difference(before[key], item, _below(path, key))
        else:
            yield {"op": "add", "path": _below(path, key), "value": item}


def _difference_of_lists(before: Sequence[Any], after: Sequence[Any], path: str) -> Iterator[dict[str, Any]]:
    """What differs between the items that both begin with and those that both end with."""
    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    for index, (item, other) in enumerate(zip(old, new, strict=False), start):
        yield from _difference(item, other, f"{path}/{index}")
    for index in range(start + len(old) - 1, start + len(new) - 1, -1):
        yield {"op": "remove", "path": f"{path}/{index}"}
    for index in range(start + len(old), start + len(new)):
        yield {"op": "add", "path": f"{path}/{index}", "value": after[index]}


def _shared(before: Sequence[Any], after: Sequence[Any]) -> int:
    """How many items two lists begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: _same(*pair), zip(before, after, strict=False)))


def _same(before: Any, after: Any) -> bool:
    """Whether two JSON values are the same text, so that 1, 1.0 and true differ."""
    return orjson.dumps(before) == orjson.dumps(after)


def _is_tagged(node: dict[str, Any]) -> bool:
    return next(iter(node), "").startswith("$")


def _below(path: str, key: str) -> str:
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
