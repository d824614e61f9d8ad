"""Edit an entry: a new value, judged by the gate before it takes the place of the old one.

What the value was at first, and what each edit changed, stays inside the payload, sealed where that is sealed. History
and events say that an edit happened, and by whom; never what it changed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from dq_gate import events
from dq_gate.core import lifecycle
from dq_gate.errors import ReviewError
from dq_gate.quarantine.build import subjects_in
from dq_gate.quarantine.codec import Erased, encode, parse
from dq_gate.quarantine.entry import Act, ActResult, Waiver
from dq_gate.quarantine.payload import edited_entry
from dq_gate.review.service import MAX_NAMED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from dq_gate.core.model import Violation
    from dq_gate.quarantine.entry import Entry
    from dq_gate.quarantine.redaction import Redactions
    from dq_gate.review.service import Judge, Review

EditResult = ActResult | Literal["unchanged", "refused"]
"""`unchanged`: the value is what it was. `refused`: it still fails rules that are not waived."""


class Rules(Protocol):
    """What a pack says about the records that are kept; a gate's `rules` are some."""

    @property
    def withheld(self) -> Collection[str]:
        """Fields whose values are not kept as they are."""
        ...

    @property
    def redactions(self) -> Redactions:
        """What takes out of a record that which nobody should keep unsealed."""
        ...

    @property
    def subject_fields(self) -> Collection[str]:
        """Fields that say whose data a record is."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two values differ.

    Attributes:
        path: Where, such as `query`, `filters.tenant` or `tags[2]`; empty for the value as a whole.
        before: Tagged JSON of what was there; None for nothing.
        after: Tagged JSON of what is there now; None for nothing.
    """

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Edit:
    """What came of an edit.

    Attributes:
        violations: Rules that the new value fails, warnings included.
        changes: How it differs from the value before.
    """

    result: EditResult
    violations: tuple[Violation, ...]
    changes: tuple[Change, ...]


def editable(review: Review, entry: Entry) -> bytes:
    """The document in an entry's payload, which an edit may replace.

    Raises:
        ReviewError: it may not: it is masked, cut, opaque or erased.
        UnreadableEntryError: the payload is damaged, or sealed and cannot be opened.
    """
    content = review.content(entry)
    if isinstance(content.value, Erased):
        raise ReviewError(f"entry {entry.id}: its payload was erased, so there is nothing to edit")
    if not entry.replayable:
        raise ReviewError(
            f"entry {entry.id}: its payload was not kept whole (too large, or with fields that are masked, omitted or "
            "of no storable type), so it cannot be edited; have its source send the input again"
        )
    return content.document


def examine(
    review: Review,
    entry: Entry,
    value: Any,
    judge: Judge,
    *,
    rules: Rules | None = None,
    waive: Sequence[str] = (),
) -> Edit:
    """Say what an edit would come to, as far as the value is concerned, and change nothing.

    Args:
        review: Who edits.
        entry: As it was read.
        value: What is to take the place of its value.
        judge: Judges the value, as the pack that refused the entry does.
        rules: What the pack says about the records that are kept.
        waive: Rules that are wrong about the new value. Rules waived for the value before stay waived.

    Raises:
        ReviewError: the entry's payload cannot be edited, or the value cannot be stored.
        UnreadableEntryError: the payload is damaged, or sealed and cannot be opened.
    """
    before = parse(editable(review, entry))["value"]
    _refuse_unstorable(review, value, rules)
    waived = frozenset(waiver.rule_id for waiver in _standing(entry)) | frozenset(waive)
    decision = judge(value, waived=waived)
    changes = tuple(differences(before, parse(encode(value).payload)["value"]))
    if not changes:
        return Edit("unchanged", decision.violations, ())
    return Edit("refused" if decision.value is None else "done", decision.violations, changes)


def edit(
    review: Review,
    entry: Entry,
    token: str,
    value: Any,
    judge: Judge,
    *,
    rules: Rules | None = None,
    waive: Sequence[str] = (),
    reason: str = "",
) -> Edit:
    """Put a new value in the place of a claimed entry's, if it passes the gate.

    The entry counts as rightly refused from then on: its input was not valid as it came.

    Args:
        review: Who edits.
        entry: As it was read; when someone else edited it meanwhile, the answer is `changed`.
        token: The lease's secret.
        value: The new value.
        judge: Judges the value, as the pack that refused the entry does.
        rules: What the pack says about the records that are kept.
        waive: Rules that are wrong about the new value. Rules waived for the value before stay waived.
        reason: Why; required with `waive`.

    Raises:
        ReviewError: a waiver without a reason, or as in `examine`.
        UnreadableEntryError: the payload is damaged, or sealed and cannot be opened.
    """
    if waive and not reason:
        raise ReviewError("a waiver needs a reason: --reason 'why the rule is wrong here'")
    examined = examine(review, entry, value, judge, rules=rules, waive=waive)
    if examined.result != "done":
        return examined
    rewrite = _rewritten(review, entry, value, rules)
    new = [Waiver(rule, rewrite.payload_digest, review.who, reason) for rule in waive]
    kept = [replace(waiver, payload_digest=rewrite.payload_digest) for waiver in _standing(entry)]
    act = Act(
        lifecycle.EDIT,
        review.note(lifecycle.EDIT, reason),
        token=token,
        verdict="invalid",
        waivers=(*kept, *new),
        rewrite=rewrite,
    )

    def edited(entry_ids: tuple[str, ...], who: str) -> events.EntryEdited:
        return events.EntryEdited(entry_ids, who, tuple(waive[:MAX_NAMED]))

    result = review.act(entry.id, act, edited)
    return Edit(result, examined.violations, examined.changes)


def differences(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """Where two values of tagged JSON differ: in mappings by name, in lists of one length by place."""
    if isinstance(before, dict) and isinstance(after, dict) and not (_is_tagged(before) or _is_tagged(after)):
        for name in dict.fromkeys((*before, *after)):
            inner = f"{path}.{name}" if path else name
            yield from differences(before.get(name, _NOTHING), after.get(name, _NOTHING), inner)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{path}[{number}]")
    elif _text(before) != _text(after):
        yield Change(path, _text(before), _text(after))


_NOTHING = object()


def _refuse_unstorable(review: Review, value: Any, rules: Rules | None) -> None:
    """Refuse a value that the quarantine would not have kept as it is when it came."""
    if not encode(value).complete:
        raise ReviewError("the new value is too large or too deep to be kept whole")
    if rules is None or not isinstance(value, dict):
        return
    named = sorted(set(rules.withheld).intersection(value))
    if named:
        raise ReviewError(f"the pack does not have the field {named[0]!r} stored as it is: leave it away")
    if not review.vault.seals and not rules.redactions.redacted(value, ())[1]:
        raise ReviewError(
            "the new value holds what is not kept without a sealing key: a secret, or data of a person; take it out"
        )


def _standing(entry: Entry) -> list[Waiver]:
    """The waivers that hold for the payload as it is."""
    return [waiver for waiver in entry.waivers if waiver.payload_digest == entry.payload_digest]


def _rewritten(review: Review, entry: Entry, value: Any, rules: Rules | None) -> Entry:
    subjects = subjects_in(value, rules.subject_fields, entry.namespace) if rules is not None else ()
    return edited_entry(entry, value, review.vault, who=review.who, at=review.now(), subjects=subjects)


def _is_tagged(value: dict[str, Any]) -> bool:
    return next(iter(value), "").startswith("$")


def _text(value: Any) -> str | None:
    return None if value is _NOTHING else json.dumps(value, ensure_ascii=False, sort_keys=True)
