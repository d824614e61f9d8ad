"""Every notifier tells a real receiver: a server, a program, a pipe."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import shlex
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from dq_gate.alerts.notify.address import open_recipients
from dq_gate.alerts.notify.command import Command
from dq_gate.alerts.notify.delivery import Couriers
from dq_gate.alerts.notify.outbox import MemoryOutbox
from dq_gate.alerts.notify.posting import Endpoint
from dq_gate.alerts.notify.webhook import Webhook
from dq_gate.errors import NotifyError
from tests.fakes import eventually
from tests.receivers import Receiver
from tests.redis_server import free_port
from tests.redis_topologies import Certificates
from tests.unit.alerts.telling import FIRED, HOSTILE, RESOLVED

SECRET = "s3cr3t-t0k3n"
ALL = frozenset({"page", "ticket", "info"})
HOSTILE_ALERT = FIRED | {"group": {"source": HOSTILE}, "message": HOSTILE}


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


def notifier_of(word, **settings):
    (notifier,) = open_recipients([word], **settings).notifiers
    return notifier


def refusal_of(notifier, alert=FIRED):
    with pytest.raises(NotifyError) as caught:
        notifier.send(alert)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def test_a_flood_of_alerts_does_not_read_the_trusted_authorities_for_each(receiver, monkeypatch):
    notifier, read, create = notifier_of(f"webhook+{receiver.url}/hook"), [], ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda: read.append(1) or create())
    for _ in range(5):
        notifier.send(FIRED)
    assert len(receiver.posts) == 5
    assert len(read) <= 2  # once more where a minute ends


def test_a_webhook_is_signed_and_says_what_fires_and_what_is_over(receiver):
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    notifier = notifier_of(f"webhook+{receiver.url}/hook?token={SECRET}", webhook_secret=secret)
    notifier.send(HOSTILE_ALERT)
    notifier.send(RESOLVED)
    for post, status in zip(receiver.posts, ("fired", "resolved"), strict=True):
        content = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.".encode() + post.body
        expected = base64.b64encode(hmac.digest(b"k" * 32, content, hashlib.sha256)).decode()
        assert post.headers["webhook-signature"] == f"v1,{expected}"
        assert post.headers["webhook-id"] == f"{FIRED['id']}:{status}"
        assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 60
        assert post.headers["content-type"] == "application/json"
        assert post.path == f"/hook?token={SECRET}"
    assert receiver.posts[0].json["data"]["group"] == {"source": HOSTILE}
    assert receiver.posts[1].json["data"]["status"] == "resolved"


def test_the_check_in_the_docs_tells_our_posts_from_others(receiver):
    page = (Path(__file__).parents[2] / "docs/how-to/notify.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    names = {}
    exec(block, names)
    secrets = ["whsec_" + base64.b64encode(key * 32).decode() for key in (b"a", b"b", b"c")]
    notifier_of(f"webhook+{receiver.url}", webhook_secret=" ".join(secrets[:2])).send(FIRED)
    (post,) = receiver.posts
    assert [names["is_ours"](secret, post.headers, post.body) for secret in secrets] == [True, True, False]
    assert not names["is_ours"](secrets[0], post.headers, post.body + b" ")
    assert not names["is_ours"](secrets[0], post.headers | {"webhook-timestamp": "1614265330"}, post.body)


def test_a_webhook_without_a_secret_is_not_signed(receiver):
    notifier_of(f"webhook+{receiver.url}").send(FIRED)
    assert "webhook-signature" not in receiver.posts[0].headers


def test_user_and_password_of_an_address_are_a_header(receiver):
    notifier_of(f"webhook+http://user:{SECRET}@localhost:{receiver.port}/").send(FIRED)
    expected = base64.b64encode(f"user:{SECRET}".encode()).decode()
    assert receiver.posts[0].headers["authorization"] == f"Basic {expected}"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_delivered(receiver, status):
    receiver.answers = [(status, {})]
    notifier_of(f"webhook+{receiver.url}").send(FIRED)


@pytest.mark.parametrize(
    ("status", "headers", "retry_after"),
    [
        (408, {}, None),
        (425, {}, None),
        (429, {"retry-after": "7"}, 7),
        (500, {"retry-after": "soon"}, None),
        (503, {"retry-after": "999999"}, 3600),
        (503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_an_answer_that_may_change_is_tried_again(receiver, status, headers, retry_after):
    receiver.answers = [(status, headers)]
    error = refusal_of(notifier_of(f"webhook+{receiver.url}/{SECRET}"))
    assert (str(error), error.is_final, error.retry_after) == (f"answered {status}", False, retry_after)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_a_refusal_is_final(receiver, status):
    receiver.answers = [(status, {})]
    error = refusal_of(notifier_of(f"webhook+{receiver.url}/{SECRET}"))
    assert (str(error), error.is_final) == (f"refused with {status}", True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver, status):
    receiver.answers = [(status, {"location": f"{receiver.url}/elsewhere"})]
    error = refusal_of(notifier_of(f"webhook+{receiver.url}"))
    assert error.is_final
    assert "redirects are not followed" in str(error)
    assert len(receiver.posts) == 1


def test_a_receiver_that_is_not_there_is_tried_again():
    error = refusal_of(notifier_of(f"webhook+http://localhost:{free_port()}/{SECRET}"))
    assert (str(error), error.is_final) == ("Connection refused", False)
    error = refusal_of(notifier_of(f"webhook+http://no-such-host.invalid/{SECRET}"))
    assert (str(error), error.is_final) == ("its host name is not known", False)


def test_a_receiver_that_accepts_and_never_answers_is_left_in_time():
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = Endpoint.of(f"http://127.0.0.1:{server.getsockname()[1]}/{SECRET}")
        error = refusal_of(Webhook("mute", ALL, endpoint, timeout=0.1))
    assert (str(error), error.is_final) == ("did not answer in time", False)


def test_a_receiver_that_answers_rubbish_is_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x00\xff rubbish\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        error = refusal_of(notifier_of(f"webhook+http://127.0.0.1:{server.getsockname()[1]}/{SECRET}"))
        thread.join()
    assert str(error) == "broke the connection (BadStatusLine)"


def test_certificates_are_verified(tmp_path, monkeypatch):
    certificates = Certificates.make(tmp_path)
    with Receiver(certificates.server) as receiver:
        notifier = notifier_of(f"webhook+{receiver.url}/{SECRET}")
        error = refusal_of(notifier)
        assert str(error).startswith("its certificate is not accepted: ")
        assert not error.is_final
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
        notifier.send(FIRED)
    assert len(receiver.posts) == 1


def test_a_command_reads_the_alert_and_knows_its_basics(tmp_path):
    out = tmp_path / "out"
    script = f'cat > {out}; echo "$ALERT_STATUS $ALERT_NAME $ALERT_SEVERITY $ALERT_ID" > {out}.env'
    notifier = notifier_of(f"command:sh -c {shlex.quote(script)}")
    notifier.send(HOSTILE_ALERT)
    body = json.loads(out.read_bytes())
    assert body["data"]["group"] == {"source": HOSTILE}
    assert body["data"]["status"] == "firing"
    assert (tmp_path / "out.env").read_text() == f"firing quarantine-ratio-high ticket {FIRED['id']}\n"


def test_no_shell_reads_a_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notifier_of("command:touch 'a; touch b' $HOME").send(FIRED)
    assert {path.name for path in tmp_path.iterdir()} == {"a; touch b", "$HOME"}


def test_what_a_command_prints_goes_nowhere(capfd):
    notifier_of("command:sh -c 'echo out; echo err >&2'").send(FIRED)
    assert capfd.readouterr() == ("", "")


def test_a_command_that_reads_nothing_is_delivered():
    notifier_of("command:true").send(FIRED | {"message": "x" * 1_000_000})


def test_a_command_that_fails_is_tried_again():
    error = refusal_of(notifier_of(f"command:sh -c 'exit 3' {SECRET}"))
    assert (str(error), error.is_final) == ("ended with exit code 3", False)


def test_a_command_that_takes_too_long_is_killed_with_all_it_started(tmp_path):
    pid_file = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {pid_file}.part; mv {pid_file}.part {pid_file}; wait"
    error = refusal_of(Command("slow", ALL, ["sh", "-c", script], timeout=0.5), FIRED | {"message": "x" * 1_000_000})
    assert str(error) == "took longer than 0.5 s and was killed"
    eventually(lambda: not is_running(int(pid_file.read_text())))


def test_a_command_under_way_is_cut_off_and_the_next_runs(tmp_path):
    pid_file = tmp_path / "pid"
    script = f"[ -e {pid_file} ] && exit; echo $$ > {pid_file}.part; mv {pid_file}.part {pid_file}; sleep 600"
    command = Command("slow", ALL, ["sh", "-c", script])
    errors = []
    thread = threading.Thread(target=lambda: errors.append(refusal_of(command)))
    thread.start()
    eventually(pid_file.exists)
    command.close()
    thread.join(30)
    assert [str(error) for error in errors] == [f"ended with exit code {-signal.SIGKILL}"]
    command.send(FIRED)


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_apprise_tells_the_rest(receiver):
    notifier = notifier_of(f"json://user:{SECRET}@localhost:{receiver.port}/hook")
    notifier.send(HOSTILE_ALERT)
    notifier.send(RESOLVED)
    fired, resolved = (post.json for post in receiver.posts)
    assert (fired["type"], resolved["type"]) == ("failure", "success")
    assert fired["title"].startswith('FIRING (ticket): quarantine-ratio-high [source=x"y')
    assert fired["title"].isprintable()
    assert fired["message"].startswith("More than a fifth of the inputs")
    assert "http" not in resolved["message"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_apprise_that_does_not_deliver_is_tried_again_and_prints_nothing(receiver, capfd):
    receiver.answers = [(500, {})]
    error = refusal_of(notifier_of(f"json://user:{SECRET}@localhost:{receiver.port}/hook"))
    assert (str(error), error.is_final) == ("apprise could not deliver it", False)
    assert capfd.readouterr() == ("", "")


def test_a_receiver_that_never_answers_holds_up_no_other_and_not_the_end(receiver):
    outbox, notes = MemoryOutbox(), []
    with socket.create_server(("127.0.0.1", 0)) as mute:
        words = [f"webhook+http://127.0.0.1:{mute.getsockname()[1]}/", f"webhook+{receiver.url}"]
        couriers = Couriers(outbox, open_recipients(words).notifiers, clock=time.time, note=notes.append)
        couriers.start()
        for alert in (FIRED, RESOLVED):
            outbox.add(couriers.addressed(alert))
            couriers.wake()
        eventually(lambda: len(receiver.posts) == 2)
        began = time.monotonic()
        couriers.stop(0.2)
        assert time.monotonic() - began < 5
    (waiting,) = outbox.waiting().items()
    assert waiting[0].startswith("webhook+http://127.0.0.1:")
    assert waiting[1] == 2
