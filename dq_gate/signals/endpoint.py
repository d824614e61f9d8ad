"""An HTTP endpoint that answers scrapes. Only for who has the extra `prometheus`.

prometheus-client's own would do but for two things: it asks the DNS for the machine's name, which may take seconds, and
it shows its socket only when all is done, so that a child that is forked meanwhile would keep the port taken.
"""

from __future__ import annotations

import socket
import threading
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import make_wsgi_app

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

Place = tuple[socket.AddressFamily, tuple[str, int]]


def place_of(address: str) -> Place:
    """Where `host:port` is; `:port` is on every interface.

    Raises:
        OSError: there is no such host.
    """
    host, _, port = address.rpartition(":")
    found = socket.getaddrinfo(host.strip("[]") or "0.0.0.0", int(port), type=socket.SOCK_STREAM)  # noqa: S104 - as asked
    family, _, _, _, place = found[0]
    return family, (str(place[0]), int(place[1]))


class Endpoint(ThreadingMixIn, WSGIServer):
    """Answers with what a registry holds, from threads of its own, until the process ends.

    Raises:
        OSError: the place is taken, or not this machine's.
    """

    daemon_threads = True

    def __init__(self, place: Place, registry: CollectorRegistry) -> None:
        self.address_family, address = place
        super().__init__(address, _Quietly)
        self.set_app(make_wsgi_app(registry))

    def server_bind(self) -> None:
        """Bind without asking the DNS for a name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self.serve_forever, name="dq-gate-metrics", daemon=True).start()


class _Quietly(WSGIRequestHandler):
    """Writes no log, and waits for no request for ever."""

    timeout = 10.0

    def log_message(self, *_: object) -> None:
        """Say nothing: a scrape every few seconds is no news."""
