"""A reviewer's session on the quarantine: the store, the lease token, and which entries a command is about."""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dq_gate.cli.options import cli_settings
from dq_gate.cli.output import note
from dq_gate.cli.spool import bring_in
from dq_gate.errors import ConfigurationError, did_you_mean
from dq_gate.quarantine.entry import MAX_BATCH, Filter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dq_gate.core.lifecycle import State
    from dq_gate.quarantine.entry import Entry, Store
    from dq_gate.review.service import Review
    from dq_gate.settings import Settings
    from dq_gate.signals.emitter import Emitter

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries a command is about: named ones, or all that a filter finds."""

    ids: tuple[str, ...]
    where: Filter


@dataclass(frozen=True, slots=True)
class Session:
    """What a review command works with."""

    store: Store
    review: Review
    settings: Settings
    emitter: Emitter

    def chosen(self, choice: Choice, *states: State) -> list[str]:
        """Ids of the named entries, or of those in some states that the filter finds."""
        if choice.ids:
            return list(choice.ids)
        found = [self.review.matching(replace(choice.where, state=state)) for state in states]
        return list(dict.fromkeys(entry_id for ids in found for entry_id in ids))

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


@contextlib.contextmanager
def reviewing(quarantine: str | None) -> Iterator[Session]:
    """Open a session on a quarantine: expired leases and entries are dealt with, spooled entries brought in."""
    from dq_gate.gate.runtime import connect
    from dq_gate.review.service import Review
    from dq_gate.signals.emitter import Emitter

    settings = cli_settings(quarantine=quarantine)
    with contextlib.closing(connect(settings)) as store:
        store.ping()  # before the event log is opened, so that a store that is away costs one line and leaves no file
        emitter = Emitter(
            settings.log or "stderr", namespace=settings.namespace, source=settings.source, release=settings.release
        )
        with contextlib.closing(emitter):
            review = Review(store, who=_who(), emit=emitter.emit, lease_seconds=settings.lease_seconds)
            bring_in(store, settings, emitter.emit)
            review.tidy(settings.retention_days * _DAY_S)
            yield Session(store, review, settings, emitter)
            dropped = emitter.take_dropped()
            if dropped:
                note(f"{dropped} events could not be written to {settings.log}")


def choose(ids: Sequence[str] | None, group: str | None, rule: str | None, source: str | None) -> Choice:
    """Read which entries an action is about.

    Raises:
        ConfigurationError: neither ids nor a filter are given, or both.
    """
    has_filter = any((group, rule, source))
    if bool(ids) == has_filter:
        raise ConfigurationError("name entries by id, or choose them with --group, --rule or --source")
    return Choice(tuple(dict.fromkeys(ids or ())), Filter(group=group, rule=rule, source=source))


def filter_of(state: str, group: str | None, rule: str | None, source: str | None) -> Filter:
    """Read which entries are to be listed.

    Raises:
        ConfigurationError: there is no such state.
    """
    from dq_gate.core.lifecycle import STATES

    known = next((known for known in STATES if known == state), None)
    if known is None and state != "any":
        raise ConfigurationError(f"--state {state}: no such state{did_you_mean(state, (*STATES, 'any'))}")
    return Filter(state=known, group=group, rule=rule, source=source)


def _who() -> str:
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


@contextlib.contextmanager
def stored_entries(quarantine: str | None, source: str | None = None) -> Iterator[Iterator[Entry]]:
    """Every entry of the store, oldest first, for commands that only look."""
    from dq_gate.gate.runtime import connect

    with contextlib.closing(connect(cli_settings(quarantine=quarantine))) as store:
        yield _each_entry(store, Filter(source=source))


def _each_entry(store: Store, where: Filter) -> Iterator[Entry]:
    after = None
    while True:
        page = store.find(where, limit=MAX_BATCH, after=after)
        yield from page.entries
        if (after := page.after) is None:
            return
