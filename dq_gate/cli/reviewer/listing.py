"""What the screens of groups and of entries share: a status line, and decisions about what is chosen."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, cast

from textual import work
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static

from dq_gate.cli.output import safe
from dq_gate.cli.reviewer.desk import Ruling
from dq_gate.cli.reviewer.dialogs import Waiving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import BindingType

    from dq_gate.cli.reviewer.workplace import Workplace


_PAST = {"release": "released", "discard": "discarded"}


class Listing(Screen[None]):
    """A list on which decisions can be taken."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("c", "claim", "Claim"),
        Binding("x", "unclaim", "Give back", show=False),
        ("r", "release", "Release"),
        ("w", "waive", "Waive"),
        ("d", "discard", "Discard"),
        Binding("f5", "read", "Read again", show=False),
    ]

    @property
    def reviewer(self) -> Workplace:
        """The application that this screen belongs to."""
        return cast("Workplace", self.app)

    @abstractmethod
    async def chosen(self) -> Sequence[str]:
        """Ids of the entries that a decision is about."""

    @abstractmethod
    def failed_rules(self) -> Sequence[str]:
        """Rules that they failed."""

    @abstractmethod
    async def read(self) -> None:
        """Show what the store holds now."""

    def after_decision(self) -> None:
        """Go on to what is to be decided next."""

    def show_status(self, text: str) -> None:
        """Say in the first line where we are, and how much is not sent."""
        unsent = self.reviewer.desk.unsent
        first = f"{unsent} not sent (s sends) · " if unsent else ""
        self.query_one("#status", Static).update(safe(f"{first}{self.reviewer.heading} · {text}"))

    async def action_read(self) -> None:
        await self.read()

    async def action_claim(self) -> None:
        ids = await self.chosen()
        if tally := await self.reviewer.carry_out(lambda: self.reviewer.desk.claim(ids)):
            self.reviewer.tell_tally("claimed", tally)
        await self.read()

    async def action_unclaim(self) -> None:
        ids = await self.chosen()
        if tally := await self.reviewer.carry_out(lambda: self.reviewer.desk.unclaim(ids)):
            self.reviewer.tell_tally("given back", tally)
        await self.read()

    async def action_release(self) -> None:
        await self._decide(Ruling("release"))

    async def action_discard(self) -> None:
        await self._decide(Ruling("discard"))

    @work
    async def action_waive(self) -> None:
        rules = self.failed_rules()
        if not rules:
            return
        if ruling := await self.app.push_screen_wait(Waiving(rules)):
            await self._decide(ruling)

    async def _decide(self, ruling: Ruling) -> None:
        ids = await self.chosen()
        if not ids:
            self.reviewer.tell("there is nothing to decide about")
            return
        tally = await self.reviewer.carry_out(lambda: self.reviewer.desk.decide(ids, ruling))
        if tally is not None:
            self.reviewer.tell_tally(f"to be {_PAST[ruling.kind]}", tally)
            self.after_decision()
        await self.read()
