"""A reviewer's session on the quarantine: the store, the service, the lease token."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dq_gate.cli.options import cli_settings
from dq_gate.cli.output import note
from dq_gate.cli.spool import bring_in
from dq_gate.errors import ConfigurationError, ReviewError
from dq_gate.events import EntryRevealed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.events import Event
    from dq_gate.quarantine.entry import Entry, Store
    from dq_gate.review.service import Ages, Review
    from dq_gate.settings import Settings
    from dq_gate.signals.emitter import Emitter

DAY_S = 86_400
PATIENCE_S = 2.0
"""Seconds that a store may take to answer a reviewer: the setting `store_timeout` is for callers, who cannot wait."""

MAX_NAMED = 5
"""Most entries left out that are named."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a review command works with.

    Attributes:
        left_out: Ids of the entries that could not be read; they are told at the end.
    """

    store: Store
    review: Review
    settings: Settings
    emitter: Emitter
    left_out: list[str] = field(default_factory=list)

    def token(self) -> str:
        """The lease token of the state directory: one secret for all of a user's commands."""
        path = self.settings.state_dir / "lease-token"
        try:
            if not path.exists():
                _create_token(path)
            token = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: cannot be used: {getattr(error, 'strerror', None) or error}") from None
        if not token:
            raise ConfigurationError(f"{path}: holds no lease token; remove it")
        return token

    def reveal(self, entry_ids: Sequence[str], reason: str = "") -> list[str]:
        """Record that payloads are looked at; gives the ids of those that may be shown, as they are there.

        Raises:
            ConfigurationError: that cannot be recorded, so they must not be shown.
        """
        from dq_gate.review.service import done
        from dq_gate.settings import shown_log

        try:
            return done(self.review.reveal(entry_ids, reason=reason))
        except ReviewError:
            raise ConfigurationError(
                f"{shown_log(self.settings.log)}: cannot be written, so nothing is revealed"
            ) from None


@contextlib.contextmanager
def reviewing(quarantine: str | None) -> Iterator[Session]:
    """Open a session on a quarantine: leases and entries whose time is over are dealt with, spooled ones brought in."""
    from dq_gate.gate.runtime import connect
    from dq_gate.quarantine.vault import vault_of
    from dq_gate.review.service import Review
    from dq_gate.settings import shown_log
    from dq_gate.signals.emitter import Emitter

    settings = cli_settings(quarantine=quarantine)
    vault = vault_of(settings)
    with contextlib.closing(connect(_patient(settings))) as store:
        store.ping()  # before the event log is opened, so that a store that is away costs one line and leaves no file
        emitter = Emitter.of(settings)
        with contextlib.closing(emitter):
            review = Review(
                store,
                who=settings.reviewer or _login_name(),
                emit=partial(_told, emitter),
                lease_seconds=settings.lease_seconds,
                vault=vault,
            )
            bring_in(store, settings, emitter.emit)
            review.tidy(ages_of(settings))
            session = Session(store, review, settings, emitter)
            try:
                yield session
            finally:
                _note_left_out(session.left_out)
            emitter.flush()
            if emitter.dropped:
                note(f"{emitter.dropped} events could not be written to {shown_log(settings.log)}")


def _told(emitter: Emitter, event: Event) -> bool:
    """Emit an event; that payloads are looked at has to be written before they are shown, not only queued."""
    return emitter.try_emit(event) and (not isinstance(event, EntryRevealed) or emitter.flush())


def ages_of(settings: Settings) -> Ages:
    """How long entries stay, as the settings say."""
    from dq_gate.review.service import Ages

    return Ages(
        open_s=settings.retention_days * DAY_S,
        finished_s=settings.keep_finished_days * DAY_S,
        tombstone_s=settings.tombstone_days * DAY_S,
    )


@contextlib.contextmanager
def stored_entries(quarantine: str | None, source: str | None = None) -> Iterator[Iterator[Entry]]:
    """Every entry of the store, oldest first, for commands that only look."""
    from dq_gate.gate.runtime import connect
    from dq_gate.quarantine.entry import Filter
    from dq_gate.review.selection import Selection, matching

    with contextlib.closing(connect(_patient(cli_settings(quarantine=quarantine)))) as store:
        left_out: list[str] = []
        try:
            yield matching(store, Selection(where=Filter(source=source)), left_out.append)
        finally:
            _note_left_out(left_out)


def _note_left_out(entry_ids: Sequence[str]) -> None:
    if entry_ids:
        unread = "1 entry is" if len(entry_ids) == 1 else f"{len(entry_ids)} entries are"
        named = ", ".join(entry_ids[:MAX_NAMED]) + (" …" if len(entry_ids) > MAX_NAMED else "")
        note(f"{unread} damaged and left out: {named}; dq-gate quarantine show ID says more")


def _patient(settings: Settings) -> Settings:
    return settings.model_copy(update={"store_timeout": PATIENCE_S})


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _create_token(path: Path) -> None:
    """Make a token, unless another command makes one at the same time: then that one serves both."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        draft.write_text(secrets.token_hex(16), encoding="ascii")
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
