"""`dq-gate quarantine new-key`, `rotate`, `erase`: the keys that payloads are sealed under, and data that has to go."""

from __future__ import annotations

import base64
import secrets
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dq_gate.cli import FINDINGS
from dq_gate.cli.choosing import DryRun, Reason, Yes
from dq_gate.cli.options import Format, OutputFormat, Quarantine
from dq_gate.cli.outcomes import entries
from dq_gate.cli.output import ask, note, safe, show_one
from dq_gate.cli.progress import while_counting
from dq_gate.cli.reviewing import reviewing
from dq_gate.errors import BackendUnavailableError, ConfigurationError, ReviewError
from dq_gate.quarantine.entry import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dq_gate.cli.reviewing import Session

_NOT_ROTATED = {
    "not_found": "gone meanwhile",
    "changed": "others keep changing them; run it again",
    "key_missing": "sealed under a key that is not among the sealing keys; add it to them",
    "damaged": "damaged; dq-gate quarantine show says more",
}


def new_key(
    id_: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Its id, [a-z0-9._-]; today's date when not given.")
    ] = None,
) -> None:
    """Make a sealing key and print it as a line for `sealing_keys_file`, or a word of `sealing_keys`.

    It goes to standard output and nowhere else. Whoever has it can read what is sealed under it; without it nobody can.

    \b
    (umask 077; dq-gate quarantine new-key --id 2026-07 > sealing-keys)
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.settings import SEALING_KEY_BYTES, sealing_key

    word = f"{id_ or time.strftime('%Y-%m-%d')}:{base64.b64encode(secrets.token_bytes(SEALING_KEY_BYTES)).decode()}"
    try:
        sealing_key(word, 1)
    except ValueError:
        raise ConfigurationError(f"--id {id_}: write at most 32 of a-z, 0-9, dots, dashes and underscores") from None
    typer.echo(word)


def rotate(format_: Format = OutputFormat.TABLE, quarantine: Quarantine = None) -> None:
    """Bring every entry under the first sealing key, then say which of the other keys are still in use.

    The payloads stay as they are; what changes is the key that their data keys are wrapped under. What was stored
    before there was a key is sealed. Others may go on working meanwhile; a rotation that was cut short is run again.
    Exits with 1 when an entry could not be brought under the key. JSON is one object: key, rewrapped, kept, undone
    (count by reason), in_store and in_spools (count by key), removable (key ids).

    \b
    dq-gate quarantine rotate
    """  # noqa: D301 - \b keeps the examples' lines apart
    from dq_gate.review import sealing

    with reviewing(quarantine) as session:
        review, total = session.review, sum(session.store.stats().by_state.values())
        rotation = sealing.rotate(session.store, review.vault, who=review.who, emit=session.emitter.emit)
        try:
            results = Counter(result for _, result in while_counting(rotation, total))
        except ReviewError as error:
            raise ConfigurationError(str(error)) from None
        in_store = sealing.keys_in_store(session.store)
        in_spools = sealing.keys_in_spools(session.settings.state_dir / "spool")
    used = in_store.keys() | in_spools.keys()
    document = {
        "key": review.vault.first,
        "rewrapped": results.pop("done", 0),
        "kept": results.pop("kept", 0),
        "undone": dict(results),
        "in_store": dict(in_store),
        "in_spools": dict(in_spools),
        "removable": [key.id for key in session.settings.sealing_keys[1:] if key.id not in used],
    }
    if format_ is OutputFormat.TABLE:
        _tell_rotation(document, [key.id for key in session.settings.sealing_keys[1:]])
    else:
        show_one(document, format_)
    if results:
        raise typer.Exit(FINDINGS)


def erase(
    subject: Annotated[
        str,
        typer.Option(
            "--subject", metavar="VALUE", help="What the fields marked `subject` hold; - reads it from stdin."
        ),
    ],
    reason: Reason = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    format_: Format = OutputFormat.TABLE,
    quarantine: Quarantine = None,
) -> None:
    """Erase a subject's data: payloads, edits, spooled copies and recordings. Histories keep what was done, by whom.

    From then on the store takes no late copy of what was there before. Running processes remove what they have spooled
    within half a minute. Exits with 1 when an entry could not be erased. JSON is one object: dry_run, entries, undone
    (count by reason), spooled, spooled_left, recorded.

    \b
    dq-gate quarantine erase --subject jo@customer.example --reason "request 4711" --dry-run
    dq-gate quarantine erase --subject - --reason "request 4711" --yes < subject.txt
    """  # noqa: D301 - \b keeps the examples' lines apart
    value = sys.stdin.readline().strip() if subject == "-" else subject.strip()
    if not value:
        raise ConfigurationError("--subject: is empty")
    with reviewing(quarantine) as session:
        if session.store.schema() < SCHEMA_VERSION:
            note(
                "this namespace is kept in an older schema, whose entries do not say whose data they are: they are not "
                "found; run dq-gate quarantine upgrade, so that new ones are"
            )
        digests = _digests(session, value)
        document = _found(session, digests)
        if not dry_run:
            _confirm(document, yes=yes)
            document = _erase(session, digests, reason, document)
    if format_ is OutputFormat.TABLE:
        _tell_erasure(document)
    else:
        show_one(document, format_)
    if document["undone"]:
        raise typer.Exit(FINDINGS)


def _digests(session: Session, subject: str) -> tuple[str, ...]:
    from dq_gate.review.erasure import digests_of

    return digests_of(subject, session.settings.namespace, session.review.vault)


def _found(session: Session, digests: Sequence[str]) -> dict[str, Any]:
    """What there is of a subject, as `erase` prints it in JSON."""
    from dq_gate.gate.recording import count
    from dq_gate.review.erasure import find

    found = find(session.store, digests, session.settings.state_dir / "spool")
    return {
        "dry_run": True,
        "entries": len(found.entry_ids),
        "undone": {},
        "spooled": found.spooled,
        "spooled_left": found.spooled,
        "recorded": count(session.settings, digests),
    }


def _erase(session: Session, digests: Sequence[str], reason: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Erase everywhere; what was done, as `erase` prints it in JSON."""
    from dq_gate.gate.recording import forget
    from dq_gate.gate.runtime import spool_target
    from dq_gate.quarantine.spool import SPOOL_ERRORS
    from dq_gate.review.erasure import clean_spools, count_spooled, erase

    settings, review, now = session.settings, session.review, time.time()
    spools = settings.state_dir / "spool"
    erasure = erase(
        session.store, digests, vault=review.vault, who=review.who, reason=reason, emit=session.emitter.emit
    )
    outcomes = list(while_counting(erasure, found["entries"]))
    results = Counter(outcome.result for outcome in outcomes)
    if damaged := [outcome.entry_id for outcome in outcomes if outcome.result == "damaged"]:
        note(f"damaged, so not erased; discard or purge them by their ids: {', '.join(damaged)}")
    try:
        recorded = forget(settings, digests, now)
        clean_spools(spools, spool_target(settings), digests, now)
    except SPOOL_ERRORS as error:
        raise BackendUnavailableError(
            f"{settings.state_dir}: spools or recordings cannot be cleaned ({type(error).__name__}); the entries in "
            "the store are erased; make it writable and run this again"
        ) from None
    return {
        "dry_run": False,
        "entries": results.pop("done", 0),
        "undone": dict(results),
        "spooled": found["spooled"],
        "spooled_left": count_spooled(spools, digests),
        "recorded": recorded,
    }


def _confirm(found: Mapping[str, Any], *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError("erasing cannot be undone: add --yes where nobody can be asked, or --dry-run")
    if not ask(f"Erase {_amount(found)}? This cannot be undone.", default=False):
        raise typer.Exit(1)


def _amount(found: Mapping[str, Any]) -> str:
    return f"{entries(found['entries'])}, {found['spooled']} spooled copies and {found['recorded']} recordings"


def _tell_erasure(document: Mapping[str, Any]) -> None:
    if document["dry_run"]:
        typer.echo(f"would erase {_amount(document)}; nothing was changed")
        return
    typer.echo(f"erased {_amount(document)}")
    for result, count in document["undone"].items():
        typer.echo(f"  not erased: {entries(count)} ({result})")
    if document["spooled_left"]:
        note(f"{document['spooled_left']} copies are in spools of running processes, which remove them within 30 s")
    note(
        "not reached from here: the state directories of other machines (their spools follow when they drain), "
        "backups, exports, and a Redis append-only file until it is rewritten (BGREWRITEAOF)"
    )


def _tell_rotation(document: Mapping[str, Any], others: Sequence[str]) -> None:
    typer.echo(f"{entries(document['rewrapped'])} brought under key {document['key']}, {document['kept']} were already")
    for result, count in document["undone"].items():
        typer.echo(f"  not: {entries(count)}, {_NOT_ROTATED.get(result, result)}")
    for key in others:
        in_store, in_spools = document["in_store"].get(key, 0), document["in_spools"].get(key, 0)
        if key in document["removable"]:
            state = (
                "nothing here is sealed under it any more; remove it once no process seals with it and the spools of "
                "other machines are drained"
            )
        else:
            state = f"still needed: {entries(in_store)} in the store, {in_spools} in the spools of this machine"
        typer.echo(safe(f"key {key}: {state}"))
