"""The full-screen reviewer: a list of groups, and of a group's entries, on one desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work

from dq_gate.cli.reviewer.dialogs import Help, Leaving
from dq_gate.cli.reviewer.entries import EntriesScreen
from dq_gate.cli.reviewer.groups import GroupsScreen
from dq_gate.cli.reviewer.workplace import Workplace

if TYPE_CHECKING:
    from textual.binding import BindingType

RENEW_EVERY = 60.0
"""Seconds between renewals of the leases on what is decided and not sent."""


class Reviewer(Workplace):
    """The application. See `Workplace`."""

    CSS = """
    #status { height: 1; background: $primary; color: $text; padding: 0 1; }
    DataTable { height: 1fr; }
    #list { width: 26; border-right: solid $primary; }
    #detail { padding: 0 1; }
    ModalScreen { align: center middle; }
    .dialog { width: 76; height: auto; max-height: 22; border: round $primary; background: $surface; padding: 0 1; }
    .tall { height: 22; }
    SelectionList { height: auto; max-height: 10; }
    TextArea { height: 1fr; }
    #problem { color: $error; height: auto; max-height: 6; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        ("u", "undo", "Undo"),
        ("s", "send", "Send"),
        ("question_mark", "help", "Keys"),
        ("q", "leave", "Leave"),
    ]

    def on_mount(self) -> None:
        self.push_screen(GroupsScreen())
        self.set_interval(RENEW_EVERY, self._renew)

    def on_groups_screen_opened(self, opened: GroupsScreen.Opened) -> None:
        self.push_screen(EntriesScreen(opened.group))

    async def action_undo(self) -> None:
        decided = await self.carry_out(self.desk.undo)
        if decided is None:
            self.tell("there is nothing to undo: what was sent is done")
        else:
            self.tell(f"{decided.ruling.kind} of {len(decided.entry_ids)} taken back; still claimed")
        await self.read_again()

    async def action_send(self) -> None:
        unsent = self.desk.unsent
        if not unsent:
            self.tell("there is nothing to send")
            return
        self.tell(f"sending {unsent} …")
        for tally in await self.carry_out(lambda: list(self.desk.send())) or ():
            self.tell_tally("sent", tally)
        await self.read_again()

    def action_help(self) -> None:
        self.push_screen(Help())

    @work
    async def action_leave(self) -> None:
        if self.desk.unsent:
            answer = await self.push_screen_wait(Leaving(self.desk.unsent))
            if answer is None:
                return
            await (self.action_send() if answer == "send" else self.carry_out(self.desk.drop))
            if self.desk.unsent:
                return
        self.exit()

    async def read_again(self) -> None:
        """Have every list read what the store holds now."""
        for screen in self.screen_stack:
            if isinstance(screen, GroupsScreen | EntriesScreen):
                await screen.read()

    async def _renew(self) -> None:
        if self.desk.unsent:
            await self.carry_out(self.desk.renew)
