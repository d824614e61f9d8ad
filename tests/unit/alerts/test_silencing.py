"""Who is not told, and who is told later: one cause pages once, and nothing that still fires is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dq_gate.alerts.evaluation.engine import Engine
from dq_gate.alerts.evaluation.silencing import muted_until
from dq_gate.alerts.load import parse_rules
from dq_gate.alerts.rules.base import Mute

MONDAY = int(datetime(2025, 3, 3, tzinfo=UTC).timestamp())
RULES = """
alerts:
  - {name: down, kind: frequency, severity: page, where: {event: dq_gate.store.degraded},
     until: {event: dq_gate.store.restored}, group_by: [namespace], above: 0, within: 1d, inhibit: [crashing, quiet]}
  - {name: crashing, kind: frequency, severity: ticket, where: {event: dq_gate.rule.crashed},
     until: {event: dq_gate.pack.loaded}, group_by: [namespace, rule_id], above: 0, within: 1d}
  - {name: quiet, kind: frequency, severity: info, where: {event: dq_gate.store.local},
     until: {event: dq_gate.pack.loaded}, group_by: [namespace, rule_id], above: 0, within: 1d,
     mute: [{days: [mon], from: "08:00", to: "09:00"}]}
"""


class Watch:
    """An engine on which time is told in minutes since Monday, 00:00 UTC; alerts come back as (what, alert, minute)."""

    def __init__(self, text=RULES):
        self.engine = Engine(parse_rules(text.replace(", rule_id]", "]")))
        self.seen, self.ids = [], []

    def at(self, minute, *names, namespace="n"):
        for name in names:
            record = {"event": f"dq_gate.{name}", "namespace": namespace, "process": "p"}
            self._keep(self.engine.feed(record, (MONDAY + minute * 60) * 1000))

    def passes(self, minute):
        self._keep(self.engine.advance((MONDAY + minute * 60) * 1000))
        return self.seen

    def history(self):
        changes = [one for one in self.engine.take_transitions() if "firing" in (one.before, one.after)]
        return [(one.alert, one.before, one.after, one.silenced_by) for one in changes]

    def _keep(self, alerts):
        for alert in alerts:
            minute = (datetime.fromisoformat(alert.at).timestamp() - MONDAY) / 60
            self.seen.append((alert.name.removeprefix("dq_gate.alert."), alert.alert, minute))
            self.ids.append(alert.id)


# inhibit


def test_what_is_inhibited_is_not_told_and_is_in_the_history():
    watch = Watch()
    watch.at(0, "store.degraded")
    watch.at(1, "rule.crashed")
    assert watch.passes(2) == [("fired", "down", 0)]
    assert watch.history() == [("down", "unknown", "firing", None), ("crashing", "unknown", "firing", "down")]


@pytest.mark.parametrize("order", [("store.degraded", "rule.crashed"), ("rule.crashed", "store.degraded")])
def test_of_two_at_the_same_moment_the_inhibitor_comes_first(order):
    watch = Watch()
    watch.at(0, *order)
    assert watch.passes(1) == [("fired", "down", 0)]


def test_what_still_fires_when_its_inhibitor_ends_is_told_then_under_its_own_id():
    watch, alone = Watch(), Watch()
    for each in (watch, alone):
        each.at(0, "gate.started")
    watch.at(0, "store.degraded")
    for each in (watch, alone):
        each.at(1, "rule.crashed")
    watch.at(5, "store.restored")
    assert watch.passes(6) == [("fired", "down", 0), ("resolved", "down", 5), ("fired", "crashing", 5)]
    alone.passes(6)
    assert watch.ids[-1] == alone.ids[-1]
    assert watch.history()[-1] == ("crashing", "firing", "firing", None)


def test_what_ends_with_its_inhibitor_is_never_told():
    watch = Watch()
    watch.at(0, "store.degraded")
    watch.at(1, "rule.crashed")
    watch.at(5, "store.restored", "pack.loaded")
    assert watch.passes(6) == [("fired", "down", 0), ("resolved", "down", 5)]
    assert watch.history()[-1] == ("crashing", "firing", "resolved", "down")


def test_what_was_told_before_is_resolved_though_it_is_inhibited_by_then():
    watch = Watch()
    watch.at(0, "rule.crashed")
    watch.at(1, "store.degraded")
    watch.at(2, "pack.loaded")
    assert watch.passes(3) == [("fired", "crashing", 0), ("fired", "down", 1), ("resolved", "crashing", 2)]


def test_only_groups_with_equal_values_are_inhibited():
    watch = Watch()
    watch.at(0, "store.degraded", namespace="a")
    watch.at(1, "rule.crashed", namespace="b")
    assert watch.passes(2) == [("fired", "down", 0), ("fired", "crashing", 1)]


def test_without_a_common_field_every_group_is_inhibited():
    watch = Watch(
        RULES.replace("group_by: [namespace], above: 0, within: 1d, inhibit", "above: 0, within: 1d, inhibit")
    )
    watch.at(0, "store.degraded", namespace="a")
    watch.at(1, "rule.crashed", namespace="b")
    assert watch.passes(2) == [("fired", "down", 0)]


def test_an_inhibitor_that_is_muted_still_inhibits():
    watch = Watch(RULES.replace("inhibit: [crashing, quiet]}", "inhibit: [crashing], mute: [{}]}"))
    watch.at(0, "store.degraded")
    watch.at(1, "rule.crashed")
    assert watch.passes(2) == []


def test_what_fires_and_ends_within_a_moment_is_told_both_times():
    watch = Watch()
    watch.at(0, "rule.crashed", "pack.loaded")
    assert watch.passes(1) == [("fired", "crashing", 0), ("resolved", "crashing", 0)]


# mute


def test_what_is_muted_and_still_fires_is_told_when_the_mute_ends():
    watch = Watch()
    watch.at(8 * 60 + 10, "store.local")
    assert watch.passes(8 * 60 + 59) == []
    assert watch.passes(9 * 60) == [("fired", "quiet", 9 * 60)]
    assert [change[3] for change in watch.history()] == ["mute", None]


def test_what_ends_while_it_is_muted_is_never_told():
    watch = Watch()
    watch.at(8 * 60 + 10, "store.local")
    watch.at(8 * 60 + 11, "pack.loaded")
    assert watch.passes(10 * 60) == []
    assert watch.history() == [("quiet", "unknown", "firing", "mute"), ("quiet", "firing", "resolved", "mute")]


def test_what_was_told_before_a_mute_is_resolved_in_it():
    watch = Watch()
    watch.at(7 * 60 + 59, "store.local")
    watch.at(8 * 60, "pack.loaded")
    assert watch.passes(8 * 60 + 1) == [("fired", "quiet", 7 * 60 + 59), ("resolved", "quiet", 8 * 60)]


def test_who_is_muted_and_inhibited_is_told_when_both_are_over():
    watch = Watch()
    watch.at(8 * 60, "store.degraded", "store.local")
    for minute in range(8 * 60 + 1, 9 * 60 + 30):
        watch.at(minute, "gate.started")
    assert watch.seen == [("fired", "down", 8 * 60)]
    watch.at(9 * 60 + 30, "store.restored")
    assert watch.passes(9 * 60 + 31)[2:] == [("fired", "quiet", 9 * 60 + 30)]


def muted(texts, moment):
    mutes = [Mute.model_validate(text) for text in texts]
    return muted_until(mutes, int(datetime.fromisoformat(moment).timestamp() * 1000)) is not None


@pytest.mark.parametrize(
    ("mute", "within", "without"),
    [
        ({}, ["2025-03-03T00:00Z", "2025-03-09T23:59:59Z"], []),
        ({"days": ["mon"], "from": "22:00", "to": "06:00"},
         ["2025-03-03T22:00Z", "2025-03-04T05:59:59Z"],
         ["2025-03-03T05:00Z", "2025-03-03T21:59:59Z", "2025-03-04T06:00Z", "2025-03-04T22:00Z"]),
        ({"days": ["sat", "sun"]},
         ["2025-03-08T00:00Z", "2025-03-09T23:59Z"], ["2025-03-07T23:59Z", "2025-03-10T00:00Z"]),
        ({"from": "08:00", "to": "09:00", "time_zone": "Europe/Berlin"},
         ["2025-03-29T07:30Z", "2025-03-30T06:30Z"], ["2025-03-29T06:30Z", "2025-03-30T07:30Z"]),
        # the night in which 02:00 is 03:00
        ({"from": "02:30", "to": "03:30", "time_zone": "Europe/Berlin"},
         ["2025-03-30T01:00Z", "2025-03-30T01:29Z"], ["2025-03-30T00:59Z", "2025-03-30T01:30Z"]),
        # the night in which 03:00 is 02:00
        ({"from": "01:00", "to": "02:30", "time_zone": "Europe/Berlin"},
         ["2025-10-26T00:29Z", "2025-10-26T01:29Z"], ["2025-10-26T00:30Z", "2025-10-26T01:30Z"]),
        ({"from": "00:00", "to": "24:00", "days": ["sun"], "time_zone": "Australia/Lord_Howe"},
         ["2025-04-05T13:00Z", "2025-04-06T13:29Z"], ["2025-04-05T12:59Z", "2025-04-06T13:30Z"]),
    ],
)  # fmt: skip
def test_a_mute_goes_by_the_clock_on_the_wall(mute, within, without):
    assert [moment for moment in within if not muted([mute], moment)] == []
    assert [moment for moment in without if muted([mute], moment)] == []


@pytest.mark.parametrize("moment", ["2025-03-30T00:20Z", "2025-10-26T00:20Z", "2025-07-01T00:20Z"])
def test_whoever_looks_again_when_told_to_finds_the_end_of_a_mute_to_the_minute(moment):
    mutes = [Mute.model_validate({"from": "01:00", "to": "04:07", "time_zone": "Europe/Berlin"})]
    at = int(datetime.fromisoformat(moment).timestamp() * 1000)
    looks = 0
    while (again := muted_until(mutes, at)) is not None:
        assert again > at
        at, looks = again, looks + 1
    assert datetime.fromtimestamp(at / 1000, UTC).strftime("%M:%S") == "07:00"
    assert muted_until(mutes, at - 1) is not None
    assert looks < 30


def test_two_mutes_side_by_side_are_one():
    two = [{"from": "08:00", "to": "09:00"}, {"from": "09:00", "to": "10:00"}]
    assert muted(two, "2025-03-03T09:00Z")
    assert not muted(two, "2025-03-03T10:00Z")
