"""What tests of reviewing share: a pack, a clock that stands still, and a reviewer at a desk with a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from dq_gate.core.decide import decide
from dq_gate.gate.rules import Rules
from dq_gate.quarantine.build import build_entry
from dq_gate.quarantine.entry import MAX_BATCH
from dq_gate.quarantine.vault import Vault
from dq_gate.review.service import Review
from tests.fakes import Reports
from tests.packs import make_pack

if TYPE_CHECKING:
    from dq_gate.quarantine.entry import Entry, Store

LEASE = 60.0
BLANK = {"query": " "}
LOUD = {"query": "hello!!"}
PACK = make_pack(
    {
        "query": {"type": "str"},
        "top_k": {"type": "int", "required": False, "le": 100},
        "customer": {"type": "str", "required": False, "subject": True},
        "password": {"type": "str", "required": False, "store": "masked"},
        "note": {"type": "str", "required": False},
    },
    [
        {"id": "query.text.present", "field": "query", "check": "not_blank"},
        {"id": "query.text.long", "field": "query", "check": "length", "min": 2},
        {"id": "query.text.calm", "field": "query", "check": "not_matches", "patterns": ["!!"]},
        {"id": "note.secrets.absent", "field": "note", "check": "no_secrets"},
    ],
)
RULES = Rules(PACK)
judge = partial(decide, PACK.plan)


class Clock:
    """Stands still unless it is set."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Desk:
    """A reviewer's place at a store.

    Attributes:
        told: Events of the reviewer's actions.
    """

    store: Store
    namespace: str
    clock: Clock
    vault: Vault = field(default_factory=Vault)
    told: Reports = field(default_factory=Reports)

    def reviewer(self, who: str = "ann") -> Review:
        """A reviewer at this desk."""
        return Review(self.store, who=who, emit=self.told, lease_seconds=LEASE, vault=self.vault, clock=self.clock)

    def put(self, record: Any, *, key: str | None = None, source: str = "faq") -> str:
        """Quarantine a record; its entry's id."""
        entry = self._made(record, key, source)
        assert self.store.put([entry]) == ["created"]
        return entry.id

    def put_many(self, record: Any, times: int) -> list[str]:
        """Quarantine a record so many times; ids in the order of lists."""
        entries = [self._made(record, None, "faq") for _ in range(times)]
        for start in range(0, times, MAX_BATCH):
            self.store.put(entries[start : start + MAX_BATCH])
        return sorted(entry.id for entry in entries)

    def entry(self, entry_id: str) -> Entry:
        """An entry that is there."""
        entry = self.store.get(entry_id)
        assert entry is not None
        return entry

    def actions(self, entry_id: str) -> list[str]:
        """What its history says was done."""
        return [item.action for item in self.entry(entry_id).history]

    def names(self) -> list[str]:
        """Names of the events, without their prefix."""
        return [event.name.removeprefix("dq_gate.entry.") for event in self.told.events]

    def _made(self, record: Any, key: str | None, source: str) -> Entry:
        decision = judge(record)
        return build_entry(
            record,
            decision.violations,
            pack=PACK.id,
            namespace=self.namespace,
            source=source,
            now=self.clock(),
            key=key,
            withheld=RULES.withheld,
            redactions=RULES.redactions,
            found=[violation.rule_id for violation in decision.violations],
            subject_fields=RULES.subject_fields,
            vault=self.vault,
        )
