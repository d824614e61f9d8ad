"""A short way to write event streams: seconds instead of timestamps, and windows by source."""

from __future__ import annotations

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.load import parse_rules

START = 1_700_000_000
WINDOW = "dq_gate.window.closed"


def rule(text, name="tested", severity="page"):
    """One alert from the inside of its mapping."""
    return parse_rules(f"alerts:\n  - {{name: {name}, severity: {severity}, {text}}}")[0]


class Scene:
    """An engine on which time is told in seconds since the scene began; alerts come back as (what, second, group)."""

    def __init__(self, *texts, **options):
        self.engine = Engine([rule(text, f"rule-{number}") for number, text in enumerate(texts)], **options)
        self.seen = []
        self._seq = {}

    def event(self, second, name, **fields):
        record = {"event": f"dq_gate.{name}", "source": "web", "process": "p", "namespace": "default", **fields}
        self._keep(self.engine.feed(record, (START + second) * 1000))

    def window(self, second, process="p", seq=None, mode="enforce", part=1, parts=1, rules=(), source="web", **sources):
        if seq is None:
            seq = self._seq.get(process, -1) + 1
        self._seq[process] = seq
        inputs = [
            {"source": name, "outcome": outcome, "count": count}
            for name, counts in sources.items()
            for outcome, count in counts.items()
        ]
        shape = {"seq": seq, "part": part, "parts": parts, "inputs": inputs, "rules": list(rules)}
        self.event(second, "window.closed", process=process, source=source, mode=mode, **shape)

    def passes(self, second):
        self._keep(self.engine.advance((START + second) * 1000))

    def ends(self):
        self._keep(self.engine.finish())
        return self.seen

    def states(self):
        return {(status.alert, *status.group.values()): (status.state, status.value) for status in self.engine.report()}

    def _keep(self, alerts):
        for alert in alerts:
            second = int(_seconds(alert.at) - START)
            self.seen.append((alert.name.removeprefix("dq_gate.alert."), second, tuple(alert.group.values())))


def _seconds(text):
    from dq_gate.alerts.sources.lines import milliseconds

    return milliseconds(text) / 1000
