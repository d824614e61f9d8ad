"""Alert events as notifiers are told of them, and a notifier that does as it is bid."""

from __future__ import annotations

import threading

FIRED = {
    "timestamp": "2025-01-01T00:02:00.100Z",
    "level": "error",
    "event": "dq_gate.alert.fired",
    "id": "0123456789abcdef",
    "alert": "quarantine-ratio-high",
    "severity": "ticket",
    "group": {"source": "web"},
    "value": 0.3,
    "threshold": 0.2,
    "at": "2025-01-01T00:02:00.000Z",
    "summary": "More than a fifth of the inputs go to the quarantine.",
    "volume": 3000.0,
    "message": "30.0% of web",
    "runbook": "https://runbooks.example/quarantine-ratio",
}
RESOLVED = {
    "timestamp": "2025-01-01T00:09:00.100Z",
    "level": "info",
    "event": "dq_gate.alert.resolved",
    "id": "0123456789abcdef",
    "alert": "quarantine-ratio-high",
    "severity": "ticket",
    "group": {"source": "web"},
    "value": 0.1,
    "threshold": 0.2,
    "at": "2025-01-01T00:09:00.000Z",
    "fired_at": "2025-01-01T00:02:00.000Z",
    "reason": "ok",
}
HOSTILE = 'x"y\\\n{evil="1"}\r\x1b[2J\u202e\u2066\x00\x7f<@here> $(id) `id`'


class Recorder:
    """A notifier that keeps what it is told.

    Attributes:
        told: What it took, in order.
        errors: What the next sends raise, in order; None lets one through.
    """

    def __init__(self, name="recorder", severities=frozenset({"page", "ticket", "info"})):
        self.name = name
        self.severities = severities
        self.told = []
        self.errors = []
        self.is_closed = False

    def send(self, alert):
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.told.append((alert["id"], alert["event"].removeprefix("dq_gate.alert.")))

    def close(self):
        self.is_closed = True


class Repeater(Recorder):
    """A notifier whose receiver forgets."""

    repeat_every = 60.0

    def __init__(self):
        super().__init__()
        self.repeated = []

    def repeat(self, alerts):
        self.repeated.append([alert["id"] for alert in alerts])


class Hanging(Recorder):
    """A notifier that never comes back, until told to."""

    def __init__(self, name="hanging"):
        super().__init__(name)
        self.is_sending = threading.Event()
        self.may_go_on = threading.Event()

    def send(self, alert):
        self.is_sending.set()
        self.may_go_on.wait(60)
        super().send(alert)


class Clock:
    """A time that tests set."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now
