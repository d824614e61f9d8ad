"""Which node of a Redis cluster serves a key.

Redis-py's own cluster client is not used: it follows an ASK. While a slot moves, its keys are on two nodes, and a
script on the new one would not see those that are still on the old: counters would start at zero again and an entry
be there twice. So an ASK is refused like any failure, and callers wait, or spool, until the slot has moved. That
works because the key a script is called with, the namespace's prefix, never exists itself: of a slot that moves,
the old node answers ASK to all calls at once.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
Node = tuple[str, int]

MAX_HOPS = 4
"""Most nodes one call goes to; a cluster that is in order needs two."""


class ClusterNodes:
    """Runs commands on the node that serves a key, as its MOVED answers say. Thread-safe.

    Args:
        seeds: Nodes to begin with; the others are learned.
        connect: Makes the client of one node; opens nothing.
    """

    def __init__(self, seeds: Sequence[Node], connect: Callable[[Node], Any]) -> None:
        self._nodes = list(seeds)
        self._connect = connect
        self._clients: dict[Node, Any] = {}
        self._owners: dict[int, Node] = {}
        self._lock = threading.Lock()
        self._must_learn = True

    def run(self, key: str, use: Callable[[Any], T]) -> T:
        """Give the client of the node that serves a key to a function that uses it for this key alone.

        Raises:
            RedisError: what the function raised; of a failed node, the next call asks another.
        """
        import redis

        slot = redis.crc.key_slot(key.encode())
        return self._run_on(self._owner(slot), slot, use, MAX_HOPS)

    def reconsider(self) -> None:
        """Nothing to do: a node that lost its slots says so itself."""

    def close(self) -> None:
        """Close the connections to all nodes."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def _run_on(self, node: Node, slot: int, use: Callable[[Any], T], hops: int) -> T:
        import redis

        client = self._client(node)
        try:
            self._learn(node, client)
            return use(client)
        except redis.exceptions.MovedError as moved:
            if hops == 1:
                raise
            owner = moved.host or node[0], moved.port
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError):
            self._distrust(node)
            raise
        self._follow(slot, owner)
        return self._run_on(owner, slot, use, hops - 1)

    def _owner(self, slot: int) -> Node:
        with self._lock:
            return self._owners.get(slot, self._nodes[0])

    def _client(self, node: Node) -> Any:
        with self._lock:
            if node not in self._clients:
                self._clients[node] = self._connect(node)
            return self._clients[node]

    def _follow(self, slot: int, node: Node) -> None:
        with self._lock:
            self._owners[slot] = node
            self._must_learn = True

    def _distrust(self, node: Node) -> None:
        """Ask this node last from now on."""
        with self._lock:
            self._owners = {slot: owner for slot, owner in self._owners.items() if owner != node}
            self._nodes = [other for other in self._nodes if other != node] + [node]

    def _learn(self, node: Node, client: Any) -> None:
        """Learn of nodes that the address does not name: they are asked when this one fails."""
        if not self._must_learn:
            return
        import redis

        self._must_learn = False
        with suppress(redis.exceptions.ResponseError):  # this user may not ask; MOVED answers lead on as well
            found = dict.fromkeys(_nodes_in(client.execute_command("CLUSTER", "SLOTS"), node[0]))
            with self._lock:
                self._nodes += [other for other in found if other not in self._nodes]


def _nodes_in(slots: list[list[Any]], asked: str) -> Iterator[Node]:
    for _first, _last, *nodes in slots:
        for host, port, *_ in nodes:
            yield (host.decode() if host else asked), port
