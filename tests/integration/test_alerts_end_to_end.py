"""Real bad input through a real gate raises one alert on two ways, and ends it on both: log lines and metrics.

What is measured: on the way of the log, from the closing time of the window that made the condition hold, or end, to
the webhook; on the way of the metrics, from the first second in which the rule's expression holds over what Prometheus
has scraped, or holds no longer, to the webhook behind Alertmanager. Takes about 40 s, of which the gate's windows of
10 s are the most. With DATA=../shared/data in the environment the bad input is that of the larger sets.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from dq_gate.alerts.sources.lines import milliseconds
from tests.fakes import eventually
from tests.integration.gating import lines, named
from tests.prometheus_server import AlertmanagerServer, PrometheusServer
from tests.receivers import Receiver
from tests.redis_server import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.receivers import Post

RULES = """\
alerts:
  - name: quarantine-ratio-high
    kind: ratio
    where: {event: dq_gate.input.quarantined}
    of: inputs
    group_by: [source]
    above: 0.2
    min_volume: 20
    within: 25s
    for: 3s
    severity: ticket
    summary: More than a fifth of the inputs go to the quarantine.
    runbook: docs/how-to/runbooks/quarantine-ratio.md
"""
WITHIN, ABOVE, FOR = 25.0, 0.2, 3.0
"""`within` ends between two windows: whether one counts must not hang on milliseconds."""
ALLOWED = FOR + 5.0
GOOD, BAD, MENDED = b"20 1\n", b"20 20\n", b"200 0\n"
ENVIRONMENT = {**os.environ, "no_proxy": "*"}


@dataclass(frozen=True, slots=True)
class Told:
    """What one way told the webhook.

    Attributes:
        alert: The alert's name.
        source: Its group.
        fired: When the webhook was told of it, seconds since the epoch.
        resolved: When it was told of its end.
    """

    alert: str
    source: str
    fired: float
    resolved: float


@dataclass(frozen=True, slots=True)
class Span:
    """When a condition began to hold, and when it ended, seconds since the epoch."""

    begins: float
    ends: float


class Scene:
    """A gate at work, and all that watches it."""

    def __init__(self, directory: Path, receiver: Receiver, processes: ExitStack) -> None:
        self.directory = directory
        self.log = directory / "events.jsonl"
        self.receiver = receiver
        self._target = f"127.0.0.1:{free_port()}"
        self._rules = directory / "alerts.yaml"
        self._rules.write_text(RULES, encoding="utf-8")
        self._processes = processes
        self.gate = self._start("tests.scenarios.application", *filter(None, [os.environ.get("DATA")]))
        self.tell(GOOD)
        self._start(
            *("dq_gate", "alerts", "run", "--input", str(self.log), "--rules", str(self._rules)),
            *("--notify", f"webhook+{receiver.url}/log", "--format", "jsonl"),
        )
        alertmanager = AlertmanagerServer(directory / "alertmanager", webhook=f"{receiver.url}/metrics")
        processes.enter_context(alertmanager)
        self.prometheus = PrometheusServer(
            directory / "prometheus", targets=[self._target], rules=[self._exported()], alertmanager=alertmanager
        )
        processes.enter_context(self.prometheus)

    def tell(self, rates: bytes) -> None:
        """Change the traffic."""
        assert self.gate.stdin is not None
        self.gate.stdin.write(rates)
        self.gate.stdin.flush()

    def windows(self) -> list[dict[str, Any]]:
        """The windows that closed so far."""
        return named(lines(self.log), "window.closed") if self.log.exists() else []

    def _start(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        settings = {
            "DQ_GATE_SOURCE": "web",
            "DQ_GATE_LOG": str(self.log),
            "DQ_GATE_STATE_DIR": str(self.directory / "state"),
            "DQ_GATE_METRICS": self._target,
        }
        with (self.directory / f"{module}.out").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={**ENVIRONMENT, **settings},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
            )
        self._processes.enter_context(process)
        self._processes.callback(process.kill)
        return process

    def _exported(self) -> Path:
        path = self.directory / "dq_gate.rules.yml"
        command = [sys.executable, "-m", "dq_gate", "alerts", "export", "--prometheus", "--rules", str(self._rules)]
        done = subprocess.run(
            [*command, "--out", str(self.directory)], env=ENVIRONMENT, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return path


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Receiver() as receiver, ExitStack() as processes:
        yield Scene(tmp_path, receiver, processes)


def test_bad_input_is_told_by_log_and_by_metrics_and_so_is_its_end(
    scene: Scene, record_property: pytest.RecordProperty
) -> None:
    eventually(lambda: len(scene.windows()) >= 1)
    eventually(lambda: scene.prometheus.query('dq_gate_inputs_total{outcome="clean"} > 0'))
    scene.tell(BAD)
    eventually(lambda: len(scene.windows()) >= 2)
    eventually(lambda: len(scene.receiver.posts) == 2)
    scene.tell(MENDED)
    eventually(lambda: len(scene.receiver.posts) == 4)

    by_log, by_metrics = _told_by_log(scene.receiver.posts), _told_by_metrics(scene.receiver.posts)
    spans = {"log": _held_in_windows(scene.windows()), "metrics": _held_in_prometheus(scene.prometheus)}
    for way, told in (("log", by_log), ("metrics", by_metrics)):
        took = told.fired - spans[way].begins, told.resolved - spans[way].ends
        record_property(way, took)
        print(f"{way}: fired {took[0]:.1f} s after it began to hold, resolved {took[1]:.1f} s after it ended")
        assert (told.alert, told.source) == ("quarantine-ratio-high", "web")
        assert FOR - 1 <= took[0] <= ALLOWED
        assert took[1] <= ALLOWED


def _told_by_log(posts: list[Post]) -> Told:
    fired, resolved = (post for post in posts if post.path == "/log")
    first, second = fired.json["data"], resolved.json["data"]
    assert (first["status"], second["status"]) == ("firing", "resolved")
    assert first["id"] == second["id"]
    return Told(first["alert"], first["group"]["source"], fired.arrived_at, resolved.arrived_at)


def _told_by_metrics(posts: list[Post]) -> Told:
    fired, resolved = (post for post in posts if post.path == "/metrics")
    (first,), (second,) = fired.json["alerts"], resolved.json["alerts"]
    assert (first["status"], second["status"]) == ("firing", "resolved")
    assert first["fingerprint"] == second["fingerprint"]
    assert first["annotations"]["runbook_url"]
    return Told(first["labels"]["alertname"], first["labels"]["source"], fired.arrived_at, resolved.arrived_at)


def _held_in_windows(windows: list[dict[str, Any]]) -> Span:
    """When the windows of the last 25 s said more than a fifth, by their own closing times."""
    closed = [(milliseconds(window["closed_at"]) / 1000, _counts(window)) for window in windows]
    held = {}
    for now, _ in closed:
        counts = [counts for at, counts in closed if now - WITHIN < at <= now]
        bad, judged = (sum(column) for column in zip(*counts, strict=True))
        held[now] = bad / judged > ABOVE
    begins = next(now for now in held if held[now])
    return Span(begins, next(now for now in held if now > begins and not held[now]))


def _counts(window: dict[str, Any]) -> tuple[int, int]:
    rows = window["inputs"]
    return sum(row["count"] for row in rows if row["outcome"] == "quarantined"), sum(row["count"] for row in rows)


def _held_in_prometheus(prometheus: PrometheusServer) -> Span:
    """When the exported expression held, over what was scraped."""
    (rule,) = prometheus.rules()
    now = time.time()
    (series,) = prometheus.history(rule["query"], now - 60, now)
    times = [at for at, _ in series["values"]]
    return Span(times[0], times[-1] + 1)
