"""`dq-gate alerts run --notify`: from a line in a log to whoever is told."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes import eventually
from tests.integration.cli.command import start
from tests.receivers import Receiver
from tests.redis_server import free_port
from tests.unit.alerts.telling import HOSTILE

COMMAND = ("alerts", "run", "--input", "events.jsonl", "--rules", "alerts.yaml")
SECRET = "s3cr3t-t0k3n"
RULES = """\
pack: support
alerts:
  - name: crashes
    kind: frequency
    where: {event: dq_gate.rule.crashed}
    group_by: [rule_id]
    above: 0
    within: 1s
    severity: page
"""


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def rules(place):
    (place / "alerts.yaml").write_text(RULES)


@pytest.fixture
def once(run):
    """Evaluates the log as it is, telling of what fires."""
    return lambda *words: run(*COMMAND, "--once", *(part for word in words for part in ("--notify", word)))


def write(place, *events):
    """Events at times, each by its rule; one without a rule only lets time pass."""
    lines = [
        {
            "timestamp": at.isoformat(),
            "level": "info",
            "event": "dq_gate.rule.crashed" if rule_id else "dq_gate.gate.started",
            "namespace": "default",
            "source": "web",
            "process": "p",
            "rule_id": rule_id,
        }
        for at, rule_id in events
    ]
    with (place / "events.jsonl").open("a") as log:
        log.writelines(json.dumps(line) + "\n" for line in lines)


def incident(place):
    """An alert that fired and resolved a day ago."""
    at = datetime.now(UTC) - timedelta(days=1)
    write(place, (at, "a.b"), (at + timedelta(minutes=1), None))


def statuses(receiver):
    return [post.json["data"]["status"] for post in receiver.posts]


def test_once_tells_of_all_before_it_ends(place, once, receiver, monkeypatch):
    incident(place)
    monkeypatch.setenv("DQ_GATE_WEBHOOK_SECRET", "whsec_c2VjcmV0")
    done = once(f"page=webhook+{receiver.url}/{SECRET}")
    assert done.code == 1
    assert statuses(receiver) == ["firing", "resolved"]
    assert all("webhook-signature" in post.headers for post in receiver.posts)
    assert [row["id"] for row in done.rows] == [post.json["data"]["id"] for post in receiver.posts]
    assert SECRET not in done.out + done.err


def test_once_without_notify_tells_nobody(place, once, receiver, monkeypatch):
    incident(place)
    monkeypatch.setenv("DQ_GATE_NOTIFY", f"webhook+{receiver.url}")
    done = once()
    assert (done.code, len(done.rows)) == (1, 2)
    assert receiver.posts == []


@pytest.mark.parametrize("format_", ["table", "json", "jsonl"])
def test_no_terminal_obeys_what_is_printed(place, run, format_):
    write(place, (datetime.now(UTC), HOSTILE))
    printed = run(*COMMAND, "--once", "--format", format_, "--notify", "stdout").out
    assert "FIRED" in printed or "dq_gate.alert.fired" in printed
    assert all(character.isprintable() or character == "\n" for character in printed)


def test_severities_that_nobody_named_are_not_told(place, once, receiver):
    incident(place)
    assert once(f"ticket,info=webhook+{receiver.url}", "ticket=stdout").out == ""
    assert receiver.posts == []


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_a_wrong_address_is_one_line_without_its_secret(place, once):
    done = once("stdout", f"slak://{SECRET}/b/c")
    assert done.code == 2
    assert done.complaint.startswith("dq-gate: notify: address 2: no such notifier; did you mean 'slack'?")
    assert SECRET not in done.err


def test_a_watch_that_dies_while_nobody_answers_leaves_it_to_the_next(place, receiver):
    receiver.answers = [(503, {})] * 100
    arguments = (*COMMAND, "--notify", f"webhook+{receiver.url}/{SECRET}")
    write(place, (datetime.now(UTC), "a.b"))
    with start(*arguments, cwd=place) as first:
        eventually(lambda: receiver.posts)
        first.kill()
        first.communicate()
    refused, receiver.answers = len(receiver.posts), []
    with start(*arguments, cwd=place) as second:
        eventually(lambda: "resolved" in statuses(receiver))
        second.send_signal(signal.SIGTERM)
        printed, said = second.communicate(timeout=30)
    assert second.returncode == 0
    assert set(statuses(receiver)[:refused]) == {"firing"}
    assert statuses(receiver)[refused:] == ["firing", "resolved"]
    assert len({post.headers["webhook-id"] for post in receiver.posts}) == 2
    assert SECRET.encode() not in printed + said
    assert not any(SECRET.encode() in path.read_bytes() for path in place.rglob("*") if path.is_file())


def test_a_receiver_that_is_away_is_said_and_waited_for(place):
    write(place, (datetime.now(UTC), "a.b"))
    address = f"webhook+http://localhost:{free_port()}/{SECRET}"
    with start(*COMMAND, "--notify", address, cwd=place, encoding="utf-8") as watch:
        said = watch.stderr.readline()
        watch.send_signal(signal.SIGTERM)
        _, rest = watch.communicate(timeout=30)
    assert ": Connection refused; tried again" in said
    assert said.startswith("webhook+http://localhost:")
    assert SECRET not in said + rest
    assert "still to be delivered; the next run goes on" in rest
