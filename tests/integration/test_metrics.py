"""Prometheus reads what the gate counted: exactly, from one process or many, whatever happens to them."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter, defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

from dq_gate.errors import MissingExtraError, SettingsError
from dq_gate.events import RuleCrashed, SchemaDrifted
from dq_gate.signals import meter, prometheus, windows
from dq_gate.signals.dashboard import dashboard
from dq_gate.signals.metrics import METRICS
from tests.fakes import eventually
from tests.integration.fleet import INPUTS
from tests.integration.gating import CALM_NO_MORE, CLEAN, FAILING, REPAIRABLE, lines, named, refusal, write_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dq_gate import Gate

ROOT = Path(__file__).parents[2]
Samples = dict[str, dict[frozenset[tuple[str, str]], float]]


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics are brought up to date at once."""
    monkeypatch.setattr(windows, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(meter, "SERVE_AGAIN", 0.05)


@pytest.fixture
def address() -> str:
    """An address that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def scraped(address: str) -> str:
    """What the endpoint answers; nothing while nobody listens."""
    try:
        return _answer(address)
    except OSError:
        return ""


def _answer(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as answer:
        assert answer.status == 200
        return answer.read().decode()


def samples(text: str) -> Samples:
    """Values by name and labels, as Prometheus would read them."""
    found: Samples = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert frozenset(sample.labels.items()) not in found[sample.name]
            found[sample.name][frozenset(sample.labels.items())] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float | None:
    """The sum of the series that carry these labels; None without any."""
    series = [value for of, value in samples(text)[name].items() if labels.items() <= dict(of).items()]
    return sum(series) if series else None


def inputs(text: str, **labels: str) -> dict[str, float]:
    """Inputs by outcome, without those that did not happen."""
    names = ("clean", "repaired", "quarantined", "shadowed", "unjudged")
    found = {name: value(text, "dq_gate_inputs_total", outcome=name, **labels) for name in names}
    return {name: count for name, count in found.items() if count}


def test_every_input_is_in_the_metrics_a_moment_later(load: Callable[..., Gate], address: str, namespace: str) -> None:
    gate = load(metrics=address, admitted_sample_rate=1.0)
    for record in (CLEAN, CLEAN, CLEAN, REPAIRABLE, CALM_NO_MORE):
        gate.admit(record)
    refusal(gate)
    eventually(lambda: sum(inputs(scraped(address), namespace=namespace).values()) == 6)
    text = scraped(address)
    assert inputs(text, namespace=namespace, source="default") == {"clean": 4, "repaired": 1, "quarantined": 1}
    failures = "dq_gate_rule_failures_total"
    assert value(text, failures, namespace=namespace, rule_id="query.text.deny", mode="enforce") == 1
    assert value(text, failures, namespace=namespace, rule_id="query.text.calm", mode="shadow") == 1
    assert value(text, "dq_gate_judgement_duration_seconds_count", namespace=namespace) == 6
    assert 0 < value(text, "dq_gate_judgement_duration_seconds_sum", namespace=namespace) < 60
    assert value(text, "dq_gate_judgement_duration_seconds_bucket", namespace=namespace, le="+Inf") == 6
    eventually(lambda: value(scraped(address), "dq_gate_put_duration_seconds_count", namespace=namespace) == 1)
    assert value(text, "dq_gate_quarantined_total", namespace=namespace, stored="store") == 1
    told = [event["event"].removeprefix("dq_gate.") for event in lines(Path(gate.settings.log))]
    eventually(
        lambda: all(
            value(scraped(address), "dq_gate_events_total", namespace=namespace, event=name) == told.count(name)
            for name in set(told)
        )
    )


def test_what_has_not_happened_yet_is_there_as_zero(load: Callable[..., Gate], address: str, namespace: str) -> None:
    load(metrics=address).admit(CLEAN)
    eventually(lambda: inputs(scraped(address), namespace=namespace))
    text = scraped(address)
    for name, labels in (
        ("dq_gate_inputs_total", {"outcome": "quarantined"}),
        ("dq_gate_rule_failures_total", {"rule_id": "query.text.deny", "mode": "enforce"}),
        ("dq_gate_rule_failures_total", {"rule_id": "query.text.calm", "mode": "shadow"}),
        ("dq_gate_events_total", {"event": "store.degraded"}),
        ("dq_gate_rule_events_total", {"event": "rule.crashed", "rule_id": "query.text.deny"}),
        ("dq_gate_rule_events_total", {"event": "schema.drifted", "rule_id": "query.text.deny", "mode": "enforce"}),
        ("dq_gate_quarantined_total", {"stored": "none"}),
        ("dq_gate_events_dropped_total", {}),
        ("dq_gate_entries_unkept_total", {}),
        ("dq_gate_put_duration_seconds_count", {}),
        ("dq_gate_spool_entries", {}),
        ("dq_gate_store_degraded", {}),
    ):
        assert value(text, name, namespace=namespace, **labels) == 0, name
    assert value(text, "dq_gate_quarantine_entries", namespace=namespace) is None, "it was not measured"


def test_the_endpoint_offers_the_catalogue_and_promtool_finds_no_fault(
    load: Callable[..., Gate], address: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOW_SECONDS", 0.05)
    gate = load(metrics=address)
    refusal(gate)
    eventually(lambda: value(scraped(address), "dq_gate_quarantine_entries", namespace=namespace))
    text = scraped(address)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for metric in METRICS:
        family = families.pop(metric.name.removesuffix("_total"))
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        assert family.samples, metric.name
        assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(metric.labels)}
    assert not families, "metrics that are not in the catalogue"
    assert promtool("check", "metrics", given=text) == ""


def promtool(*arguments: str, given: str = "") -> str:
    """What promtool finds fault with, or says."""
    program = shutil.which("promtool")
    assert program is not None, "promtool is missing; install it with: apt-get install prometheus"
    done = subprocess.run([program, *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_prometheus_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [
        target["expr"].replace("$__rate_interval", "5m")
        for panel in dashboard()["panels"]
        for target in panel.get("targets", ())
    ]
    rules = [{"record": f"dq_gate:query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(queries)} rules found" in promtool("check", "rules", str(file))


def test_an_application_finds_our_metrics_in_its_own_registry(load: Callable[..., Gate], namespace: str) -> None:
    load(metrics="registry").admit(CLEAN)
    eventually(lambda: inputs(exposed(), namespace=namespace) == {"clean": 1})
    assert "python_info" in exposed(), "its own metrics are gone"


def exposed() -> str:
    return prometheus_client.generate_latest().decode()


def test_gates_of_one_process_add_up(load: Callable[..., Gate], namespace: str) -> None:
    one, another, third = (load(metrics="registry", source=source) for source in ("web", "web", "bot"))
    for gate, times in ((one, 1), (another, 2), (third, 4)):
        for _ in range(times):
            gate.admit(CLEAN)
    eventually(lambda: inputs(exposed(), namespace=namespace) == {"clean": 7})
    assert inputs(exposed(), namespace=namespace, source="web") == {"clean": 3}
    modes = {"namespace": namespace, "source": "web", "mode": "enforce"}
    eventually(lambda: value(exposed(), "dq_gate_mode", **modes) == 2)
    one.close()
    assert value(exposed(), "dq_gate_mode", **modes) == 1
    another.close()
    assert value(exposed(), "dq_gate_mode", **modes) == 0
    assert inputs(exposed(), namespace=namespace, source="web") == {"clean": 3}, "counters never fall"


def test_crashes_and_drifts_are_told_by_rule(namespace: str) -> None:
    counted = meter.Meter("registry", namespace, "web")
    counted.note(RuleCrashed("a.b", "length", "TypeError"))
    counted.note(SchemaDrifted("c.d", "schema", "*", "shadow", "one column more", 7))
    now = meter.Readings("enforce", dropped=0, unkept=0, spooled=0, is_degraded=False)
    counted.publish(windows.Tally(Counter(), Counter(), [], [], None), now, lambda _: None)
    for labels in (
        {"event": "rule.crashed", "rule_id": "a.b", "mode": ""},
        {"event": "schema.drifted", "rule_id": "c.d", "mode": "shadow"},
    ):
        assert value(exposed(), "dq_gate_rule_events_total", namespace=namespace, source="web", **labels) == 1


def test_the_mode_in_force_is_told(load: Callable[..., Gate], namespace: str) -> None:
    load(metrics="registry", mode="shadow").admit(FAILING)
    eventually(lambda: inputs(exposed(), namespace=namespace) == {"shadowed": 1})
    told = {mode: value(exposed(), "dq_gate_mode", namespace=namespace, mode=mode) for mode in ("enforce", "shadow")}
    assert told == {"enforce": 0, "shadow": 1}


def test_what_a_store_holds_is_not_known_while_it_is_away(
    load: Callable[..., Gate], namespace: str, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows, "WINDOW_SECONDS", 0.05)
    gate = load(metrics="registry", quarantine=redis_server.url)
    refusal(gate)

    def pending() -> float | None:
        return value(exposed(), "dq_gate_quarantine_entries", namespace=namespace, state="pending")

    eventually(lambda: pending() == 1)
    destinations = gate.runtime()._writer._to
    store, destinations._store = destinations._store, _Away()
    refusal(gate, FAILING | {"top_k": 6})
    eventually(lambda: math.isnan(pending() or 0.0))
    eventually(lambda: value(exposed(), "dq_gate_spool_entries", namespace=namespace) == 1)
    assert value(exposed(), "dq_gate_store_degraded", namespace=namespace) == 1
    destinations._store = store
    eventually(lambda: pending() == 2)
    assert value(exposed(), "dq_gate_store_degraded", namespace=namespace) == 0
    assert value(exposed(), "dq_gate_spool_entries", namespace=namespace) == 0


class _Away:
    """A store that is not there."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def refuse(*_: Any, **__: Any) -> Any:
            from dq_gate.errors import BackendUnavailableError

            raise BackendUnavailableError("away")

        return refuse


def test_events_that_are_lost_are_counted_though_no_line_can_say_so(
    load: Callable[..., Gate], namespace: str, tmp_path: Path
) -> None:
    gate = load(metrics="registry", log="/dev/full")
    refusal(gate)
    eventually(lambda: (value(exposed(), "dq_gate_events_dropped_total", namespace=namespace) or 0) >= 3)


def test_a_port_that_is_in_use_is_told_once_and_served_when_it_is_free(
    load: Callable[..., Gate], address: str, namespace: str
) -> None:
    host, port = address.split(":")
    with socket.create_server((host, int(port))):
        gate = load(metrics=address)
        gate.admit(CLEAN)
        log = Path(gate.settings.log)
        eventually(lambda: log.exists() and named(lines(log), "metrics.failed"))
        gate.admit(CLEAN)
    eventually(lambda: named(lines(log), "metrics.served"))
    eventually(lambda: inputs(scraped(address), namespace=namespace) == {"clean": 2})
    (failed,) = named(lines(log), "metrics.failed")
    assert (failed["address"], failed["error"], failed["reason"]) == (address, "OSError", "Address already in use")
    assert failed["level"] == "warning"


def test_a_directory_that_is_not_there_is_refused_at_load(
    load: Callable[..., Gate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match="PROMETHEUS_MULTIPROC_DIR"):
        load(metrics="registry")


def test_a_directory_that_is_full_costs_metrics_and_not_the_process(
    load: Callable[..., Gate], tmp_path: Path, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are mapped into memory: whoever wrote on would be killed by SIGBUS."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(prometheus, "FLEET_ROOM", 1 << 62)
    gate = load(metrics="registry")
    gate.admit(CLEAN)
    log = Path(gate.settings.log)
    eventually(lambda: named(lines(log), "metrics.failed"))
    (failed,) = named(lines(log), "metrics.failed")
    assert failed["reason"] == os.strerror(errno.ENOSPC)
    monkeypatch.setattr(prometheus, "FLEET_ROOM", 0)
    gate.admit(CLEAN)
    here = {"namespace": namespace, "source": "default", "outcome": "clean"}
    eventually(lambda: prometheus_client.REGISTRY.get_sample_value("dq_gate_inputs_total", here))


def test_metrics_without_their_extra_are_refused_at_load(
    load: Callable[..., Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "dq_gate.signals.families", raising=False)
    with pytest.raises(MissingExtraError, match=r"dq-gate\[prometheus\]"):
        load(metrics="registry")


@pytest.mark.parametrize(
    "setting", ["9464", "localhost", "host:port", "::1:9464", ":", "http://host:1", "stdout", ":99999", ":0"]
)
def test_a_setting_that_is_no_address_is_refused(load: Callable[..., Gate], setting: str) -> None:
    with pytest.raises(SettingsError, match="metrics"):
        load(metrics=setting)


class Fleet:
    """A server with workers, and what they said."""

    def __init__(self, process: subprocess.Popen[str], workers: int) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout
        self.pids = [json.loads(self._out.readline())["pid"] for _ in range(workers)]

    def leave(self) -> None:
        """End the server, not its workers."""
        self._in.write("leave\n")
        self._in.flush()

    def kill(self, pid: int) -> None:
        self._in.write(f"{pid}\n")
        self._in.flush()
        assert json.loads(self._out.readline()) == {"dead": pid}


@contextmanager
def fleet(directory: Path, namespace: str, address: str, *, workers: int, used: bool, shared: bool) -> Iterator[Fleet]:
    """A server that is gone at the end, and its workers with it."""
    ours = {
        "pack": str(write_pack(directory)),
        "state_dir": str(directory / "state"),
        "log": str(directory / "events.jsonl"),
        "namespace": namespace,
        "metrics": address,
    }
    environment = os.environ | {f"DQ_GATE_{name.upper()}": setting for name, setting in ours.items()}
    if shared:
        (directory / "metrics").mkdir()
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(directory / "metrics")
    command = [sys.executable, "-m", "tests.integration.fleet", str(workers), *(["used"] if used else [])]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Fleet(process, workers)
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.mark.parametrize("used", [False, True])
def test_whoever_of_a_fleet_is_asked_answers_for_all(tmp_path: Path, namespace: str, address: str, used: bool) -> None:
    with fleet(tmp_path, namespace, address, workers=4, used=used, shared=True) as server:
        expected = {"clean": sum(INPUTS) + used, "quarantined": 4}
        eventually(lambda: inputs(scraped(address)) == expected)
        modes = {"mode": "enforce", "namespace": namespace}
        assert value(scraped(address), "dq_gate_mode", **modes) == 4 + used
        assert value(scraped(address), "dq_gate_judgement_duration_seconds_count") == sum(INPUTS) + used + 4
        log = lines(tmp_path / "events.jsonl")
        assert [event["processes"] for event in named(log, "metrics.served")] == ["all"]
        assert not named(log, "metrics.failed")

        for number, pid in enumerate(server.pids[:3], 1):
            server.kill(pid)
            eventually(lambda: scraped(address))
            text = scraped(address)
            assert inputs(text) == expected, "what the dead had counted is lost"
            assert value(text, "dq_gate_mode", **modes) == 4 + used - number


def test_without_a_directory_each_process_counts_for_itself_from_zero(
    tmp_path: Path, namespace: str, address: str
) -> None:
    """The server is used before it forks: a worker must not carry its counts on, nor keep its port taken."""
    with fleet(tmp_path, namespace, address, workers=1, used=True, shared=False) as server:
        eventually(lambda: inputs(scraped(address)) == {"clean": 1})
        log = tmp_path / "events.jsonl"
        eventually(lambda: named(lines(log), "metrics.failed"))
        assert inputs(scraped(address)) == {"clean": 1}
        server.leave()
        try:
            eventually(lambda: inputs(scraped(address)) == {"clean": INPUTS[0], "quarantined": 1})
        finally:
            os.kill(server.pids[0], signal.SIGKILL)
    assert [event["processes"] for event in named(lines(log), "metrics.served")] == ["one", "one"]
