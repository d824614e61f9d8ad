"""The rules in force, as one value: an input meets the same ones from binding to entry, whatever is reloaded."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from dq_gate.core.decide import decide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dq_gate.core.model import Decision
    from dq_gate.packs.compile import CompiledPack
    from dq_gate.quarantine.build import Withheld


class Rules:
    """A compiled pack and what the gate derives from it. Never changed: a reload puts another one in its place.

    Attributes:
        pack: The compiled rules.
        judge: Decides one record.
        names: Every spelling of every field.
        withheld: Fields whose values the quarantine does not keep, under every spelling.
        unused: Ids of rules that judge whole batches, which inputs that come one by one never meet.
    """

    __slots__ = ("judge", "names", "pack", "unused", "withheld")

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

    def warn_of_unused(self) -> None:
        """Say, once, that some rules judge nothing here: silence would be taken for their consent."""
        unused, self.unused = self.unused, ()
        if unused:
            reason = "judge whole batches only: use admit_frame, or give them a `window`"
            warnings.warn(f"rules of pack {self.pack.id.name} {reason}: {', '.join(unused)}", stacklevel=4)

    def redacted(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record without whatever a rule would take out of it."""
        kept = dict(record)
        for rule in self.pack.rules:
            redact = self.pack.redactors.get(rule.id)
            for name in (rule.field, *self.pack.specs[rule.field].aliases) if redact else ():
                if isinstance(kept.get(name), (str, list, tuple)):
                    assert redact is not None
                    kept[name] = redact(kept[name])
        return kept

    def redactions(self, decision: Decision) -> Iterator[tuple[str, Callable[[Any], Any]]]:
        """For each rule that found what nobody should keep: where, under every spelling, and what takes it out."""
        for violation in (*decision.violations, *decision.shadowed):
            redact = self.pack.redactors.get(violation.rule_id)
            if redact is not None:
                for name in (violation.field, *self.pack.specs[violation.field].aliases):
                    yield name, redact
