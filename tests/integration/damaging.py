"""What a flipped bit or a torn write does to a stored entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dq_gate.quarantine.redis import RedisStore
from dq_gate.quarantine.sqlite import SqliteStore

if TYPE_CHECKING:
    from dq_gate.quarantine.entry import Store

TORN = b'{"schema_version":2,"entry":["secret"'


def damage(store: Store, entry_id: str) -> None:
    """Make the body of an entry unreadable."""
    if isinstance(store, SqliteStore):
        with store._file.write() as db:
            query = "UPDATE bodies SET body = ? WHERE number = (SELECT number FROM entries WHERE id = ?)"
            assert db.execute(query, (TORN, entry_id)).rowcount == 1
    else:
        assert isinstance(store, RedisStore)
        key = f"{store._prefix}b:{entry_id}"
        assert store._connection.call(key, lambda client: client.set(key, TORN, xx=True))
