"""What happens to one input, as commands for a shell to carry out. Pure: neither sync nor async, no I/O.

A shell sends the flow's commands to their doers and the answers back, until the flow returns an ending.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from dq_gate.core.model import Decision, GateMode, Receipt

Counted = Literal["clean", "repaired", "quarantined", "shadowed", "unjudged"]
"""What a window counts an input as. In shadow mode all that is not clean is `shadowed`; in mode off, `unjudged`."""


@dataclass(slots=True)
class Count:
    """Count an input, and report what passes. No answer."""

    outcome: Counted
    decision: Decision | None


@dataclass(slots=True)
class Quarantine:
    """Keep the input with its reasons. Answer: a `Receipt`."""

    decision: Decision


@dataclass(slots=True)
class Report:
    """Report what became of a failed input. No answer."""

    decision: Decision
    receipt: Receipt
    fallback: bool


Command = Count | Quarantine | Report


@dataclass(slots=True)
class Proceed:
    """The call may go on, with this record."""

    record: Any


@dataclass(slots=True)
class FallBack:
    """The fallback answers in place of the call."""

    decision: Decision


@dataclass(slots=True)
class Refuse:
    """The caller is told."""

    decision: Decision
    receipt: Receipt


Ending = Proceed | FallBack | Refuse


def admission(
    judge: Callable[[Any], Decision], record: Any, mode: GateMode, *, has_fallback: bool
) -> Generator[Command, Any, Ending]:
    """Judge a record and say, step by step, what is to be done about it.

    Args:
        judge: `decide` with its plan.
        record: The input.
        mode: `shadow` and `off` let everything through.
        has_fallback: Whether a failing input is answered by a fallback.
    """
    if mode == "off":
        yield Count("unjudged", None)
        return Proceed(record)
    decision = judge(record)
    if mode == "shadow" and decision.outcome != "clean":
        yield Count("shadowed", decision)
        return Proceed(record)
    yield Count(decision.outcome, decision)
    if decision.outcome != "quarantined":
        return Proceed(decision.value)
    receipt = yield Quarantine(decision)
    yield Report(decision, receipt, has_fallback)
    return FallBack(decision) if has_fallback else Refuse(decision, receipt)
