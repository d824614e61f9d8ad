"""A real prometheus and a real alertmanager of the tests' own: on free loopback ports, each in its own directory."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from tests.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

READY_WITHIN = 30.0


class _Server:
    """A server process with an HTTP interface, from its start to its end.

    Args:
        directory: Where its configuration, data and log live.
    """

    program: ClassVar[str]

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start the server and return once it answers."""
        program = shutil.which(self.program)
        if program is None:
            raise RuntimeError(
                f"the tests need a real {self.program}; run: sudo apt-get install -y prometheus prometheus-alertmanager"
            )
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "config.yaml"
        config.write_text(json.dumps(self._config()))  # JSON is YAML
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{self.port}", *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._await_ready(self._process)
        return self

    def get(self, path: str) -> Any:
        """The JSON behind a path of its interface."""
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:
            return json.load(answer)

    def close(self) -> None:
        """End the process if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _config(self) -> dict[str, Any]:
        raise NotImplementedError

    def _options(self) -> Sequence[str]:
        raise NotImplementedError

    def _is_mine(self) -> bool:
        """Whether this very server answers: another run's might have taken the port first."""
        raise NotImplementedError

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"{self.program} did not start:\n{(self.directory / 'log').read_text()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200 and self._is_mine()
        except (OSError, ValueError):
            return False


class PrometheusServer(_Server):
    """A prometheus that scrapes and evaluates every second.

    Args:
        directory: Where its configuration, data and log live.
        targets: What it scrapes, each `host:port`.
        rules: Files of rules.
        alertmanager: Where alerts go.
    """

    program = "prometheus"

    def __init__(
        self,
        directory: Path,
        *,
        targets: Sequence[str],
        rules: Sequence[Path],
        alertmanager: AlertmanagerServer | None = None,
    ) -> None:
        super().__init__(directory)
        self._targets = targets
        self._rules = rules
        self._alertmanager = alertmanager

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples that an expression gives now."""
        return list(self.get("/api/v1/query?" + urlencode({"query": expression}))["data"]["result"])

    def history(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """The samples that an expression gave at each second from one time to another, seconds since the epoch."""
        asked = urlencode({"query": expression, "start": start, "end": end, "step": "1s"})
        return list(self.get(f"/api/v1/query_range?{asked}")["data"]["result"])

    def rules(self) -> list[dict[str, Any]]:
        """The rules it evaluates, with what they say now."""
        return [rule for group in self.get("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(path) for path in self._rules],
            "scrape_configs": [{"job_name": "dq_gate", "static_configs": [{"targets": list(self._targets)}]}],
        }
        if self._alertmanager is not None:
            targets = {"targets": [f"127.0.0.1:{self._alertmanager.port}"]}
            config["alerting"] = {"alertmanagers": [{"static_configs": [targets]}]}
        return config

    def _options(self) -> Sequence[str]:
        return [f"--storage.tsdb.path={self.directory / 'data'}", "--log.level=warn"]

    def _is_mine(self) -> bool:
        flags = self.get("/api/v1/status/flags")["data"]
        return bool(flags["storage.tsdb.path"] == str(self.directory / "data"))


class AlertmanagerServer(_Server):
    """An alertmanager that hands every alert, and its end, to one webhook at once.

    Args:
        directory: Where its configuration, data and log live.
        webhook: Address of the webhook; None where nobody is to be told.
    """

    program = "prometheus-alertmanager"

    def __init__(self, directory: Path, *, webhook: str | None = None) -> None:
        super().__init__(directory)
        self._webhook = webhook

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that it holds, resolved ones left out."""
        return list(self.get("/api/v2/alerts"))

    def _config(self) -> dict[str, Any]:
        told = [] if self._webhook is None else [{"url": self._webhook, "send_resolved": True}]
        return {
            "route": {
                "receiver": str(self.directory),
                "group_by": ["..."],
                "group_wait": "0s",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "receivers": [{"name": str(self.directory), "webhook_configs": told}],
        }

    def _options(self) -> Sequence[str]:
        # without a cluster address it waits for no peers
        return [f"--storage.path={self.directory / 'data'}", "--cluster.listen-address=", "--log.level=warn"]

    def _is_mine(self) -> bool:
        return str(self.directory) in self.get("/api/v2/status")["config"]["original"]
