"""What every screen asks of the application: the desk, off the event loop, and a line to the reviewer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from textual.app import App

from dq_gate.cli.outcomes import REASONS
from dq_gate.cli.output import safe
from dq_gate.errors import DqGateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.cli.reviewer.desk import Desk, Tally

T = TypeVar("T")


class Workplace(App[None]):
    """An application around a desk.

    Attributes:
        desk: What is reviewed.
        heading: What the first line says of the quarantine.
    """

    def __init__(self, desk: Desk, title: str) -> None:
        super().__init__()
        self.desk = desk
        self.heading = title

    async def carry_out(self, act: Callable[[], T]) -> T | None:
        """Do something on the desk off the event loop; what goes wrong is shown, and gives None."""
        try:
            return await asyncio.to_thread(act)
        except DqGateError as error:
            self.tell(str(error), is_bad=True)
            return None

    def tell(self, message: str, *, is_bad: bool = False) -> None:
        """Show a line for a while."""
        self.notify(safe(message), severity="error" if is_bad else "information", markup=False)

    def tell_tally(self, done: str, tally: Tally) -> None:
        """Say on how many entries something was done, and why not on others."""
        refused = [f"{count} not: {REASONS[reason]}" for reason, count in tally.refused.items()]
        self.tell(", ".join([f"{tally.done} {done}", *refused]), is_bad=bool(refused))
