"""The rules in force, as one value: an input meets the same ones from binding to entry, whatever is reloaded."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from dq_gate.core.decide import decide

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from dq_gate.core.model import Decision
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.quarantine.build import Withheld
    from dq_gate.quarantine.redaction import Redactions


class Rules:
    """A compiled pack and what the gate derives from it. Never changed: a reload puts another one in its place.

    Attributes:
        pack: The compiled rules.
        judge: Decides one record.
        names: Every spelling of every field.
        withheld: Fields whose values the quarantine does not keep, under every spelling.
        redactions: What takes out of inputs that which nobody should keep.
        subject_fields: Fields that say whose data an input is, under every spelling.
        unused: Ids of rules that judge whole batches, which inputs that come one by one never meet.
    """

    __slots__ = ("judge", "names", "pack", "redactions", "subject_fields", "unused", "withheld")

    def __init__(self, pack: CompiledPack) -> None:
        self.pack = pack
        self.judge: Callable[[Any], Decision] = partial(decide, pack.plan)
        self.unused = tuple(rule.rule.id for rule in pack.frame_rules if rule.window is None)
        self.names = tuple(name for field, spec in pack.specs.items() for name in (field, *spec.aliases))
        self.withheld: dict[str, Withheld] = {
            name: spec.store
            for field, spec in pack.specs.items()
            for name in (field, *spec.aliases)
            if spec.store != "full"
        }
        self.subject_fields = tuple(
            name for field, spec in pack.specs.items() if spec.subject for name in (field, *spec.aliases)
        )
        self.redactions = _redactions(pack, frozenset(self.names))

    def warn_of_unused(self) -> None:
        """Say, once, that some rules judge nothing here: silence would be taken for their consent."""
        unused, self.unused = self.unused, ()
        if unused:
            reason = "judge whole batches only: use admit_frame, or give them a `window`"
            warnings.warn(f"rules of pack {self.pack.id.name} {reason}: {', '.join(unused)}", stacklevel=4)

    def redacted(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record without whatever a rule would take out of it."""
        kept: dict[str, Any] = self.redactions.redacted(record, ())[0]
        return kept


def _redactions(pack: CompiledPack, names: Collection[str]) -> Redactions:
    """What the pack's rules take out of inputs."""
    from dq_gate.packs.types import TYPES
    from dq_gate.quarantine.redaction import Redactions, Redactor

    by_field: dict[str, list[Redactor]] = {}
    of_text = []
    for rule in pack.rules:
        redact = pack.redactors.get(rule.id)
        if redact is None:
            continue
        spec = pack.specs[rule.field]
        for name in (rule.field, *spec.aliases):
            by_field.setdefault(name, []).append(Redactor(rule.id, redact, TYPES[spec.type][1]))
        of_text.append(partial(_redact_one, redact) if spec.type == "list[str]" else redact)
    return Redactions({name: tuple(redactors) for name, redactors in by_field.items()}, names, tuple(of_text))


def _redact_one(redact_items: Callable[[Any], Any], text: str) -> str:
    """A text redacted as an item of a list is."""
    redacted: str = redact_items([text])[0]
    return redacted
