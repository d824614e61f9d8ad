"""Tells a Prometheus Alertmanager through its API v2."""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.alerts.evaluation.notices import rfc3339
from dq_gate.alerts.notify.posting import TIMEOUT_S, post
from dq_gate.alerts.notify.rendering import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dq_gate.alerts.notify.posting import Endpoint

HOLDS_S = 300.0
"""Seconds after which an Alertmanager takes an alert for resolved that it is not told again."""

REPEAT_S = 60.0
"""Seconds between two times that it is told."""

_no_label = re.compile(r"[^a-zA-Z0-9_]").sub


class Alertmanager:
    """Posts alerts, and posts them again while they fire: an evaluator that died holds none up for ever.

    Args:
        name: What the outbox knows it by.
        severities: Which alerts it posts.
        endpoint: The Alertmanager's address, with its `--web.route-prefix` when it has one.
        clock: Seconds since the epoch.
        timeout: Seconds that it may let pass without a byte.
    """

    repeat_every = REPEAT_S

    def __init__(
        self,
        name: str,
        severities: frozenset[str],
        endpoint: Endpoint,
        *,
        clock: Callable[[], float] = time.time,
        timeout: float = TIMEOUT_S,
    ) -> None:
        self.name = name
        self.severities = severities
        self._endpoint = endpoint.below("/api/v2/alerts")
        self._clock = clock
        self._timeout = timeout
        self._annotations: dict[str, dict[str, str]] = {}

    def send(self, alert: Mapping[str, Any]) -> None:
        """Post it."""
        self._post([Notice.of(alert)])

    def repeat(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Post again what fires."""
        self._post([Notice.of(alert) for alert in alerts])

    def close(self) -> None:
        """Nothing is held between two posts."""

    def _post(self, notices: Sequence[Notice]) -> None:
        post(self._endpoint, orjson.dumps([self._alert(notice) for notice in notices]), {}, timeout=self._timeout)
        for notice in notices:
            if notice.status == "resolved":
                self._annotations.pop(notice.fields["id"], None)

    def _alert(self, notice: Notice) -> dict[str, Any]:
        now, fields = self._clock(), notice.fields
        ends_at = _at(now + HOLDS_S) if notice.status == "firing" else _not_after(fields["at"], now)
        return {
            "labels": labels(fields),
            "annotations": self._annotations_of(notice),
            "startsAt": _not_after(fields["fired_at"], now),
            "endsAt": ends_at,
            "generatorURL": f"urn:dq-gate:alert:{fields['id']}",
        }

    def _annotations_of(self, notice: Notice) -> dict[str, str]:
        """What the alert says. A resolution says what its firing said: an Alertmanager keeps only the last it heard."""
        fields = notice.fields
        if notice.status == "resolved":
            return self._annotations.get(fields["id"], {})
        said = {"summary": fields["summary"], "message": fields["message"], "runbook_url": fields["runbook"]}
        self._annotations[fields["id"]] = {name: text for name, text in said.items() if text}
        return self._annotations[fields["id"]]


def labels(fields: Mapping[str, Any]) -> dict[str, str]:
    """Labels that tell one alert from another: its name, severity and group, under names that Prometheus allows."""
    named = {"alertname": fields["alert"], "severity": fields["severity"]}
    for name, value in sorted(fields["group"].items()):
        label = _no_label("_", name)
        label = f"_{label}" if label[:1].isdigit() else label
        while label in named:
            label += "_"
        named[label] = value
    return named


def _not_after(at: str, now: float) -> str:
    """An event's time, or now when the clock it was read from is ahead: what begins or ends later does not yet."""
    return _at(min(datetime.fromisoformat(at).timestamp(), now))


def _at(seconds: float) -> str:
    return rfc3339(round(seconds * 1000))
