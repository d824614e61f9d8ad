"""Where an alert pack's state is kept: a file of this machine, or a Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.errors import SettingsError
from dq_gate.quarantine.address import redis_address, sqlite_path, store_kind
from dq_gate.quarantine.redis_address import DEFAULT_OPTIONS, RedisOptions

if TYPE_CHECKING:
    from pathlib import Path

    from dq_gate.alerts.state.contract import StateStore


def open_state(
    pack: str,
    address: str | None,
    *,
    directory: Path,
    namespace: str = "default",
    redis: RedisOptions = DEFAULT_OPTIONS,
) -> StateStore:
    """Make the store of an alert pack's state. It is opened at its first use, and takes no lease before `acquire`.

    Args:
        pack: The alert pack's name.
        address: `sqlite:///path`, or a Redis as quarantine addresses name one; None for a file in the state directory.
        directory: The state directory.
        namespace: Keeps the watches of several applications apart that share a Redis.
        redis: How to use a Redis.

    Raises:
        SettingsError: the address cannot be used.
    """
    from dq_gate.alerts.state.sqlite import SQLiteState

    if address is None:
        return SQLiteState(directory / "alerts" / f"{pack}.db", pack)
    try:
        kind = store_kind(address)
    except SettingsError:
        raise SettingsError("an alert state is sqlite:///path.db or redis://host:6379/0") from None
    if kind == "sqlite":
        return SQLiteState(sqlite_path(address), pack)
    from dq_gate.alerts.state.redis import RedisState

    return RedisState(redis_address(address, redis), pack, namespace=namespace, options=redis)
