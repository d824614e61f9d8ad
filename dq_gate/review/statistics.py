"""How the rules of packs do: what they hit, by the event log, and how often reviewers agreed, by the quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dq_gate.events import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dq_gate.quarantine.entry import Entry

WINDOW_CLOSED = f"{PREFIX}window.closed"


@dataclass(slots=True)
class RuleStatistics:
    """What became of one rule's findings.

    Attributes:
        hits: Inputs that failed it while it was enforced, warnings included.
        shadow_hits: Inputs that failed it in shadow mode.
        open: Entries it put into the quarantine that nobody has decided yet.
        right: Entries of its that reviewers found to be bad input.
        wrong: Entries that reviewers released because the rule was wrong about them.
    """

    rule_id: str
    hits: int = 0
    shadow_hits: int = 0
    open: int = 0
    right: int = 0
    wrong: int = 0

    @property
    def precision(self) -> float | None:
        """Share of the decided entries that were bad input; None while none is decided."""
        decided = self.right + self.wrong
        return self.right / decided if decided else None


class Statistics:
    """Gathers figures for every rule that shows up."""

    def __init__(self) -> None:
        self.rules: dict[str, RuleStatistics] = {}

    def of(self, rule_id: str) -> RuleStatistics:
        """A rule's figures."""
        return self.rules.setdefault(rule_id, RuleStatistics(rule_id))

    def add_event(self, event: Mapping[str, Any]) -> None:
        """Take in an event; all but windows tell nothing here. Rows of another form than ours are left out."""
        rows = event.get("rules") if event.get("event") == WINDOW_CLOSED else None
        for row in rows if isinstance(rows, list) else ():
            match row:
                case {"rule_id": str(rule_id), "mode": "enforce", "count": int(count)}:
                    self.of(rule_id).hits += count
                case {"rule_id": str(rule_id), "mode": "shadow", "count": int(count)}:
                    self.of(rule_id).shadow_hits += count

    def add_entries(self, entries: Iterable[Entry]) -> None:
        """Take in entries of the quarantine with what reviewers said of them.

        An entry that was discarded as invalid speaks for every rule that refused it. One that was released with a
        waiver speaks against the waived rules alone; one that was edited, for the others. Where the verdict is valid
        and nothing is waived, it speaks against them all; without a verdict, of none.
        """
        for entry in entries:
            deciding = {v.rule_id for v in entry.violations if v.on_fail == "quarantine"}
            waived = {waiver.rule_id for waiver in entry.waivers}
            for rule_id in deciding:
                figures = self.of(rule_id)
                if entry.verdict == "invalid" and (entry.state == "discarded" or rule_id not in waived):
                    figures.right += 1
                elif rule_id in waived or (entry.verdict == "valid" and not waived):
                    figures.wrong += 1
                elif entry.state in ("pending", "leased"):
                    figures.open += 1
