"""The list of groups of like failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.widgets import DataTable, Footer, Static

from dq_gate.cli.output import age, safe
from dq_gate.cli.reviewer.listing import Listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from dq_gate.quarantine.entry import Group


class GroupsScreen(Listing):
    """Groups with undecided entries, the largest first."""

    class Opened(Message):
        """A group is to be looked into."""

        def __init__(self, group: Group) -> None:
            super().__init__()
            self.group = group

    def __init__(self) -> None:
        super().__init__()
        self._groups: list[Group] = []

    def compose(self) -> ComposeResult:
        yield Static(id="status", markup=False)
        yield DataTable(cursor_type="row")
        yield Footer(compact=True)

    async def on_mount(self) -> None:
        self._table.add_columns("open", "seen", "last", "source", "rules")
        await self.read()

    async def on_screen_resume(self) -> None:
        if self._table.columns:
            await self.read()

    async def read(self) -> None:
        groups = await self.reviewer.carry_out(self.reviewer.desk.groups)
        if groups is None:
            return
        row = self._table.cursor_row
        self._groups = groups
        self._table.clear()
        now = self.reviewer.desk.review.now()
        for group in groups:
            last = age(group.last_seen, now)
            cells = (str(group.open), str(group.count), last, safe(group.source), safe(", ".join(group.rules)))
            self._table.add_row(*map(Text, cells))
        self._table.move_cursor(row=row)
        count = "1 group" if len(groups) == 1 else f"{len(groups)} groups"
        self.show_status(count if groups else "nothing waits for a decision")

    async def chosen(self) -> Sequence[str]:
        group = self._current
        if group is None:
            return ()
        return await self.reviewer.carry_out(lambda: self.reviewer.desk.every_id(group.fingerprint)) or ()

    def failed_rules(self) -> Sequence[str]:
        return self._current.rules if self._current else ()

    def on_data_table_row_selected(self) -> None:
        if self._current is not None:
            self.post_message(self.Opened(self._current))

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one(DataTable)

    @property
    def _current(self) -> Group | None:
        row = self._table.cursor_row
        return self._groups[row] if 0 <= row < len(self._groups) else None
