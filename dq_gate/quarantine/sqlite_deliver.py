"""How the SQLite store hands released entries to consumers, within its caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.quarantine.entry import Delivery

if TYPE_CHECKING:
    import sqlite3


def deliver(
    db: sqlite3.Connection, namespace: str, consumer: str, *, limit: int, idle_s: float, now: float
) -> list[Delivery]:
    """Hand out what was handed out long ago, then what is new, each in the order of release."""
    told: dict[str, str | float] = {"namespace": namespace, "now": now, "idle_s": idle_s}
    # A delivery far in the future is from before the clock was set back.
    long_idle = "delivered_at IS NOT NULL AND abs(:now - delivered_at) >= :idle_s"
    found = _find(db, long_idle, told | {"limit": limit})
    found += _find(db, "delivered_at IS NULL", told | {"limit": limit - len(found)})
    db.executemany(
        "UPDATE released SET consumer = ?, delivered_at = ? WHERE message = ?",
        [(consumer, now, message) for message, _ in found],
    )
    return [Delivery(entry_id, str(message)) for message, entry_id in found]


def _find(db: sqlite3.Connection, condition: str, told: dict[str, str | float]) -> list[tuple[int, str]]:
    """Message and id of released entries that can be redriven now."""
    rows = db.execute(
        # Crossed, so that the order of the index stands.
        "SELECT message, id FROM released CROSS JOIN entries ON entries.number = released.number"  # noqa: S608 - our own text only
        f" WHERE released.namespace = :namespace AND {condition}"
        " AND not_before <= :now AND ifnull(lease_until <= :now, TRUE)"
        " ORDER BY message LIMIT :limit",
        told,
    )
    return rows.fetchall()
