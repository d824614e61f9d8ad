"""What receivers are told: one shape, labels that Prometheus allows, text that nothing obeys."""

from __future__ import annotations

import base64
import hashlib
import hmac

import orjson
import pytest

from dq_gate.alerts.notify.alertmanager import labels
from dq_gate.alerts.notify.rendering import Notice
from dq_gate.alerts.notify.webhook import parse_secrets, sign
from tests.unit.alerts.telling import FIRED, HOSTILE, RESOLVED


def test_firing_and_resolution_have_one_shape():
    fired, resolved = (orjson.loads(Notice.of(alert).body) for alert in (FIRED, RESOLVED))
    assert fired.keys() == resolved.keys() == {"type", "timestamp", "data"}
    assert fired["data"].keys() == resolved["data"].keys()
    assert (fired["data"]["status"], resolved["data"]["status"]) == ("firing", "resolved")
    assert fired["data"]["fired_at"] == resolved["data"]["fired_at"] == fired["timestamp"]
    assert resolved["data"]["summary"] is None


def test_a_repeat_has_the_id_of_the_first_and_a_resolution_its_own():
    assert Notice.of(FIRED).delivery_id == "0123456789abcdef:fired"
    assert Notice.of(RESOLVED).delivery_id == "0123456789abcdef:resolved"


def test_words_say_what_where_and_what_to_do():
    notice = Notice.of(FIRED)
    assert notice.title == "FIRING (ticket): quarantine-ratio-high [source=web]"
    assert notice.text.splitlines() == [
        "More than a fifth of the inputs go to the quarantine.",
        "30.0% of web",
        "value 0.3, bound 0.2",
        "at 2025-01-01T00:02:00.000Z",
        "runbook: https://runbooks.example/quarantine-ratio",
    ]
    assert Notice.of(RESOLVED | {"reason": "removed"}).text.splitlines() == [
        "value 0.1, bound 0.2",
        "fired at 2025-01-01T00:02:00.000Z, resolved at 2025-01-01T00:09:00.000Z (removed)",
    ]


def test_hostile_values_stay_on_their_line():
    notice = Notice.of(FIRED | {"group": {"source": HOSTILE}, "message": HOSTILE})
    assert notice.title.isprintable()
    assert len(notice.text.split("\n")) == 5
    assert notice.text.replace("\n", "").isprintable()


def test_labels_have_names_that_prometheus_allows_and_none_hides_another():
    group = {"severity": "x", "alertname": "y", "a.b": "1", "a_b": "2", "9 lives": "3", "é": "4"}
    assert labels(FIRED | {"group": group}) == {
        "alertname": "quarantine-ratio-high",
        "severity": "ticket",
        "_9_lives": "3",
        "a_b": "1",
        "a_b_": "2",
        "alertname_": "y",
        "severity_": "x",
        "_": "4",
    }


def test_a_signature_is_that_of_standard_webhooks():
    # the example of the specification's reference libraries
    keys = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signature = sign(keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_secret_signs_so_that_they_can_be_rotated():
    keys = parse_secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw plain")
    first, second = sign(keys, "id", 1, b"{}").split(" ")
    assert first == sign(keys[:1], "id", 1, b"{}")
    assert second == "v1," + base64.b64encode(hmac.digest(b"plain", b"id.1.{}", hashlib.sha256)).decode()


@pytest.mark.parametrize("text", ["whsec_", "whsec_!!!!", "whsec_abc"])
def test_a_secret_that_is_not_base64_is_refused(text):
    with pytest.raises(ValueError, match="secret 1 begins with whsec_"):
        parse_secrets(text)
