"""The state of an alert pack in a Redis, for evaluators on several machines. Keys are in the headers of `lua/`.

The lease runs out `LEASE_SECONDS` after its holder fell silent; a thread renews it, and so does every commit. With
each lease goes a number that only grows: a commit under an older one is refused, however late it comes.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.alerts.state.contract import Delivery, GivenUp, Saved, Transition
from dq_gate.alerts.state.serial import (
    KEEP_DAYS,
    KEEP_NOTES,
    note_from_json,
    note_to_json,
    saved_from_json,
    to_json,
)
from dq_gate.errors import AlertStateError, BackendUnavailableError, LeaseLostError
from dq_gate.events import AlertFired
from dq_gate.quarantine.redis_address import DEFAULT_OPTIONS, RedisOptions
from dq_gate.quarantine.redis_connection import RedisConnection, load_script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from threading import Event

    from dq_gate.quarantine.redis_address import RedisAddress

SCHEMA = 1
LEASE_SECONDS = 5.0
TIMEOUT = 2.0
_PAGE = 1_000
_DAY_MS = 86_400_000


class RedisState:
    """A `StateStore` in a Redis.

    Args:
        address: Where it is.
        pack: The alert pack's name.
        namespace: Keeps the watches of several applications apart.
        options: How to use it.
        lease_seconds: How long a lease holds after its holder fell silent.
    """

    def __init__(
        self,
        address: RedisAddress,
        pack: str,
        *,
        namespace: str,
        options: RedisOptions = DEFAULT_OPTIONS,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._connection = RedisConnection(address, timeout=TIMEOUT, options=options)
        # The braces make a hash tag: a cluster keeps these keys on one node. No namespace holds a `/`.
        self._prefix = f"{options.key_prefix}:alerts:{{{namespace}/{pack}}}:"
        self._pack = pack
        self._lease_seconds = lease_seconds
        self._token = f"{socket.gethostname()} process {os.getpid()} {secrets.token_hex(8)}"
        self._fence = ""
        self._closing = threading.Event()
        self._renewer: threading.Thread | None = None
        self._is_lost = False

    @property
    def way_out(self) -> str:
        """See `StateStore`."""
        return (
            f"delete the keys of Redis at {self._connection.address} that begin with {self._prefix} to start afresh: "
            "what fires then is told once more"
        )

    def acquire(self, stop: Event, on_standby: Callable[[str], None]) -> bool:
        """See `StateStore`."""
        is_first = True
        while True:
            try:
                what, found = self._run("acquire", self._token, self._lease_ms, SCHEMA)
            except BackendUnavailableError:
                if is_first:
                    raise
                what, found = b"held", b""  # a standby outlives a server that is started anew
            if what == b"taken":
                self._hold(found.decode())
                return True
            if what == b"schema":
                raise AlertStateError(
                    f"the alert state has format {found.decode()}, this release reads {SCHEMA}; use the release that "
                    f"made it, or {self.way_out}"
                )
            if is_first:
                on_standby(found.decode().rpartition(" ")[0])
                is_first = False
            if stop.wait(self._lease_seconds / 10):
                return False

    def load(self) -> Saved:
        """See `StateStore`."""
        positions, engine = self._connection.call(
            self._prefix, lambda client: client.hmget(f"{self._prefix}watch", "positions", "engine")
        )
        try:
            return saved_from_json(positions, engine)
        except ValueError:
            raise self._damaged() from None

    def commit(
        self, saved: Saved, transitions: Sequence[Transition], deliveries: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> None:
        """See `StateStore`."""
        now = time.time()
        oldest = int(now * 1000) - KEEP_DAYS * _DAY_MS
        engine = b"" if saved.engine is None else to_json(saved.engine)
        held = self._is_lost is False and self._run(
            "commit",
            *(self._token, self._fence, self._lease_ms),
            *(to_json(saved.positions), engine),
            *(KEEP_NOTES, oldest, len(transitions)),
            *(note_to_json(transition) for transition in transitions),
            *(_row(notifier, alert, now) for notifier, alert in deliveries),
        )
        if not held:
            raise LeaseLostError(f"another evaluator took over the alert pack {self._pack!r}")

    def due(self, notifier: str, now: float, limit: int) -> list[Delivery]:
        """See `Outbox`."""
        flat = self._run("due", notifier, repr(now), limit, self._fence)
        return [self._delivery(number, row) for number, row in zip(flat[::2], flat[1::2], strict=True)]

    def standing(self, notifier: str) -> list[Delivery]:
        """See `Outbox`."""
        rows = self._connection.call(self._prefix, lambda client: client.hvals(f"{self._prefix}standing"))
        found = [self._delivery(*row.split(b" ", 1)) for row in rows]
        return sorted((one for one in found if one.notifier == notifier), key=lambda one: one.created_at)

    def waiting(self) -> dict[str, int]:
        """See `Outbox`."""
        flat = self._run("waiting")
        return {name.decode(): count for name, count in zip(flat[::2], flat[1::2], strict=True)}

    def settle(self, number: int) -> None:
        """See `Outbox`."""
        self._run("end", number, "settled", KEEP_NOTES)

    def postpone(self, number: int, due_at: float, error: str) -> None:
        """See `Outbox`."""
        self._run("postpone", number, repr(due_at), error)

    def give_up(self, number: int, error: str) -> None:
        """See `Outbox`."""
        row = self._connection.call(self._prefix, lambda client: client.hget(f"{self._prefix}outbox", number))
        if row is None:
            return
        delivery = self._delivery(b"%d" % number, row)
        alert, at = delivery.alert, int(time.time() * 1000)
        note = GivenUp(at, alert["alert"], alert["group"], alert["id"], delivery.notifier, error)
        self._run("end", number, note_to_json(note), KEEP_NOTES)

    def history(self, *, since: int | None = None, alert: str | None = None) -> Iterator[Transition | GivenUp]:
        """See `StateStore`."""
        last = "-"
        while entries := self._page(last):
            for entry_id, fields in entries:
                note = self._note(fields)
                if note.at >= (since or 0) and alert in (None, note.alert):
                    yield note
                last = f"({entry_id.decode()}"

    def close(self) -> None:
        """See `StateStore`."""
        self._closing.set()
        if self._renewer is not None:
            self._renewer.join()
            self._renewer = None
            with suppress(BackendUnavailableError):  # it runs out by itself
                self._run("release", self._token)
        self._connection.close()

    @property
    def _lease_ms(self) -> int:
        return int(self._lease_seconds * 1000)

    def _run(self, script: str, *arguments: str | bytes | float) -> Any:
        return self._connection.run(load_script(script, "dq_gate.alerts.state"), self._prefix, *arguments)

    def _hold(self, fence: str) -> None:
        self._fence, self._is_lost = fence, False
        self._closing = threading.Event()
        self._renewer = threading.Thread(target=self._renew, args=(self._closing,), name="dq_gate lease", daemon=True)
        self._renewer.start()

    def _renew(self, closing: Event) -> None:
        """Renew the lease, for as long as it is held and this process lives."""
        while not closing.wait(self._lease_seconds / 3):
            try:
                if not self._run("renew", self._token, self._fence, self._lease_ms):
                    self._is_lost = True
                    return
            except BackendUnavailableError:
                continue  # a commit says so

    def _page(self, after: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        page: list[tuple[bytes, dict[bytes, bytes]]] = self._connection.call(
            self._prefix, lambda client: client.xrange(f"{self._prefix}history", min=after, count=_PAGE)
        )
        return page

    def _note(self, fields: dict[bytes, bytes]) -> Transition | GivenUp:
        try:
            return note_from_json(fields[b"note"])
        except (KeyError, TypeError, ValueError):
            raise self._damaged() from None

    def _delivery(self, number: bytes, row: bytes) -> Delivery:
        try:
            fields = orjson.loads(row)
            alert = orjson.loads(fields["alert"])
            times = int(fields["attempts"]), float(fields["due_at"]), float(fields["created_at"])
            return Delivery(int(number), fields["notifier"], alert, *times)
        except (KeyError, TypeError, ValueError):
            raise self._damaged() from None

    def _damaged(self) -> AlertStateError:
        return AlertStateError(f"the alert state is damaged; {self.way_out}")


def _row(notifier: str, alert: Mapping[str, Any], now: float) -> bytes:
    """A delivery as the outbox holds it; the alert as text, because Lua would not give back what it read."""
    return to_json(
        {
            "notifier": notifier,
            "id": alert["id"],
            "is_firing": alert["event"] == AlertFired.name,
            "alert": to_json(alert).decode(),
            "attempts": 0,
            "due_at": now,
            "created_at": now,
        }
    )
