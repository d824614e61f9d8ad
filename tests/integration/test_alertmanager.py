"""A real Alertmanager takes our alerts, keeps them while they fire, and passes both ends on."""

from __future__ import annotations

import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dq_gate.alerts.notify.address import open_recipients
from dq_gate.alerts.notify.alertmanager import Alertmanager
from dq_gate.alerts.notify.delivery import Couriers
from dq_gate.alerts.notify.outbox import MemoryOutbox
from dq_gate.alerts.notify.posting import Endpoint
from dq_gate.errors import NotifyError
from tests.fakes import eventually
from tests.prometheus_server import AlertmanagerServer
from tests.receivers import Receiver
from tests.unit.alerts.telling import FIRED, HOSTILE, RESOLVED, Clock


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(tmp_path_factory, receiver):
    with AlertmanagerServer(tmp_path_factory.mktemp("alertmanager"), webhook=receiver.url) as server:
        yield server


@pytest.fixture
def notifier(server):
    (notifier,) = open_recipients([f"alertmanager+{server.url}"]).notifiers
    return notifier


def alertmanager(server, clock):
    return Alertmanager("alertmanager", frozenset({"page", "ticket", "info"}), Endpoint.of(server.url), clock=clock)


def rfc3339(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def incident(name, **fields):
    """A firing that began a minute ago, and its resolution half a minute later."""
    now = time.time()
    shared = {"id": f"{name:0<16}"[:16], "alert": name, **fields}
    fired = FIRED | {"at": rfc3339(now - 60)} | shared
    return fired, RESOLVED | {"fired_at": fired["at"], "at": rfc3339(now - 30)} | shared


def found(server, name):
    return [alert for alert in server.alerts() if alert["labels"]["alertname"] == name]


def told(receiver, name):
    alerts = [alert for post in receiver.posts for alert in post.json["alerts"]]
    return [(alert["status"], alert) for alert in alerts if alert["labels"]["alertname"] == name]


def test_a_webhook_behind_it_gets_the_firing_and_the_resolution(server, receiver, notifier):
    fired, resolved = incident("both-ends")
    notifier.send(fired)
    (alert,) = found(server, "both-ends")
    assert alert["labels"] == {"alertname": "both-ends", "severity": "ticket", "source": "web"}
    assert alert["annotations"] == {
        "summary": fired["summary"],
        "message": "30.0% of web",
        "runbook_url": "https://runbooks.example/quarantine-ratio",
    }
    assert alert["startsAt"] == fired["at"]
    eventually(lambda: told(receiver, "both-ends"))
    notifier.send(resolved)
    eventually(lambda: len(told(receiver, "both-ends")) == 2)
    (first, _), (second, over) = told(receiver, "both-ends")
    assert (first, second) == ("firing", "resolved")
    assert over["annotations"] == alert["annotations"]
    assert over["generatorURL"] == f"urn:dq-gate:alert:{fired['id']}"
    assert datetime.fromisoformat(over["endsAt"]) == datetime.fromisoformat(resolved["at"])
    assert found(server, "both-ends") == []


def test_hostile_values_stay_values(server, notifier):
    group = {"source": HOSTILE, "a.b": "x", "severity": "none"}
    fired, _ = incident("hostile", group=group, message=HOSTILE)
    notifier.send(fired)
    (alert,) = found(server, "hostile")
    assert alert["labels"] == {
        "alertname": "hostile",
        "severity": "ticket",
        "source": HOSTILE,
        "a_b": "x",
        "severity_": "none",
    }
    assert alert["annotations"]["message"] == HOSTILE


def test_a_group_value_that_is_empty_or_long_is_taken(server, notifier):
    fired, _ = incident("odd", group={"source": "", "rule_id": "x" * 100_000})
    notifier.send(fired)
    (alert,) = found(server, "odd")
    assert alert["labels"]["rule_id"] == "x" * 100_000


def test_what_fires_is_held_a_few_minutes_and_each_repeat_holds_it_longer(server):
    clock = Clock(time.time())
    notifier = alertmanager(server, clock)
    fired, resolved = incident("held")
    notifier.send(fired)
    ends_at = datetime.fromisoformat(found(server, "held")[0]["endsAt"]).timestamp()
    assert ends_at == pytest.approx(clock.now + 300, abs=0.001)
    clock.now += 60
    notifier.repeat([fired])
    ends_at = datetime.fromisoformat(found(server, "held")[0]["endsAt"]).timestamp()
    assert ends_at == pytest.approx(clock.now + 300, abs=0.001)
    notifier.send(resolved)
    assert found(server, "held") == []


def test_a_restarted_watch_holds_on_to_what_fires(server, receiver):
    fired, resolved = incident("restarted")
    clock = Clock(time.time())
    outbox = MemoryOutbox(clock=clock)

    def run(*alerts):
        couriers = Couriers(outbox, [alertmanager(server, clock)], clock=clock, note=pytest.fail)
        couriers.start()
        for alert in alerts:
            outbox.add(couriers.addressed(alert))
            couriers.wake()
        return couriers

    couriers = run(fired)
    couriers.drain(30)
    couriers.stop(10)
    before = found(server, "restarted")[0]["endsAt"]
    clock.now += 5
    couriers = run()
    eventually(lambda: found(server, "restarted")[0]["endsAt"] > before)
    outbox.add(couriers.addressed(resolved))
    couriers.wake()
    couriers.drain(30)
    couriers.stop(10)
    eventually(lambda: [status for status, _ in told(receiver, "restarted")] == ["firing", "resolved"])
    assert told(receiver, "restarted")[1][1]["annotations"]["summary"] == fired["summary"]


def test_a_time_ahead_of_the_clock_neither_delays_a_firing_nor_a_resolution(server, notifier):
    fired, resolved = incident("ahead")
    ahead = rfc3339(time.time() + 600)
    notifier.send(fired | {"at": ahead})
    assert len(found(server, "ahead")) == 1
    notifier.send(resolved | {"fired_at": ahead, "at": ahead})
    assert found(server, "ahead") == []


def test_what_it_refuses_is_final(server):
    (notifier,) = open_recipients([f"alertmanager+{server.url}/wrong/prefix"]).notifiers
    with pytest.raises(NotifyError) as caught:
        notifier.send(incident("lost")[0])
    assert caught.value.is_final


def test_the_configuration_in_the_docs_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs/how-to/notify.md").read_text(encoding="utf-8")
    (config,) = (
        block for block in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL) if "receivers:" in block
    )
    (tmp_path / "alertmanager.yml").write_text(config)
    done = subprocess.run(["amtool", "check-config", tmp_path / "alertmanager.yml"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
