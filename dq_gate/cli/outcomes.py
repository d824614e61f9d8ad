"""What an action did, said in a line: how many entries, and why not the others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.options import OutputFormat
from dq_gate.cli.output import note, safe, show, show_one, when
from dq_gate.cli.progress import while_counting
from dq_gate.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dq_gate.quarantine.entry import Store
    from dq_gate.review.selection import Forecast
    from dq_gate.review.service import Outcome

MAX_TOLD = 20
"""Most entries that are named with the reason why an action could not be done on them."""
REASONS = {
    "not_found": "no such entry",
    "wrong_state": "not in a state that allows it",
    "lease_lost": "someone else holds it, or the lease ran out",
    "no_waiver_fits": "none of the waived rules had refused it",
    "changed": "someone else changed it meanwhile; look again",
    "too_early": "it failed a moment ago; not before its time",
    "already_there": "already there, or finished there not long ago",
    "full": "its group is full; counted only",
    "erased": "its subject's data was erased",
    "failed_again": "failed the gate again",
    "handler_failed": "the handler failed",
    "cut_short": "the redrives before killed their process",
    "held": "someone else is redriving it",
    "other_pack": "another pack refused it; name that with --pack",
    "sealed": "its sealing key is not here",
    "damaged": "what is stored of it is damaged; discard it",
    "not_replayable": "its payload was not kept whole, so it cannot be judged again",
}


def completing(outcomes: Iterator[Outcome], total: int, done: str) -> list[Outcome]:
    """Carry an action out to its end, with progress; when it is cut short, say how far it came."""
    results: list[Outcome] = []
    try:
        for outcome in while_counting(outcomes, total):
            results.append(outcome)  # noqa: PERF402 - what came before an interruption counts
    except BaseException:
        if results:
            count = sum(outcome.result == "done" for outcome in results)
            note(
                f"stopped after {len(results)} of {total}: {entries(count)} {done}; the same command goes on from there"
            )
        raise
    return results


def report(outcomes: Sequence[Outcome], format_: OutputFormat, *, store: Store, done: str) -> None:
    """Say what was done and on which entries it was not, and why; exit with 1 when there are any."""
    results = [(outcome.entry_id, str(outcome.result)) for outcome in outcomes]
    count = sum(result == "done" for _, result in results)
    report_results(results, format_, store=store, say=typer.echo, summary=f"{entries(count)} {done}")


def report_results(
    results: Sequence[tuple[str, str]],
    format_: OutputFormat,
    *,
    store: Store,
    say: Callable[[str], None],
    summary: str,
    reasons: dict[str, str] = REASONS,
) -> None:
    """As `report`, of ids with results by name.

    Args:
        results: Ids and results; `done` is the good one.
        format_: How.
        store: Tells in which state an entry is.
        say: Prints a line.
        summary: What was done.
        reasons: What to say of each other result.
    """
    undone = [(entry_id, result) for entry_id, result in results if result != "done"]
    if format_ is OutputFormat.TABLE:
        say(safe(summary + (f", {len(undone)} not:" if undone else "")))
        for entry_id, result in undone[:MAX_TOLD]:
            say(safe(f"  {entry_id}  {_why_not(store, entry_id, result, reasons)}"))
        more = Counter(result for _, result in undone[MAX_TOLD:])
        for result, count in more.most_common():
            say(safe(f"  and {count} more: {reasons.get(result, result)}"))
    else:
        show([{"id": entry_id, "result": result} for entry_id, result in results], format_, [], empty="")
    if undone:
        raise typer.Exit(FINDINGS)


def report_forecast(found: Forecast, action: str, format_: OutputFormat) -> None:
    """Say what an action would do; exit with 1 when it would leave entries undone."""
    refused = dict(found.refused.most_common())
    document = {
        "action": action,
        "would": found.would,
        "refused": refused,
        "by_state": dict(found.by_state.most_common()),
        "held": dict(found.held.most_common()),
        "waivers": dict(found.fits.most_common()),
    }
    if format_ is not OutputFormat.TABLE:
        show_one(document, format_)
    else:
        total = found.would + sum(refused.values())
        typer.echo(f"{action} would be done on {found.would} of {entries(total)}; nothing was changed")
        rows: list[tuple[str, str, int]] = [("state", name, count) for name, count in found.by_state.most_common()]
        rows += [("not done", REASONS[name], count) for name, count in found.refused.most_common()]
        rows += [("held by", name, count) for name, count in found.held.most_common()]
        rows += [("waiver fits", name, count) for name, count in found.fits.most_common()]
        table = [{"of them": kind, "": name, "entries": count} for kind, name, count in rows]
        if table:
            show(table, format_, ["of them", "", "entries"], empty="", folding=[""])
    if refused:
        raise typer.Exit(FINDINGS)


def entries(count: int) -> str:
    """A number of entries, in words."""
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _why_not(store: Store, entry_id: str, result: str, reasons: dict[str, str]) -> str:
    if result not in ("wrong_state", "lease_lost"):
        return reasons.get(result, result)
    try:
        entry = store.get(entry_id)
    except BackendUnavailableError:  # what was done is told all the same
        return reasons[result]
    if entry is None:
        return reasons["not_found"]
    if result == "lease_lost" and entry.lease is None:
        return reasons[result]
    return f"is {entry.state}" + (f" by {entry.lease.owner} until {when(entry.lease.until)}" if entry.lease else "")
