"""The list of a group's entries, and the one under the cursor in full."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Footer, Static

from dq_gate.cli.editor import editable_text, in_editor
from dq_gate.cli.entries import deciding_rules
from dq_gate.cli.outcomes import REASONS
from dq_gate.cli.output import age, safe
from dq_gate.cli.reviewer.details import describe, reasons_alone
from dq_gate.cli.reviewer.dialogs import Editing
from dq_gate.cli.reviewer.listing import Listing
from dq_gate.errors import DqGateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from dq_gate.quarantine.entry import Entry, Group
    from dq_gate.review.editing import Edit

_MARKS = {"release": ("→", "green"), "discard": ("✗", "red")}
_ID_SHOWN = 12
"""Last characters of an id in the list: the first of a time-ordered one are alike."""


class EntriesScreen(Listing):
    """Undecided entries of one group, oldest first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back", show=False),
        Binding("space", "choose", "Choose", show=False),
        Binding("a", "choose_all", "All", show=False),
        ("v", "reveal", "Show"),
        ("e", "edit", "Edit"),
        Binding("E", "edit_outside", "Edit in $EDITOR", show=False),
    ]

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group
        self._entries: list[Entry] = []
        self._chosen: set[str] = set()
        self._rest: str | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="status", markup=False)
        with Horizontal():
            yield DataTable(cursor_type="row", id="list")
            with VerticalScroll(can_focus=True):
                yield Static(id="detail", markup=False)
        yield Footer(compact=True)

    async def on_mount(self) -> None:
        self._table.add_columns("", "age", "id")
        await self.read()

    async def read(self) -> None:
        page = await self.reviewer.carry_out(lambda: self.reviewer.desk.entries(self._group.fingerprint))
        if page is None:
            return
        row = self._table.cursor_row
        self._entries, self._rest = page
        self._chosen &= {entry.id for entry in self._entries}
        self._table.clear()
        self._add_rows(self._entries)
        self._table.move_cursor(row=row)
        self._show_where()
        await self._show_current()

    async def chosen(self) -> Sequence[str]:
        if self._chosen:
            return [entry.id for entry in self._entries if entry.id in self._chosen]
        return [self._current.id] if self._current else ()

    def failed_rules(self) -> Sequence[str]:
        current = [self._current] if self._current else []
        entries = [entry for entry in self._entries if entry.id in self._chosen] or current
        return list(dict.fromkeys(rule for entry in entries for rule in deciding_rules(entry)))

    def after_decision(self) -> None:
        self._chosen.clear()
        self._table.action_cursor_down()

    async def on_data_table_row_highlighted(self) -> None:
        if self._rest and self._table.cursor_row == len(self._entries) - 1:
            await self._read_more(self._rest)
        await self._show_current()

    def action_choose(self) -> None:
        if self._current is not None:
            self._chosen ^= {self._current.id}
            self._mark(self._table.cursor_row)
            self._table.action_cursor_down()
            self._show_where()

    def action_choose_all(self) -> None:
        every = {entry.id for entry in self._entries}
        self._chosen = set() if self._chosen == every else every
        for row in range(len(self._entries)):
            self._mark(row)
        self._show_where()

    async def action_reveal(self) -> None:
        if (entry := self._current) is not None:
            await self.reviewer.carry_out(lambda: self.reviewer.desk.reveal(entry.id))
            await self._show_current()

    @work
    async def action_edit(self) -> None:
        if (entry := self._current) is None or (text := await self._text_of(entry)) is None:
            return

        async def save(text: str) -> str:
            return await self._save(entry, text)

        if await self.app.push_screen_wait(Editing(text, save)):
            self.reviewer.tell("edited; now release it")
        await self.read()

    @work
    async def action_edit_outside(self) -> None:
        if (entry := self._current) is None or (text := await self._text_of(entry)) is None:
            return
        try:
            with self.app.suspend():
                edited = in_editor(text)
        except DqGateError as error:
            self.reviewer.tell(str(error), is_bad=True)
            return
        problem = await self._save(entry, edited)
        self.reviewer.tell(problem or "edited; now release it", is_bad=bool(problem))
        await self.read()

    async def _text_of(self, entry: Entry) -> str | None:
        """The content to edit, recorded as looked at; nothing of it would be obeyed by a terminal."""

        def revealed() -> str:
            self.reviewer.desk.reveal(entry.id)
            return editable_text(self.reviewer.desk.value(entry))

        return await self.reviewer.carry_out(revealed)

    async def _save(self, entry: Entry, text: str) -> str:
        """Try an edit; gives what is wrong with it, or nothing."""
        try:
            edit = await asyncio.to_thread(self.reviewer.desk.edit, entry, text)
        except DqGateError as error:
            return safe(str(error))
        return _problem(edit)

    async def _read_more(self, after: str) -> None:
        self._rest = None
        page = await self.reviewer.carry_out(lambda: self.reviewer.desk.entries(self._group.fingerprint, after))
        if page is not None:
            self._rest = page[1]
            self._entries += page[0]
            self._add_rows(page[0])
            self._show_where()

    def _add_rows(self, entries: Sequence[Entry]) -> None:
        now = self.reviewer.desk.review.now()
        for entry in entries:
            self._table.add_row(self._mark_of(entry), Text(age(entry.created_at, now)), Text(entry.id[-_ID_SHOWN:]))

    def _mark(self, row: int) -> None:
        self._table.update_cell_at(Coordinate(row, 0), self._mark_of(self._entries[row]))

    def _mark_of(self, entry: Entry) -> Text:
        ruling = self.reviewer.desk.ruling_on(entry.id)
        mark, style = _MARKS[ruling.kind] if ruling else (" ", "")
        if ruling is None and entry.lease is not None:
            mark, style = ("●", "green") if self.reviewer.desk.is_mine(entry) else ("○", "yellow")
        return Text.assemble("x" if entry.id in self._chosen else " ", (mark, style))

    def _show_where(self) -> None:
        count = f"{len(self._entries)}{'+' if self._rest else ''} undecided"
        chosen = f" · {len(self._chosen)} chosen" if self._chosen else ""
        self.show_status(f"{count}{chosen} · {', '.join(self._group.rules)}")

    async def _show_current(self) -> None:
        entry, desk = self._current, self.reviewer.desk
        detail = self.query_one("#detail", Static)
        if entry is None:
            detail.update("nothing here waits for a decision; escape goes back")
            return
        if desk.reveals_all:
            await self.reviewer.carry_out(lambda: desk.reveal(entry.id))
        try:
            value = await asyncio.to_thread(desk.value, entry)
        except DqGateError as error:
            detail.update(reasons_alone(entry, str(error)))
        else:
            detail.update(describe(entry, value, is_revealed=desk.is_revealed(entry.id)))

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#list", DataTable)

    @property
    def _current(self) -> Entry | None:
        row = self._table.cursor_row
        return self._entries[row] if 0 <= row < len(self._entries) else None


def _problem(edit: Edit) -> str:
    """What is wrong with an edit, a line a rule; nothing when it was taken."""
    if edit.result == "done":
        return ""
    if edit.result != "refused":
        return "nothing was changed" if edit.result == "unchanged" else REASONS[edit.result]
    failing = [violation for violation in edit.violations if violation.on_fail == "quarantine"]
    return "\n".join(safe(f"{item.rule_id}: {item.field} {item.message}") for item in failing)
