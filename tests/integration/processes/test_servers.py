"""Behind real servers with several workers, what was acknowledged outlives a SIGTERM under load."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes import eventually
from tests.integration.gating import named
from tests.integration.processes.place import ROOT, WAIT, acknowledged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.processes.place import Place

APPLICATION = "tests.integration.processes.application"
GUNICORN = ("gunicorn", "--preload", "--workers", "3", "--worker-class", "gthread", "--threads", "4", "--bind")
UVICORN = ("uvicorn", "--workers", "2", "--log-level", "warning", "--uds")
CLIENTS = 8


class Server:
    """A server on a socket of its own, in a short directory: a socket's path has little room."""

    def __init__(self, directory: str, place: Place, *command: str, **environment: str) -> None:
        self._socket = f"{directory}/socket"
        program, *options = command
        address = f"unix:{self._socket}" if program == "gunicorn" else self._socket
        entry = "wsgi" if program == "gunicorn" else "asgi"
        with (place.directory / "server.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", program, *options, address, f"{APPLICATION}:{entry}"],
                cwd=ROOT,
                env=place.environment | environment,
                stdout=log,
                stderr=log,
            )
        self._log = place.directory / "server.log"

    def post(self) -> dict[str, Any]:
        """Send one request; what the application answered."""
        connection = _UnixConnection(self._socket)
        try:
            connection.request("POST", "/")
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return answer

    def await_workers(self, count: int) -> set[int]:
        """Return the process ids once so many workers have answered."""
        pids: set[int] = set()

        def have_answered() -> bool:
            assert self.process.poll() is None, self._log.read_text()
            try:
                pids.add(self.post()["pid"])
            except (OSError, http.client.HTTPException):
                return False
            return len(pids) >= count

        eventually(have_answered, WAIT)
        return pids


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=WAIT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT)
        self.sock.connect(self._path)


@contextmanager
def serving(place: Place, *command: str, **environment: str) -> Iterator[Server]:
    """A server that is gone at the end, however that comes."""
    with tempfile.TemporaryDirectory(prefix="dq-gate-") as directory:
        server = Server(directory, place, *command, **environment)
        try:
            yield server
        finally:
            server.process.kill()
            server.process.wait()


def terminate_under_load(server: Server) -> list[dict[str, Any]]:
    """Send requests from several threads, end the server meanwhile; all that was answered."""
    answers: list[dict[str, Any]] = []

    def ask_until_the_end() -> None:
        while True:
            try:
                answers.append(server.post())
            except (OSError, http.client.HTTPException, ValueError):
                return

    clients = [threading.Thread(target=ask_until_the_end) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    eventually(lambda: len(answers) >= 100, WAIT)
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(WAIT)
    for client in clients:
        client.join()
    return answers


@pytest.mark.parametrize(
    ("quarantine", "used"), [("sqlite", "1"), ("redis", "1"), ("redis", "")], indirect=["quarantine"]
)
def test_gunicorn_with_preload_loses_nothing_at_sigterm_under_load(place: Place, used: str) -> None:
    with serving(place, *GUNICORN, USE_BEFORE_FORK=used) as server:
        workers = server.await_workers(3)
        assert server.process.pid not in workers
        answers = terminate_under_load(server)
    assert server.process.returncode == 0
    kept = place.kept()
    assert acknowledged(answers).issubset(kept)
    assert place.counted() == {"quarantined": len(kept)}
    started, stopped = (named(place.events, name) for name in ("gate.started", "gate.stopped"))
    assert len(started) == len({line["process"] for line in started}) == 3 + bool(used)
    assert {line["process"] for line in stopped} == {line["process"] for line in started}
    assert [line["unwritten"] for line in stopped] == [0] * len(started)


def test_uvicorn_with_workers_loses_nothing_at_sigterm_under_load(place: Place) -> None:
    with serving(place, *UVICORN) as server:
        server.await_workers(2)
        answers = terminate_under_load(server)
    kept = place.kept()
    assert acknowledged(answers).issubset(kept)
    assert place.counted() == {"quarantined": len(kept)}
    started, stopped = (named(place.events, name) for name in ("gate.started", "gate.stopped"))
    assert {line["process"] for line in stopped} == {line["process"] for line in started}
    assert len(started) == 2


@pytest.mark.parametrize("quarantine", ["redis"], indirect=True)
def test_preloaded_workers_share_no_spool_with_their_master(place: Place) -> None:
    with serving(place, *GUNICORN, USE_BEFORE_FORK="1") as server:
        pids = [server.process.pid, *server.await_workers(3)]

        def each_has_one_of_its_own() -> bool:
            locks = [_open_locks(pid) for pid in pids]
            return [len(own) for own in locks] == [1] * 4 and len(set().union(*locks)) == 4

        eventually(each_has_one_of_its_own, WAIT)


def _open_locks(pid: int) -> set[str]:
    """The locks of spools that a process has open."""
    locks = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it was closed meanwhile
            link = str(descriptor.readlink())
            if "/spool/" in link and link.endswith(".lock"):
                locks.add(link)
    return locks
