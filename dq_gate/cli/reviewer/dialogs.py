"""What the reviewer asks: a reason, rules to waive, another value, what to do with unsent decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from rich.text import Text
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, SelectionList, Static, TextArea
from textual.widgets.selection_list import Selection

from dq_gate.cli.output import safe
from dq_gate.cli.reviewer.desk import Ruling

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType

Leave = Literal["send", "drop"]

KEYS = """\
enter   open a group                  v   show the content (recorded)
c       claim                         e   edit here
x       give back what was claimed    E   edit in $VISUAL or $EDITOR
r       release, to be redriven       space, a   choose one, all
w       release and waive rules       u   undo the last decision
d       discard                       s   send all decisions
f5      read again                    escape   back     q   leave

In a list of groups a decision is about all undecided entries of the
group; in a list of entries about the chosen ones, or the one under the
cursor. A decision claims its entries at once and is sent with s."""


class Help(ModalScreen[None]):
    """The keys."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,question_mark,q,enter", "dismiss", "Back")]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(KEYS, markup=False)


class Leaving(ModalScreen[Leave | None]):
    """What to do with decisions that were not sent."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("s", "dismiss('send')", "Send"),
        ("d", "dismiss('drop')", "Drop"),
        ("escape", "dismiss(None)", "Stay"),
    ]

    def __init__(self, unsent: int) -> None:
        super().__init__()
        self._unsent = unsent

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(f"Decisions about {self._unsent} entries are not sent.\n", markup=False)
            yield Static("s  send them and leave\nd  drop them and leave\nescape  stay", markup=False)


class Waiving(ModalScreen[Ruling | None]):
    """Which rules were wrong, and why."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Back")]

    def __init__(self, rules: Sequence[str]) -> None:
        super().__init__()
        self._rules = rules

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Rules that were wrong (space changes, tab goes on):", markup=False)
            yield SelectionList(*(Selection(Text(safe(rule)), rule, initial_state=True) for rule in self._rules))
            yield Input(placeholder="why they were wrong about this input; enter waives them")
            yield Static("", id="problem", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        rules = tuple(self.query_one(SelectionList).selected)
        reason = submitted.value.strip()
        if rules and reason:
            self.dismiss(Ruling("release", rules, reason))
        else:
            self.query_one("#problem", Static).update("Choose a rule, and say why: both go into the history.")


class Editing(ModalScreen[bool]):
    """Another value for an entry. Stays open until the gate takes it, or the reviewer gives up.

    Args:
        text: The value as JSON.
        save: Tries a text; gives what is wrong with it, safe to show, or nothing when it was taken.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("ctrl+s", "save", "Save"),
        ("escape", "dismiss(False)", "Give up"),
    ]

    def __init__(self, text: str, save: Callable[[str], Awaitable[str]]) -> None:
        super().__init__()
        self._text = text
        self._save = save

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Static("ctrl+s saves if the gate takes it, escape gives up", markup=False)
            yield TextArea(self._text)
            yield Static("", id="problem", markup=False)

    def on_mount(self) -> None:
        self.query_one(TextArea).focus()

    async def action_save(self) -> None:
        """Have the gate judge what is written."""
        problem = await self._save(self.query_one(TextArea).text)
        if problem:
            self.query_one("#problem", Static).update(problem)
        else:
            self.dismiss(True)
