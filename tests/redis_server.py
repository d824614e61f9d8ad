"""A real redis-server of the tests' own: on a free loopback port, append-only, in its own directory."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

READY_WITHIN = 15.0
PORTS = range(20_000, 32_000)
"""Below the ephemeral range: a client that retries a dead port of that range may connect to itself."""


class RedisServer:
    """A redis-server process that tests may start, kill, stop and continue; it keeps its port and its data.

    Args:
        directory: Where the append-only file and the log live.
        options: More options for the command line: `("--appendfsync", "always")`.
        config: A configuration file, which `--sentinel` needs.
    """

    def __init__(self, directory: Path, *options: str, config: Path | None = None) -> None:
        self.directory = directory
        self.options = options
        self._config = [] if config is None else [str(config)]
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        """Start the server and return once it answers, its data loaded."""
        program = shutil.which("redis-server")
        if program is None:
            raise RuntimeError("the tests need a real redis-server; run: sudo apt-get install -y redis-server")
        self.directory.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [
                program,
                *self._config,
                *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)),
                *("--appendonly", "yes", "--save", "", "--logfile", "redis.log"),
                *self.options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._await_ready(self._process)
        return self

    def kill(self) -> None:
        """End the process at once, as a crash would; `start` brings it back with what it had written."""
        process = self._running()
        process.kill()
        process.wait()
        self._process = None

    def stop(self) -> None:
        """Freeze the process (SIGSTOP): its port still accepts, nothing answers."""
        self._running().send_signal(signal.SIGSTOP)

    def cont(self) -> None:
        """Let a frozen process go on."""
        self._running().send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process if it runs, frozen or not."""
        if self._process is not None:
            self.kill()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("this redis-server is not running")
        return self._process

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                self.close()
                log = self.directory / "redis.log"
                raise RuntimeError(f"redis-server did not start:\n{log.read_text() if log.exists() else ''}")
            time.sleep(0.01)

    def _answers(self, pid: int) -> bool:
        """Whether this very process answers: another run's server might have taken the port first."""
        try:
            with (
                socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection,
                connection.makefile("rb") as replies,
            ):
                connection.sendall(b"INFO server\r\nPING\r\n")
                lines = []
                for line in replies:
                    lines.append(line)
                    if line.startswith((b"+", b"-")):  # the reply to PING
                        break
        except OSError:
            return False
        return b"process_id:%d\r\n" % pid in lines and lines[-1] == b"+PONG\r\n"


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    for port in random.sample(PORTS, k=100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on the loopback interface")
