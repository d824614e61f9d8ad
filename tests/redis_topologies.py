"""More than one server, or one that is not open to all: TLS, replicas, sentinels, a cluster. All end with the test."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis
import trustme
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.fakes import eventually
from tests.redis_server import RedisServer, free_port

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

SLOTS = 16_384
NODE_TIMEOUT_MS = 1000
"""How long a cluster waits for a node before it calls it failed: as short as a busy machine bears."""


def client_of(server: RedisServer) -> redis.Redis:
    """An administrator's connection to a server, which answers text."""
    return redis.Redis(
        port=server.port, decode_responses=True, socket_timeout=5, protocol=2, retry=Retry(NoBackoff(), 0)
    )


def ask(server: RedisServer, *command: object) -> Any:
    """One command's answer."""
    with client_of(server) as client:
        return client.execute_command(*command)


@dataclass(frozen=True)
class Certificates:
    """An authority and what it signed, as files in PEM.

    Attributes:
        ca: The authority's certificate.
        stranger: Another authority's certificate.
        server: Certificate and key of a server on the host.
        client: Certificate and key of a client.
        strange_client: Those of a client, signed by the other authority.
    """

    ca: Path
    stranger: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]
    strange_client: tuple[Path, Path]

    @classmethod
    def make(cls, directory: Path, host: str = "localhost") -> Self:
        """Make them all below a directory, those of the server for a host."""
        ours, strange = trustme.CA(), trustme.CA()
        directory.mkdir(parents=True, exist_ok=True)
        for name, authority in (("ca", ours), ("stranger", strange)):
            authority.cert_pem.write_to_path(directory / f"{name}.pem")
        return cls(
            directory / "ca.pem",
            directory / "stranger.pem",
            _issue(ours, host, directory / "server"),
            _issue(ours, "client.example", directory / "client"),
            _issue(strange, "client.example", directory / "strange"),
        )


def _issue(authority: trustme.CA, name: str, path: Path) -> tuple[Path, Path]:
    issued = authority.issue_cert(name)
    certificate, key = path.with_suffix(".pem"), path.with_suffix(".key")
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    return certificate, key


class TlsServer(RedisServer):
    """A server with a TLS port beside its plain one; it asks clients for a certificate.

    Attributes:
        tls_port: The port that speaks TLS.
    """

    def __init__(self, directory: Path, certificates: Certificates, *options: str, config: Path | None = None) -> None:
        self.tls_port = free_port()
        certificate, key = certificates.server
        super().__init__(
            directory,
            *options,
            *("--tls-port", str(self.tls_port), "--tls-ca-cert-file", str(certificates.ca)),
            *("--tls-cert-file", str(certificate), "--tls-key-file", str(key)),
            config=config,
        )


class Topology:
    """Servers that start together and end together."""

    def __init__(self) -> None:
        self._running = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _start(self) -> None:
        raise NotImplementedError

    def _run(self, server: RedisServer) -> RedisServer:
        return self._running.enter_context(server)


class Replicated(Topology):
    """A primary with replicas that copy it.

    Attributes:
        primary: The server that takes writes at first.
        replicas: Those that copy it.
    """

    def __init__(self, directory: Path, *, replicas: int = 1) -> None:
        super().__init__()
        self.primary = RedisServer(directory / "primary")
        options = ("--replicaof", f"127.0.0.1 {self.primary.port}")
        self.replicas = [RedisServer(directory / f"replica-{n}", *options) for n in range(replicas)]

    def _start(self) -> None:
        for server in (self.primary, *self.replicas):
            server.options = (*server.options, "--repl-diskless-sync-delay", "0")
            self._run(server)
        eventually(lambda: _attached(self.primary) == len(self.replicas))


def _attached(primary: RedisServer) -> int:
    """How many replicas a server sends its writes to, all that it has sent before being with them."""
    with client_of(primary) as client:
        info = client.info("replication")
    return sum(info[f"slave{number}"]["state"] == "online" for number in range(info["connected_slaves"]))


class Watched(Replicated):
    """A primary and replicas watched by sentinels, which make a replica the primary when that one dies.

    Attributes:
        sentinels: The sentinels; two of them must agree.
    """

    def __init__(self, directory: Path, *, replicas: int = 1, sentinels: int = 3) -> None:
        super().__init__(directory, replicas=replicas)
        self.sentinels = [self._sentinel(directory / f"sentinel-{n}", sentinels // 2 + 1) for n in range(sentinels)]

    @property
    def url(self) -> str:
        """The address a gate is given."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/main"

    def current_primary(self) -> RedisServer:
        """The server that sentinels name as primary."""
        port = int(ask(self.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")[1])
        return next(server for server in (self.primary, *self.replicas) if server.port == port)

    def _start(self) -> None:
        super()._start()
        for sentinel in self.sentinels:
            self._run(sentinel)
        eventually(lambda: all(self._knows_all(sentinel) for sentinel in self.sentinels))

    def _knows_all(self, sentinel: RedisServer) -> bool:
        with client_of(sentinel) as client:
            state = client.sentinel_master("main")
        return (state["num-slaves"], state["num-other-sentinels"]) == (len(self.replicas), len(self.sentinels) - 1)

    def _sentinel(self, directory: Path, quorum: int) -> RedisServer:
        directory.mkdir(parents=True)
        config = directory / "sentinel.conf"
        lines = [
            f"monitor main 127.0.0.1 {self.primary.port} {quorum}",
            "down-after-milliseconds main 1000",
            "failover-timeout main 10000",
        ]
        config.write_text("".join(f"sentinel {line}\n" for line in lines))
        return RedisServer(directory, "--sentinel", config=config)


class ClusterNode(RedisServer):
    """A server that may be a node of a cluster.

    Attributes:
        bus_port: The port on which nodes speak to each other.
    """

    def __init__(self, directory: Path) -> None:
        self.bus_port = free_port()
        super().__init__(
            directory,
            *("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port)),
            *("--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--cluster-replica-validity-factor", "0"),
            *("--repl-diskless-sync-delay", "0"),
        )


class Cluster(Topology):
    """A cluster whose slots are spread evenly over its primaries; each may have one replica.

    Attributes:
        primaries: The nodes that serve slots at first, in the order of their slots.
        replicas: The replica of each, in the same order; empty without.
    """

    def __init__(self, directory: Path, *, primaries: int = 3, has_replicas: bool = False) -> None:
        super().__init__()
        self.primaries = [ClusterNode(directory / f"node-{n}") for n in range(primaries)]
        self.replicas = [ClusterNode(directory / f"copy-{n}") for n in range(primaries * has_replicas)]

    @property
    def nodes(self) -> list[ClusterNode]:
        """All of them."""
        return [*self.primaries, *self.replicas]

    @property
    def url(self) -> str:
        """The address a gate is given."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.primaries)

    def owner_of(self, key: str) -> ClusterNode | None:
        """The node that is a primary and says that it serves a key; None while there is none."""
        return next((node for node in self.nodes if _serves(node, key)), None)

    def move_slot(self, slot: int, source: RedisServer, target: RedisServer) -> None:
        """Move a slot with all its keys, as `redis-cli --cluster reshard` does."""
        self.begin_move(slot, source, target)
        self.finish_move(slot, source, target)

    def begin_move(self, slot: int, source: RedisServer, target: RedisServer) -> None:
        """Tell both nodes that a slot is going to move; its keys stay for now."""
        ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", node_id(source))
        ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", node_id(target))

    def finish_move(self, slot: int, source: RedisServer, target: RedisServer) -> None:
        """Move the keys, and then the slot."""
        while keys := ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            ask(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source, *(other for other in self.primaries if other not in (source, target))):
            ask(node, "CLUSTER", "SETSLOT", slot, "NODE", node_id(target))

    def _start(self) -> None:
        for node in self.nodes:
            self._run(node)
        first = self.primaries[0]
        for number, node in enumerate(self.nodes):
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            ask(node, "CLUSTER", "MEET", "127.0.0.1", first.port, first.bus_port)
        for number, node in enumerate(self.primaries):
            bounds = [SLOTS * end // len(self.primaries) for end in (number, number + 1)]
            ask(node, "CLUSTER", "ADDSLOTSRANGE", bounds[0], bounds[1] - 1)
        known = f"cluster_known_nodes:{len(self.nodes)}\r"
        eventually(lambda: all(known in ask(node, "CLUSTER", "INFO") for node in self.nodes))
        for primary, replica in zip(self.primaries, self.replicas, strict=False):
            ask(replica, "CLUSTER", "REPLICATE", node_id(primary))
        eventually(lambda: all("cluster_state:ok" in ask(node, "CLUSTER", "INFO") for node in self.nodes))
        eventually(lambda: sum(map(_attached, self.primaries)) == len(self.replicas))


def _serves(node: RedisServer, key: str) -> bool:
    try:
        ask(node, "EXISTS", key)
    except redis.RedisError:
        return False
    return True


def node_id(node: RedisServer) -> str:
    """A cluster node's own name."""
    return str(ask(node, "CLUSTER", "MYID"))
