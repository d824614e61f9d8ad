"""`dq-gate alerts history`."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli.alerts.options import Rules, State, alert_state
from dq_gate.cli.alerts.printing import labels
from dq_gate.cli.choosing import seconds_of
from dq_gate.cli.options import Format, OutputFormat
from dq_gate.cli.output import show
from dq_gate.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from dq_gate.alerts.state.contract import GivenUp, Transition

_TOLD = frozenset({"firing", "resolved", "undelivered"})


def history(
    rules: Rules = None,
    alert: Annotated[str | None, typer.Option("--alert", metavar="NAME", help="Only of this alert.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="AGE", help="Only what is younger, such as 1d (s m h d w).")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Also what nobody is told of: pending, ok, unknown, silent.")
    ] = False,
    state: State = None,
    format_: Format = OutputFormat.TABLE,
) -> None:
    """Print what fired, resolved and could not be delivered, the newest last. A watch may be at work meanwhile.

    JSON has one object a change: at, alert, group, before, after (firing, resolved, undelivered; with --all also
    pending, ok, unknown, silent), value, id, silenced_by, notifier and error (of what could not be delivered).

    \b
    dq-gate alerts history
    dq-gate alerts history --alert quarantine-ratio-high --since 1d --format jsonl
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.alerts.load import load_pack

    pack = load_pack(rules)
    names = [rule.name for rule in pack.rules]
    begin = None if since is None else round((time.time() - seconds_of(since, "--since")) * 1000)
    with contextlib.closing(alert_state(pack.name, state)) as store:
        rows = [_row(item) for item in store.history(since=begin, alert=alert)]
    rows = [row for row in rows if all_ or row["after"] in _TOLD]
    if not rows and alert is not None and alert not in names:
        raise ConfigurationError(f"--alert {alert}: no such alert{did_you_mean(alert, names)}")
    shown = map(_readable, rows) if format_ is OutputFormat.TABLE else rows
    empty = "nothing matches" if since or alert else f"no watch of the alert pack {pack.name!r} has noted anything yet"
    show(list(shown), format_, ["at", "change", "alert", "group", "value", "note"], spare=["id"], empty=empty)


def _row(item: Transition | GivenUp) -> dict[str, Any]:
    """A change as an object of JSON; each has every field."""
    from dq_gate.alerts.evaluation.notices import rfc3339
    from dq_gate.alerts.state.contract import GivenUp

    row: dict[str, Any] = {"at": rfc3339(item.at), "alert": item.alert, "group": item.group}
    if isinstance(item, GivenUp):
        row |= {"before": None, "after": "undelivered", "value": None, "id": item.id, "silenced_by": None}
        return row | {"notifier": item.notifier, "error": item.error}
    row |= {"before": item.before, "after": item.after, "value": item.value, "id": item.id}
    return row | {"silenced_by": item.silenced_by, "notifier": None, "error": None}


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """A change as a line of a table."""
    if row["notifier"] is not None:
        remark = f"{row['notifier']}: {row['error']}"
    else:
        remark = f"silenced by {row['silenced_by']}" if row["silenced_by"] else "-"
    value = None if row["value"] is None else f"{row['value']:g}"
    return row | {"change": row["after"], "group": labels(row["group"]) or None, "value": value, "note": remark}
