"""Where Prometheus reads this process's metrics: an endpoint of our own, or the application's registry.

All gates of a process share the metrics. In a fleet of forked processes, for which `PROMETHEUS_MULTIPROC_DIR` names a
directory, each process writes its part to files there, and whoever is asked answers for all of them. A forked child
begins with metrics of its own, from zero.
"""

from __future__ import annotations

import errno
import os
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from dq_gate.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric as Family

    from dq_gate.signals.endpoint import Endpoint
    from dq_gate.signals.families import Families

REGISTRY = "registry"
"""The setting `metrics` of an application that serves its own registry."""
FLEET_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
FLEET_ROOM = 4 * 1024 * 1024
"""Bytes that must be free for the fleet's files."""

lock = threading.RLock()
"""Held by whoever changes metrics, and by whoever forks: a child would find prometheus-client's own locks taken."""


def require_prometheus() -> None:
    """Refuse metrics that cannot be kept, and import all that keeping them takes.

    Not later, by a thread: a child that is forked amid an import has half a module for ever.

    Raises:
        MissingExtraError: the extra `prometheus` is not installed.
        SettingsError: the fleet's directory is not there.
    """
    try:
        for module in (
            "prometheus_client.multiprocess",
            "dq_gate.signals.families",
            "dq_gate.signals.endpoint",
            "encodings.idna",
        ):
            import_module(module)
    except ModuleNotFoundError:
        raise MissingExtraError("the setting metrics", "prometheus") from None
    directory = os.environ.get(FLEET_VARIABLE)
    if directory and not os.access(Path(directory), os.W_OK | os.X_OK):
        raise SettingsError(f"{FLEET_VARIABLE}: cannot write to {directory}; make the directory before the first fork")


def is_fleet() -> bool:
    """Whether several processes keep their metrics together."""
    return bool(os.environ.get(FLEET_VARIABLE))


def require_room() -> None:
    """Refuse to write where there may be no room: the files are mapped, and the kernel would kill the process.

    Raises:
        OSError: the fleet's directory is nearly full, or gone.
    """
    if directory := os.environ.get(FLEET_VARIABLE):
        disk = os.statvfs(directory)
        if disk.f_bavail * disk.f_frsize < FLEET_ROOM:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def families() -> Families:
    """This process's metrics, made at the first call; to be used with `lock` held."""
    return _here.families()


def register() -> None:
    """Have the application's own registry, `prometheus_client.REGISTRY`, hold our metrics too.

    Raises:
        ValueError: it has others of their names.
    """
    _here.register()


def serve(address: str) -> bool:
    """Answer scrapes from now on; for the fleet, if there is one.

    Args:
        address: `host:port`, or `:port` for every interface.

    Returns:
        False when this process did that already.

    Raises:
        OSError: the address cannot be bound.
    """
    return _here.serve(address)


class _Process:
    """What one process has: made anew in a forked child, but for the collector, which may be registered."""

    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}
        self._registry: CollectorRegistry | None = None
        self._families: Families | None = None
        self._is_registered = False

    def families(self) -> Families:
        with lock:
            if self._families is None:
                from prometheus_client import CollectorRegistry

                from dq_gate.signals.families import Families

                registry = CollectorRegistry()
                self._families = Families(registry)
                self._registry = registry
            return self._families

    def collect(self) -> Iterator[Family]:
        """Our metrics, without the times that series were made at: prometheus-client shows them as further metrics."""
        self.families()
        assert self._registry is not None
        for family in self._registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family

    def register(self) -> None:
        from prometheus_client import REGISTRY

        with lock:
            if not self._is_registered:
                REGISTRY.register(self)
                self._is_registered = True

    def serve(self, address: str) -> bool:
        from dq_gate.signals.endpoint import Endpoint, place_of

        place = place_of(address)
        with lock:  # whoever is forked has the socket here, or none
            if address in self._endpoints:
                return False
            endpoint = self._endpoints[address] = Endpoint(place, self._readable())
        endpoint.start()
        return True

    def start_over_in_child(self) -> None:
        """Let go of what is the parent's: its port would stay taken when it ends."""
        for endpoint in self._endpoints.values():
            endpoint.socket.close()
        self._endpoints = {}
        self._registry = self._families = None
        lock.release()

    def _readable(self) -> CollectorRegistry:
        """What an endpoint serves: all that the fleet wrote, or what this process has."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        if is_fleet():
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has not typed it
        else:
            registry.register(self)
        return registry


_here = _Process()
os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=_here.start_over_in_child)
