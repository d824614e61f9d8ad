"""Tells a program: it runs once for each alert and reads it from its standard input."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

from dq_gate.alerts.notify.rendering import Notice
from dq_gate.errors import NotifyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMEOUT_S = 30.0
"""Seconds that a program may take for one alert."""


class Command:
    """Runs a program in a process group of its own, without a shell; what it prints goes nowhere.

    Exit code 0 means delivered. In its environment are the alert's basics, none of which an input can choose:
    `ALERT_STATUS` (firing or resolved), `ALERT_NAME`, `ALERT_SEVERITY`, `ALERT_ID`.

    Args:
        name: What the outbox knows it by.
        severities: Which alerts it is run for.
        argv: The program and its arguments.
        timeout: Seconds it may take; then it is killed with all that it started.
    """

    def __init__(
        self, name: str, severities: frozenset[str], argv: Sequence[str], *, timeout: float = TIMEOUT_S
    ) -> None:
        self.name = name
        self.severities = severities
        self._argv = tuple(argv)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None

    def send(self, alert: Mapping[str, Any]) -> None:
        """Run the program, and wait for its end."""
        notice = Notice.of(alert)
        with self._start(notice) as process:
            try:
                process.communicate(notice.body, timeout=self._timeout)
            except subprocess.TimeoutExpired:
                self._kill()
                raise NotifyError(f"took longer than {self._timeout:g} s and was killed") from None
            finally:
                with self._lock:
                    self._running = None
        if process.returncode:
            raise NotifyError(f"ended with exit code {process.returncode}")

    def close(self) -> None:
        """End the program if it runs."""
        self._kill()

    def _start(self, notice: Notice) -> subprocess.Popen[bytes]:
        fields = notice.fields
        basics = {
            "ALERT_STATUS": notice.status,
            "ALERT_NAME": fields["alert"],
            "ALERT_SEVERITY": fields["severity"],
            "ALERT_ID": fields["id"],
        }
        with self._lock:
            try:
                self._running = subprocess.Popen(  # noqa: S603 - the operator's own program
                    self._argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=os.environ | basics,
                    start_new_session=True,
                )
            except OSError as error:
                raise NotifyError(f"cannot be started: {error.strerror}") from None
            return self._running

    def _kill(self) -> None:
        """Kill the program and all that it started."""
        with self._lock:
            process = self._running
            if process is not None and process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
