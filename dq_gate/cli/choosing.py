"""Options that choose entries, the same for every command that takes many."""

from __future__ import annotations

import functools
import inspect
import re
import time
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from dq_gate.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.core.lifecycle import State
    from dq_gate.review.selection import Selection

    C = TypeVar("C", bound=Callable[..., None])

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_duration = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])").fullmatch

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Entries by id.", show_default=False)]
Id = Annotated[str, typer.Argument(metavar="ID", help="An entry's id.")]
ByGroup = Annotated[str | None, typer.Option("--group", metavar="GROUP", help="Entries of a group of like failures.")]
ByRule = Annotated[str | None, typer.Option("--rule", metavar="RULE", help="Entries that failed a rule.")]
BySource = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Entries of a source.")]
OlderThan = Annotated[
    str | None, typer.Option("--older-than", metavar="AGE", help="Entries from before that, such as 3d (s m h d w).")
]
NewerThan = Annotated[
    str | None, typer.Option("--newer-than", metavar="AGE", help="Entries from after that, such as 2h.")
]
ByText = Annotated[
    str | None, typer.Option("--reason-text", metavar="TEXT", help="Entries with a reason that says this, in any case.")
]
STATE_HELP = "pending, leased, released, redriven, discarded, dead, expired, or any."
ByState = Annotated[str, typer.Option("--state", metavar="STATE", help=STATE_HELP)]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into the entry's history.")]
Reveal = Annotated[bool, typer.Option("--reveal", help="Show what the input contained. This is recorded.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask. Needed without a terminal.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")]

_FILTERS: dict[str, Any] = {
    "group": ByGroup,
    "rule": ByRule,
    "source": BySource,
    "older_than": OlderThan,
    "newer_than": NewerThan,
    "reason_text": ByText,
}


def by_filter(command: C) -> C:
    """Give a command the options of a filter in place of its parameter `choice`."""
    return _expanding(command, _FILTERS)


def by_id_or_filter(command: C) -> C:
    """Give a command ids and the options of a filter in place of its parameter `choice`."""
    return _expanding(command, {"ids": Ids, **_FILTERS})


def required(choice: Selection) -> Selection:
    """Refuse an action that is about nothing in particular.

    Raises:
        ConfigurationError: neither ids nor a filter are given.
    """
    if is_everything(choice):
        raise ConfigurationError(
            "name entries by id, or choose them with --group, --rule, --source, --older-than, --newer-than or "
            "--reason-text"
        )
    return choice


def is_everything(choice: Selection) -> bool:
    """Whether a choice leaves nothing out."""
    from dq_gate.review.selection import Selection

    return choice == Selection()


def state_of(name: str) -> State | None:
    """A state by name; None for `any`.

    Raises:
        ConfigurationError: there is no such state.
    """
    from dq_gate.core.lifecycle import STATES

    known = next((known for known in STATES if known == name), None)
    if known is None and name != "any":
        raise ConfigurationError(f"--state {name}: no such state{did_you_mean(name, (*STATES, 'any'))}")
    return known


def seconds_of(age: str, option: str) -> float:
    """The length of an age such as `90s`, `3d` or `1.5h`, in seconds.

    Raises:
        ConfigurationError: it is none.
    """
    match = _duration(age.strip().lower())
    if match is None:
        raise ConfigurationError(f"{option} {age}: write a number and one of s, m, h, d, w, such as 3d or 90m")
    return float(match[1]) * _UNITS[match[2]]


def select(
    ids: list[str] | None = None,
    group: str | None = None,
    rule: str | None = None,
    source: str | None = None,
    older_than: str | None = None,
    newer_than: str | None = None,
    reason_text: str | None = None,
) -> Selection:
    """Read a choice of entries.

    Raises:
        ConfigurationError: an age is none, or ids and a filter are given.
    """
    from dq_gate.quarantine.entry import Filter
    from dq_gate.review.selection import Selection

    now = time.time()
    before = None if older_than is None else now - seconds_of(older_than, "--older-than")
    since = None if newer_than is None else now - seconds_of(newer_than, "--newer-than")
    where = Filter(group=group, rule=rule, source=source, since=since, before=before)
    if ids and (where != Filter() or reason_text is not None):
        raise ConfigurationError("name entries by id, or choose them with a filter: not both")
    return Selection(tuple(dict.fromkeys(ids or ())), where, reason_text)


def _expanding(command: C, options: dict[str, Any]) -> C:
    """The command with these parameters, which `select` reads, in place of `choice`.

    Typer reads options off a signature; writing these out in every command would be a page of them.
    """
    signature = inspect.signature(command)
    types = get_type_hints(command, localns={"Selection": Any}, include_extras=True)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = [inspect.Parameter(name, kind, default=None, annotation=option) for name, option in options.items()]
    parameters = [parameter.replace(annotation=types[name]) for name, parameter in signature.parameters.items()]
    others = [parameter for parameter in parameters if parameter.name != "choice"]
    needed = [parameter for parameter in others if parameter.default is parameter.empty]
    optional = [parameter for parameter in others if parameter.default is not parameter.empty]

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        choice = select(**{name: given.pop(name) for name in options})
        command(choice, **given)

    wrapped.__signature__ = signature.replace(parameters=[*needed, *own, *optional])  # type: ignore[attr-defined]  # how functions say it
    wrapped.__annotations__ = {}
    return wrapped  # type: ignore[return-value]  # what it takes differs, which is the point
