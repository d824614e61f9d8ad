"""Where a Redis is, and how to use it. Plain data: nothing is connected here."""

from __future__ import annotations

from dataclasses import dataclass, field

from dq_gate.quarantine.redis_tls import TlsFiles


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where a Redis is, and as whom to speak to it. Its text leaves out user and password.

    Attributes:
        scheme: redis, redis+sentinel or redis+cluster; over TLS rediss, rediss+sentinel or rediss+cluster.
        hosts: Servers, sentinels or cluster nodes, each with its port.
        service: The name sentinels know the server by.
    """

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    db: int = 0
    service: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        path = [self.service] if self.service else []
        path += [] if self.is_cluster else [str(self.db)]
        return "/".join([f"{self.scheme}://{hosts}", *path])

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.scheme.startswith("rediss")

    @property
    def is_cluster(self) -> bool:
        """Whether the hosts are nodes of a cluster."""
        return self.scheme.endswith("+cluster")


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """How to use a Redis, beyond what its address says.

    Attributes:
        tls: Certificates, for an address with TLS.
        sentinel_password: What sentinels want; the address's password is the server's.
        wait_replicas: Replicas that must have acknowledged a put before it counts.
        wait_timeout: Seconds they may take.
        key_prefix: What the names of all keys begin with.
        shards: Hash tags a namespace is spread over.
    """

    tls: TlsFiles = field(default_factory=TlsFiles)
    sentinel_password: str | None = field(default=None, repr=False)
    wait_replicas: int = 0
    wait_timeout: float = 0.1
    key_prefix: str = "dq"
    shards: int = 1

    def prefix(self, namespace: str, shard: int | None = None) -> str:
        """What the keys of a namespace, or of one of its shards, begin with.

        The braces make a hash tag: a cluster keeps these keys on one node. No namespace holds a `/`.
        """
        tag = namespace if shard is None else f"{namespace}/{shard}"
        return f"{self.key_prefix}:{{{tag}}}:"


DEFAULT_OPTIONS = RedisOptions()
