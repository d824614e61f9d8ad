"""`dq-gate quarantine claim`, `renew`, `unclaim`, `release`, `discard`: hold entries, and decide about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dq_gate.cli.choosing import DryRun, Reason, by_id_or_filter, required
from dq_gate.cli.options import Format, OutputFormat, Quarantine
from dq_gate.cli.outcomes import completing, report, report_forecast
from dq_gate.cli.output import note, when
from dq_gate.cli.progress import while_counting
from dq_gate.cli.reviewing import Session, reviewing
from dq_gate.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import Lease
    from dq_gate.review.selection import Selection
    from dq_gate.review.service import Outcome, Verdict

    Deciding = Callable[[Session, Sequence[str]], list[Outcome]]
    Holding = Callable[[Sequence[str], str], tuple[Lease, list[Outcome]]]

Waive = Annotated[
    list[str] | None,
    typer.Option("--waive", metavar="RULE", help="The rule was wrong about these inputs; needs --reason."),
]
VerdictOption = Annotated[
    str | None, typer.Option("--verdict", metavar="valid|invalid", help="Whether the inputs were valid as they came.")
]


@by_id_or_filter
def claim(
    choice: Selection, dry_run: DryRun = False, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None
) -> None:
    """Take pending entries for yourself, so that nobody else acts on them meanwhile.

    The lease's token is kept in the state directory; your next commands use it. Exits with 1 when an entry cannot be
    claimed. JSON has one object an entry: id, result. With --dry-run it is one object: action, would, refused,
    by_state, held, waivers.

    \b
    dq-gate quarantine claim --group 3f1c9a2b5d6e7f80
    dq-gate quarantine claim --older-than 3d --dry-run
    """  # noqa: D301 - \b keeps the examples' lines apart
    required(choice)
    with reviewing(quarantine) as session:
        if dry_run:
            _foretell(session, choice, "claim", ("pending",), format_)
            return
        ids = _snapshot(session, choice, "pending")
        token = session.token()
        outcomes = _hold(ids, lambda batch: session.review.claim(batch, token=token), "claimed")
        report(outcomes, format_, store=session.store, done="claimed")


@by_id_or_filter
def renew(choice: Selection, format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Hold what you have claimed as long again, from now. Without a choice: all that you hold.

    Exits with 1 when a named entry is not yours. JSON has one object an entry: id, result.

    \b
    dq-gate quarantine renew
    dq-gate quarantine renew --group 3f1c9a2b5d6e7f80
    """  # noqa: D301 - \b keeps the examples' lines apart
    with reviewing(quarantine) as session:
        token = session.token()
        ids = _snapshot(session, choice, "leased")
        outcomes = _hold(ids, lambda batch: session.review.renew(batch, token), "renewed")
        report(_ours(choice, outcomes), format_, store=session.store, done="renewed")


@by_id_or_filter
def unclaim(
    choice: Selection, reason: Reason = "", format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None
) -> None:
    """Give back what you have claimed, undecided. Without a choice: all that you hold.

    Exits with 1 when a named entry is not yours. JSON has one object an entry: id, result.

    \b
    dq-gate quarantine unclaim
    dq-gate quarantine unclaim 0193f1c2a7d4b1e2c3d4e5f6 --reason "one for the search team"
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.review.service import batches

    with reviewing(quarantine) as session:
        token = session.token()
        ids = _snapshot(session, choice, "leased")
        steps = (one for batch in batches(ids) for one in session.review.unclaim(batch, token, reason=reason))
        outcomes = completing(steps, len(ids), "given back")
        report(_ours(choice, outcomes), format_, store=session.store, done="given back")


@by_id_or_filter
def release(
    choice: Selection,
    waive: Waive = None,
    reason: Reason = "",
    verdict: VerdictOption = None,
    dry_run: DryRun = False,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Let entries go on to be redriven; those you have not claimed are claimed first.

    With --waive the verdict is that the input was valid, after an edit that it was not; otherwise there is none unless
    you give one. Exits with 1 when an entry cannot be released. JSON has one object an entry: id, result. With
    --dry-run it is one object: action, would, refused, by_state, held, waivers.

    \b
    dq-gate quarantine release --group 3f1c9a2b5d6e7f80 --waive query.text.markup --reason "a question about HTML"
    dq-gate quarantine release --source faq --newer-than 2h --dry-run
    """  # noqa: D301 - \b keeps the examples' lines apart
    said, rules = _verdict(verdict), tuple(dict.fromkeys(waive or ()))
    if rules and not reason:
        raise ConfigurationError("a waiver needs a reason: --reason 'why the rule is wrong here'")

    def deciding(session: Session, batch: Sequence[str]) -> list[Outcome]:
        return session.review.release(batch, session.token(), waive=rules, reason=reason, verdict=said)

    _decide(required(choice), "release", deciding, quarantine, format_, done="released", waive=rules, dry_run=dry_run)


@by_id_or_filter
def discard(
    choice: Selection,
    reason: Reason = "",
    verdict: VerdictOption = None,
    dry_run: DryRun = False,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Throw entries away, because the gate was right; those you have not claimed are claimed first.

    The verdict is that the input was invalid, unless you give another. Exits with 1 when an entry cannot be discarded.
    JSON has one object an entry: id, result. With --dry-run it is one object: action, would, refused, by_state, held,
    waivers.

    \b
    dq-gate quarantine discard --rule query.text.present
    dq-gate quarantine discard --source crawler --older-than 7d --reason "an old crawl"
    """  # noqa: D301 - \b keeps the examples' lines apart
    said = _verdict(verdict) or "invalid"

    def deciding(session: Session, batch: Sequence[str]) -> list[Outcome]:
        return session.review.discard(batch, session.token(), reason=reason, verdict=said)

    _decide(required(choice), "discard", deciding, quarantine, format_, done="discarded", dry_run=dry_run)


def _decide(
    choice: Selection,
    action: str,
    deciding: Deciding,
    quarantine: str | None,
    format_: OutputFormat,
    *,
    done: str,
    waive: Sequence[str] = (),
    dry_run: bool,
) -> None:
    from dq_gate.review.selection import decide

    with reviewing(quarantine) as session:
        if dry_run:
            _foretell(session, choice, action, ("pending", "leased"), format_, waive)
            return
        ids = _snapshot(session, choice, "pending", "leased")
        _refuse_strange_waivers(session, ids, waive)
        steps = decide(session.review, ids, session.token(), lambda batch: deciding(session, batch))
        outcomes = completing(steps, len(ids), done)
        report(outcomes, format_, store=session.store, done=done)


def _foretell(
    session: Session,
    choice: Selection,
    action: str,
    states: Sequence[State],
    format_: OutputFormat,
    waive: Sequence[str] = (),
) -> None:
    from dq_gate.review.selection import considered, forecast

    entries = while_counting(considered(session.store, choice, states, leave_out=session.left_out.append))
    found = forecast(entries, action, token=session.token(), now=session.review.now(), waive=waive)
    report_forecast(found, action, format_)


def _snapshot(session: Session, choice: Selection, *states: State) -> list[str]:
    from dq_gate.review.selection import snapshot

    return snapshot(session.store, choice, states, leave_out=session.left_out.append)


def _hold(ids: Sequence[str], hold: Callable[[Sequence[str]], tuple[Lease, list[Outcome]]], done: str) -> list[Outcome]:
    """Take or renew leases batch by batch, and say how long they hold."""
    from dq_gate.review.service import batches

    until: list[float] = []

    def steps() -> Iterator[Outcome]:
        for batch in batches(ids):
            lease, outcomes = hold(batch)
            if any(outcome.result == "done" for outcome in outcomes):
                until.append(lease.until)
            yield from outcomes

    outcomes = completing(steps(), len(ids), done)
    if until:
        note(f"yours until {when(until[0])}")
    return outcomes


def _ours(choice: Selection, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Outcomes on what the caller holds, when that is what was asked for; on all, when entries were named."""
    return [one for one in outcomes if choice.ids or one.result not in ("lease_lost", "wrong_state")]


def _refuse_strange_waivers(session: Session, entry_ids: Sequence[str], waive: Sequence[str]) -> None:
    """Refuse to waive a rule that refused none of the entries: it is misspelled, and would help none of them."""
    from dq_gate.review.selection import Selection, considered
    from dq_gate.review.service import refusing_rules

    missing, failed = set(waive), set[str]()
    if not missing or not entry_ids:
        return
    # One that cannot be read is told as an outcome.
    for entry in considered(session.store, Selection(ids=tuple(entry_ids)), leave_out=set[str]().add):
        if entry is not None:
            failed |= refusing_rules(entry)
        missing -= failed
        if not missing:
            return
    rule = min(missing)
    raise ConfigurationError(f"--waive {rule}: none of these entries failed it{did_you_mean(rule, failed)}")


def _verdict(text: str | None) -> Verdict | None:
    match text:
        case None | "valid" | "invalid":
            return text
        case _:
            raise ConfigurationError(f"--verdict {text}: no such verdict{did_you_mean(text, ('valid', 'invalid'))}")
