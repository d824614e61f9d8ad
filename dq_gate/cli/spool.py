"""What processes that are gone left in the local spool, seen from the command line."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from dq_gate.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Callable

    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Store
    from dq_gate.quarantine.spool import Spool
    from dq_gate.settings import Settings


def count_spooled(settings: Settings) -> int:
    """How many entries wait in the state directory's spools, for whichever store."""
    from dq_gate.quarantine.spool import waiting

    return waiting(settings.state_dir / "spool")


def note_spooled(settings: Settings) -> None:
    """Say so when entries wait in the spool."""
    count = count_spooled(settings)
    if count:
        wait, them = ("entry waits", "it") if count == 1 else ("entries wait", "them")
        note(
            f"{count} {wait} in the local spool, because the quarantine store did not answer; the next command that "
            f"reaches it moves {them} there"
        )


def bring_in(store: Store, settings: Settings, emit: Callable[[Event], None]) -> None:
    """Move what dead processes spooled for a store into it, so that reviewers see it."""
    from dq_gate.errors import UnreadableEntryError
    from dq_gate.events import SpoolDrained
    from dq_gate.gate.runtime import spool_target
    from dq_gate.quarantine.spool import SPOOL_ERRORS, Spool
    from dq_gate.quarantine.spool_file import survey

    directory = settings.state_dir / "spool"
    found = survey(directory)
    if not (found.waiting or found.corrupt):
        return
    is_safe = not store.health().unsafe
    moved = 0
    try:
        with closing(Spool(directory, spool_target(settings))) as own:
            if own.salvage():
                moved += _empty(own, store, mirror=not is_safe)
            for orphan in own.orphans():
                moved += _empty(orphan, store, mirror=not is_safe)
    except UnreadableEntryError as error:  # the command that mends it has to run
        note(f"spooled entries stay where they are: {error}")
    except SPOOL_ERRORS as error:
        note(f"the local spool cannot be read ({type(error).__name__}); see dq-gate doctor")
    if moved:
        emit(SpoolDrained(moved, moved))


def _empty(orphan: Spool, store: Store, *, mirror: bool) -> int:
    """Put what waits in a spool into the store; rows that the store might still lose stay as its mirror."""
    from dq_gate.quarantine.destinations import KEPT
    from dq_gate.quarantine.entry import MAX_BATCH

    moved, after = 0, 0
    while rows := orphan.take(MAX_BATCH, after=after):
        after = rows[-1].number
        readable = [(row.number, row.entry) for row in rows if row.entry is not None]
        results = store.put([entry for _, entry in readable])
        is_mirror = mirror or not store.settled()
        kept = [number for (number, _), result in zip(readable, results, strict=True) if is_mirror and result in KEPT]
        orphan.mirror(kept)
        orphan.delete({number for number, _ in readable}.difference(kept))
        moved += len(readable)
    return moved
