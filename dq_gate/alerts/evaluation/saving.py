"""What an engine knows, as JSON takes it: what is saved of each rule, and who takes it up again. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from dq_gate.alerts.evaluation import notices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dq_gate.alerts.evaluation.groups import Group
    from dq_gate.alerts.evaluation.trackers.base import Tracker
    from dq_gate.alerts.rules import AlertRule

VERSION = 1

_WORDS_ONLY = {"examples", "summary", "message", "runbook", "mute", "inhibit"}
"""What may change in a rule without changing what it counts and when it fires."""


def digest(rule: AlertRule) -> str:
    """What a rule's definition is known by, as far as its state depends on it: 16 hexadecimal digits."""
    definition = rule.model_dump(mode="json", exclude=_WORDS_ONLY)
    return hashlib.sha256(orjson.dumps(definition, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def save_rule(tracker: Tracker, now: int) -> dict[str, Any]:
    """What a rule knows, and what resolves if it is gone when that is read."""
    rule = tracker.rule
    saved = tracker.save()  # first: to measure a group may note that it is found silent
    firing = [
        [notices.standing(rule, group, tracker.measure(group, now)), group.condition.is_told]
        for group in tracker.groups
        if group.condition.state == "firing"
    ]
    return {"digest": digest(rule), "tracker": saved, "firing": firing}


def restore_rules(trackers: Iterable[Tracker], saved: Mapping[str, Any]) -> dict[str, Tracker]:
    """Take up what was saved of rules that are the same; returns these, by name."""
    known = {}
    for tracker in trackers:
        found = saved.get(tracker.rule.name)
        if found is not None and found["digest"] == digest(tracker.rule):
            tracker.restore(found["tracker"])
            known[tracker.rule.name] = tracker
    return known


def removed(saved: Mapping[str, Any], known: Mapping[str, Tracker]) -> Iterator[tuple[dict[str, Any], bool]]:
    """What fired by rules that are gone or were changed, and whether somebody was told."""
    for name, rule in saved.items():
        if name not in known:
            for standing, is_told in rule["firing"]:
                yield standing, bool(is_told)


def placed(
    known: Mapping[str, Tracker], entries: Iterable[list[Any]]
) -> Iterator[tuple[Tracker, Group[Any], list[Any]]]:
    """Entries that begin with a rule's name and a group's key, with what these stand for, if it is still there."""
    for name, key, *rest in entries:
        tracker = known.get(name)
        group = tracker.groups.get(tuple(key)) if tracker is not None else None
        if tracker is not None and group is not None:
            yield tracker, group, rest
